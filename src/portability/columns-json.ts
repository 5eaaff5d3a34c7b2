/**
 * One JSON object in the column shape that `get` answers: `{"ids": [...], "embeddings": [[...], ...], ...}`.
 *
 * Columns do not stand side by side, so neither way fits into one pass over the records: an export reads them
 * once for each column, and an import puts each column into a temporary file first, one value on a line.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf, show } from '../errors.ts'
import { parseExactJson } from '../format/exact-json.ts'
import { metadataText } from '../format/metadata-text.ts'
import type { Include } from '../types.ts'
import { ByteSource, importFailed, type Line, linesOf, Spool } from './byte-source.ts'
import { ColumnScanner } from './column-scanner.ts'
import type { ExchangeFormat } from './exchange-format.ts'
import type { RawRow } from './exchange-record.ts'
import type { ExchangeRecord } from './exchange-types.ts'
import { vectorToJson } from './float-text.ts'
import type { Selection } from './selection.ts'

const keys = {
  ids: 'id',
  embeddings: 'embedding',
  documents: 'document',
  metadatas: 'metadata',
  uris: 'uri',
} as const
type Column = keyof typeof keys
const columns = Object.keys(keys) as Column[]

/** What Chroma's clients put beside the columns; it says nothing about the records. */
const ignored: ReadonlySet<string> = new Set(['include', 'included', 'data', 'distances'])

/** A column waits in memory until it has this much for its file. */
const spooledBytes = 1_048_576

export const columnsJson: ExchangeFormat = {
  // The ids are at hand.
  passes: ({ embeddings }) => (embeddings ? 4 : 3),

  async *encode(selection: Selection): AsyncGenerator<string, void, undefined> {
    yield '{"ids":['
    for (let start = 0; start < selection.ids.length; start += 1_000) {
      const part = selection.ids.slice(start, start + 1_000).map((id) => JSON.stringify(id))
      yield (start === 0 ? '' : ',') + part.join(',')
    }
    yield ']'
    const include: Include[] = ['documents', 'metadatas', 'uris']
    if (selection.embeddings) include.unshift('embeddings')
    else yield ',"embeddings":null'
    for (const column of include) yield* encodeColumn(selection, column as Exclude<Column, 'ids'>)
    yield `,"include":${JSON.stringify(include)}}\n`
  },

  async *decode(source: ByteSource): AsyncGenerator<RawRow, void, undefined> {
    const spool = new Spool()
    try {
      const counts = await spoolColumns(source, spool)
      const present = checkColumns(source.name, counts)
      yield* zipColumns(spool, present, counts.get('ids')!)
    } finally {
      spool.remove()
    }
  },
}

async function* encodeColumn(
  selection: Selection,
  column: Exclude<Column, 'ids'>,
): AsyncGenerator<string, void, undefined> {
  yield `,"${column}":[`
  let separator = ''
  for await (const page of selection.pages([column])) {
    yield separator + page.map((record) => valueToJson(record, column)).join(',')
    separator = ','
  }
  yield ']'
}

function valueToJson(record: ExchangeRecord, column: Exclude<Column, 'ids'>): string {
  if (column === 'metadatas') return metadataText(record.metadata)
  if (column !== 'embeddings') return JSON.stringify(record[keys[column]])
  return record.embedding === null ? 'null' : vectorToJson(record.embedding)
}

/** Puts each column into a file of the spool; answers how many values each has. */
async function spoolColumns(source: ByteSource, spool: Spool): Promise<Map<Column, number>> {
  const files = new Map<Column, { file: FileHandle; pending: Buffer[]; bytes: number; count: number }>()
  try {
    for (const column of columns)
      files.set(column, {
        file: await open(join(spool.folder, column), 'wx'),
        pending: [],
        bytes: 0,
        count: 0,
      })
    const scanner = new ColumnScanner(source.name, (column, value) => {
      const entry = files.get(column as Column)
      if (entry === undefined) return
      entry.pending.push(value, newline)
      entry.bytes += value.length + 1
      entry.count += 1
    })
    const seen = new Set<Column>()
    for await (const chunk of source.chunks()) {
      scanner.push(chunk)
      for (const entry of files.values()) if (entry.bytes > spooledBytes) await drain(entry)
    }
    for (const column of scanner.end()) if (checkColumn(source.name, column)) seen.add(column as Column)
    for (const entry of files.values()) await drain(entry)
    return new Map([...seen].map((column) => [column, files.get(column)!.count]))
  } finally {
    for (const { file } of files.values()) await file.close()
  }
}

const newline = Buffer.from('\n')

async function drain(entry: { file: FileHandle; pending: Buffer[]; bytes: number }): Promise<void> {
  await entry.file.writeFile(Buffer.concat(entry.pending))
  entry.pending = []
  entry.bytes = 0
}

function checkColumn(name: string, column: string): boolean {
  if (columns.some((known) => known === column)) return true
  if (ignored.has(column)) return false
  throw importFailed(
    `${name}: the column ${show(column)} is not known.`,
    undefined,
    `Known are: ${columns.join(', ')}.`,
  )
}

/** The columns beside the ids that are there; all must be as long as the ids. */
function checkColumns(name: string, counts: ReadonlyMap<Column, number>): Column[] {
  const ids = counts.get('ids')
  if (ids === undefined) throw importFailed(`${name} has no column "ids".`)
  for (const [column, count] of counts)
    if (count !== ids) throw importFailed(`${name}: the column ${column} has ${count} values for ${ids} ids.`)
  return [...counts.keys()].filter((column) => column !== 'ids')
}

async function* zipColumns(
  spool: Spool,
  present: readonly Column[],
  count: number,
): AsyncGenerator<RawRow, void, undefined> {
  const readers = new Map<Column, AsyncGenerator<Line>>()
  for (const column of ['ids' as const, ...present])
    readers.set(column, linesOf(new ByteSource(join(spool.folder, column), null).chunks(), column))
  try {
    for (let line = 1; line <= count; line++) {
      const texts: [Column, string | null][] = []
      for (const [column, reader] of readers) texts.push([column, (await reader.next()).value?.text ?? null])
      yield parseValues(line, texts)
    }
  } finally {
    for (const reader of readers.values()) await reader.return(undefined)
  }
}

function parseValues(line: number, texts: [Column, string | null][]): RawRow {
  const value: Record<string, unknown> = {}
  for (const [column, text] of texts) {
    if (text === null) return { line, problem: `Its value in ${column} is not valid UTF-8.` }
    try {
      value[keys[column]] =
        column === 'metadatas' ? parseExactJson(Buffer.from(text)) : (JSON.parse(text) as unknown)
    } catch (error) {
      return { line, problem: `Its value in ${column} is not valid JSON: ${messageOf(error)}.` }
    }
  }
  return { line, value }
}
