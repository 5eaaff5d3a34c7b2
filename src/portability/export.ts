import type { Writable } from 'node:stream'
import { show } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Where, WhereDocument } from '../types.ts'
import { checkKeys, checkObject, invalid } from '../validation/values.ts'
import { openSink } from './byte-sink.ts'
import type { ExchangeFormat } from './exchange-format.ts'
import type { ExchangeFormatName, ExportSource } from './exchange-types.ts'
import { formatNamed } from './formats.ts'
import { checkControl, type ExchangeControl, type OnProgress } from './progress.ts'
import { Selection, type SelectionOptions } from './selection.ts'

export interface ExportOptions extends ExchangeControl {
  format: ExchangeFormatName
  /** Whether vectors are written; default true. */
  embeddings?: boolean
  /** Only records that fit; default all. */
  where?: Where
  whereDocument?: WhereDocument
}

/** What an export wrote. */
export interface ExportReport {
  records: number
  bytes: number
}

/**
 * Writes the records of a collection to a file or a stream, in insertion order.
 *
 * All records are read as of one position, so writes that go on meanwhile are not seen. A file appears under
 * its name only when it is whole and on the disk; one that was there is replaced. A stream is written to at its
 * pace and is not ended. The ids of the collection are held in memory, and one batch of records.
 *
 * Vectors come back bit for bit from every format. The configuration of the collection, its history and its
 * embedding function are not part of an export: for these there is a backup.
 *
 * @param collection a `Collection`, or one of the past: `collection.asOf(point)`
 * @param target the path of a file, or a stream
 * @throws AnnalsError `export_failed` when the target cannot be written; `invalid_argument`,
 *   `unsupported_option`, `invalid_filter`; what `get` throws; the signal's reason
 *
 * @example
 * await exportCollection(notes, 'notes.jsonl', { format: 'jsonl' })
 * await exportCollection(notes.asOf(yesterday), 'notes.parquet', { format: 'parquet', where: { topic: 'x' } })
 */
export async function exportCollection(
  collection: ExportSource,
  target: string | Writable,
  options: ExportOptions,
): Promise<ExportReport> {
  const { format, onProgress, ...selected } = checkOptions(options)
  checkTarget(target)
  const selection = await Selection.open(collection, selected)
  const report = (bytes: number) => progressOf(collection.name, format, selection, bytes, onProgress)
  const sink = await openSink(target, selected.signal)
  try {
    for await (const chunk of format.encode(selection)) {
      await sink.write(chunk)
      report(sink.bytes)
    }
    selected.signal?.throwIfAborted()
    await sink.finish()
  } catch (error) {
    await sink.abandon()
    throw error
  }
  return { records: selection.ids.length, bytes: sink.bytes }
}

function progressOf(
  collection: string,
  format: ExchangeFormat,
  selection: Selection,
  bytes: number,
  onProgress: OnProgress,
): void {
  const records = Math.floor(selection.read / format.passes(selection))
  onProgress({ collection, records, total: selection.ids.length, bytes })
}

function checkOptions(
  options: unknown,
): SelectionOptions & { format: ExchangeFormat; onProgress: OnProgress } {
  const given = checkObject(options, 'exportCollection')
  const known = ['format', 'embeddings', 'where', 'whereDocument', 'signal', 'onProgress', 'batchSize']
  checkKeys(given, known, 'exportCollection')
  const { embeddings = true, where = null, whereDocument = null } = given
  if (typeof embeddings !== 'boolean') throw invalid('embeddings', 'must be true or false', embeddings)
  return {
    format: formatNamed(given.format),
    embeddings,
    // `get` checks them.
    where: where as Where | null,
    whereDocument: whereDocument as WhereDocument | null,
    ...checkControl(given, 'exportCollection', limits.recordsPerWriteMax),
  }
}

function checkTarget(target: unknown): void {
  if (typeof target === 'string' && target !== '') return
  if (typeof (target as { write?: unknown } | null)?.write === 'function') return
  throw invalid('target', 'must be the path of a file or a writable stream', show(target))
}
