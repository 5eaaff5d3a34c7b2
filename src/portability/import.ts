import type { Readable } from 'node:stream'
import { show } from '../errors.ts'
import { limits } from '../limits.ts'
import type { WriteOptions } from '../types.ts'
import { checkKeys, checkObject, checkText, invalid } from '../validation/values.ts'
import { BatchWriter, type ImportMode } from './batch-writer.ts'
import { ByteSource, importFailed } from './byte-source.ts'
import type { ExchangeFormat } from './exchange-format.ts'
import { type CheckedRecord, checkRecord, idOf, type RawRow, reasonOf } from './exchange-record.ts'
import type { ExchangeFormatName, FailedRecord, ImportTarget } from './exchange-types.ts'
import { formatNamed } from './formats.ts'
import { checkControl, type ExchangeControl, type OnProgress } from './progress.ts'

export interface ImportOptions extends ExchangeControl {
  format: ExchangeFormatName
  /**
   * Default `upsert`: adds what is new and changes what exists. `add` leaves existing records as they are.
   * Either way an import that broke off can be repeated.
   */
  mode?: ImportMode
  /** Default `stop`: the first bad record ends the import. `skip`: it is reported, and the rest imported. */
  onError?: 'stop' | 'skip'
  /**
   * With a key, each batch gets one of its own, made of this and of the lines it holds: the same file imported
   * again with the same key and batch size writes nothing twice. At most 200 characters.
   */
  idempotencyKey?: string
  /** Kept in the log with every batch. */
  actor?: string
  reason?: string
}

/** What an import did. */
export interface ImportReport {
  /** Records that the collection holds now, those included that were there already. */
  records: number
  /** Operation records that were appended for them. */
  changed: number
  /** How many records were skipped. */
  failed: number
  /** The first 1,000 of them. Lines count from 1; for `json` and `parquet` it is the record's number. */
  failures: (FailedRecord & { line: number })[]
  /** Bytes read. */
  bytes: number
}

const failuresMax = 1_000

interface CheckedOptions {
  format: ExchangeFormat
  mode: ImportMode
  onError: 'stop' | 'skip'
  idempotencyKey: string | null
  write: WriteOptions
  signal: AbortSignal | null
  onProgress: OnProgress
  batchSize: number
}

/**
 * Reads records from a file or a stream into a collection, in batches of one transaction each.
 *
 * Records without an embedding get that of their document, if the collection has an embedding function. A
 * record that stands there twice counts as the later one (`upsert`) or the first (`add`). One batch is held in
 * memory, of Parquet one row group; JSON columns, and Parquet from a stream, go through a temporary file.
 *
 * @param source the path of a file, or a stream of bytes
 * @throws AnnalsError `import_failed` when the source cannot be read or, with `onError: 'stop'`, for the first
 *   bad record, which it names by its line; earlier batches stay. `invalid_argument`, `unsupported_option`;
 *   what `add` and `upsert` throw; the signal's reason
 *
 * @example
 * const report = await importCollection('notes.jsonl', notes, { format: 'jsonl', onError: 'skip' })
 * for (const { line, reason } of report.failures) console.error(line, reason)
 */
export async function importCollection(
  source: string | Readable,
  collection: ImportTarget,
  options: ImportOptions,
): Promise<ImportReport> {
  const checked = checkOptions(options)
  checkSource(source)
  return new FileImport(new ByteSource(source, checked.signal), collection, checked).run()
}

/** One import under way. */
class FileImport {
  readonly #source: ByteSource
  readonly #collection: ImportTarget
  readonly #options: CheckedOptions
  readonly #writer: BatchWriter
  readonly #failures: ImportReport['failures'] = []
  #failed = 0

  constructor(source: ByteSource, collection: ImportTarget, options: CheckedOptions) {
    this.#source = source
    this.#collection = collection
    this.#options = options
    const { mode, batchSize, write, idempotencyKey } = options
    const onRefused = (record: CheckedRecord, line: number, reason: string) =>
      this.#fail(line, record.id, reason)
    this.#writer = new BatchWriter(collection, { mode, batchSize, write, idempotencyKey, onRefused })
  }

  async run(): Promise<ImportReport> {
    const { format, signal } = this.#options
    for await (const row of format.decode(this.#source)) {
      const record = this.#check(row)
      if (record === null) continue
      if (!(await this.#writer.put(record, row.line))) continue
      this.#progress()
      signal?.throwIfAborted()
    }
    await this.#writer.flush()
    this.#progress()
    const { written, changed } = this.#writer
    const { bytes } = this.#source
    return { records: written, changed, failed: this.#failed, failures: this.#failures, bytes }
  }

  #check({ line, value, problem }: RawRow): CheckedRecord | null {
    if (problem !== undefined) return this.#fail(line, null, problem)
    try {
      return checkRecord(value)
    } catch (error) {
      return this.#fail(line, idOf(value), reasonOf(error))
    }
  }

  #fail(line: number, id: string | null, reason: string): null {
    if (this.#options.onError === 'stop') {
      const which = id === null ? '' : ` (record ${show(id)})`
      throw importFailed(
        `${this.#source.name}, line ${line}${which}: ${reason}`,
        undefined,
        `${this.#writer.written} records before it were written. Mend it and import again, or skip what is bad with onError: 'skip'.`,
      )
    }
    this.#failed += 1
    if (this.#failures.length < failuresMax) this.#failures.push({ line, id, reason })
    return null
  }

  #progress(): void {
    const { name: collection } = this.#collection
    const { bytes } = this.#source
    this.#options.onProgress({ collection, records: this.#writer.written, total: null, bytes })
  }
}

function checkOptions(options: unknown): CheckedOptions {
  const given = checkObject(options, 'importCollection')
  const control = ['signal', 'onProgress', 'batchSize']
  const known = ['format', 'mode', 'onError', 'idempotencyKey', 'actor', 'reason', ...control]
  checkKeys(given, known, 'importCollection')
  const { mode = 'upsert', onError = 'stop', idempotencyKey = null } = given
  if (mode !== 'add' && mode !== 'upsert') throw invalid('mode', "must be 'add' or 'upsert'", mode)
  if (onError !== 'stop' && onError !== 'skip') throw invalid('onError', "must be 'stop' or 'skip'", onError)
  return {
    format: formatNamed(given.format),
    mode,
    onError,
    // The lines that a batch holds follow behind it.
    idempotencyKey: idempotencyKey === null ? null : checkText(idempotencyKey, 'idempotencyKey', 200),
    write: checkAuthor(given),
    ...checkControl(given, 'importCollection', limits.recordsPerWriteMax),
  }
}

/** Who imports, and why: goes into the log with each write. */
export function checkAuthor({ actor, reason }: Record<string, unknown>): WriteOptions {
  return {
    ...(actor != null && { actor: checkText(actor, 'actor', limits.actorLengthMax) }),
    ...(reason != null && { reason: checkText(reason, 'reason', limits.reasonLengthMax) }),
  }
}

function checkSource(source: unknown): void {
  if (typeof source === 'string' && source !== '') return
  if (typeof (source as { pipe?: unknown } | null)?.pipe === 'function') return
  throw invalid('source', 'must be the path of a file or a readable stream', source)
}
