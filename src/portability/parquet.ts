/**
 * Apache Parquet: `id` string, `document`, `uri` and `metadata` (JSON) optional strings, `embedding` an optional
 * list of float. Row groups are written and read one by one.
 */
import { isUtf8 } from 'node:buffer'
import { type FileHandle, open } from 'node:fs/promises'
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { ByteWriter, type ColumnSource, ParquetWriter } from 'hyparquet-writer'
import { messageOf, show } from '../errors.ts'
import { type ByteSource, importFailed, Spool } from './byte-source.ts'
import type { ExchangeFormat } from './exchange-format.ts'
import type { RawRow } from './exchange-record.ts'
import type { ExchangeRecord } from './exchange-types.ts'
import type { Selection } from './selection.ts'

/** Row groups hold about this many vector values: what both sides keep in memory at once grows with it. */
const groupValues = 1_000_000
const groupRowsMax = 10_000

const columns = ['id', 'document', 'uri', 'metadata', 'embedding'] as const

/** What pandas leaves behind when it writes a frame with its index. */
const ignored: ReadonlySet<string> = new Set(['__index_level_0__'])

type SchemaElement = ConstructorParameters<typeof ParquetWriter>[0]['schema'][number]

function text(name: string, repetition_type: 'REQUIRED' | 'OPTIONAL'): SchemaElement {
  return {
    name,
    type: 'BYTE_ARRAY',
    converted_type: 'UTF8',
    logical_type: { type: 'STRING' },
    repetition_type,
  }
}

const textSchema: SchemaElement[] = [
  text('id', 'REQUIRED'),
  text('document', 'OPTIONAL'),
  text('uri', 'OPTIONAL'),
  text('metadata', 'OPTIONAL'),
]

const embeddingSchema: SchemaElement[] = [
  {
    name: 'embedding',
    converted_type: 'LIST',
    logical_type: { type: 'LIST' },
    repetition_type: 'OPTIONAL',
    num_children: 1,
  },
  { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
  { name: 'element', type: 'FLOAT', repetition_type: 'REQUIRED' },
]

export const parquet: ExchangeFormat = {
  passes: () => 1,

  async *encode(selection: Selection): AsyncGenerator<Uint8Array, void, undefined> {
    const { embeddings } = selection
    const root: SchemaElement = { name: 'root', num_children: embeddings ? 5 : 4 }
    const schema = [root, ...textSchema, ...(embeddings ? embeddingSchema : [])]
    const bytes = new ByteWriter(1_048_576)
    const writer = new ParquetWriter({ writer: bytes, schema, createdBy: 'annals' })
    let group: ExchangeRecord[] = []
    for await (const page of selection.pages()) {
      group.push(...page)
      if (group.length < groupRows(group)) continue
      writeGroup(writer, group, embeddings)
      group = []
      yield take(bytes)
    }
    if (group.length > 0) writeGroup(writer, group, embeddings)
    writer.finish()
    yield take(bytes)
  },

  async *decode(source: ByteSource): AsyncGenerator<RawRow, void, undefined> {
    if (source.path !== null) {
      yield* readFile(source.path, source)
      return
    }
    // A Parquet file is read from its end, and a stream has none before it is over.
    const spool = new Spool()
    try {
      yield* readFile(await spool.copy(source, 'parquet'), null)
    } finally {
      spool.remove()
    }
  },
}

function groupRows(group: readonly ExchangeRecord[]): number {
  const dimension = group[0]?.embedding?.length ?? 1
  return Math.min(groupRowsMax, Math.ceil(groupValues / dimension))
}

function writeGroup(writer: ParquetWriter, group: readonly ExchangeRecord[], embeddings: boolean): void {
  const columnData: ColumnSource[] = [
    { name: 'id', data: group.map(({ id }) => id) },
    { name: 'document', data: group.map(({ document }) => document) },
    { name: 'uri', data: group.map(({ uri }) => uri) },
    { name: 'metadata', data: group.map(({ metadata }) => metadata && JSON.stringify(metadata)) },
  ]
  if (embeddings)
    columnData.push({
      name: 'embedding',
      data: group.map(({ embedding }) => embedding && Array.from(embedding)),
      // Floats of embeddings neither repeat nor compress; trying costs ten times the writing.
      encoding: 'PLAIN',
      codec: 'UNCOMPRESSED',
      statistics: false,
    })
  writer.write({ columnData, rowGroupSize: group.length })
}

/** What was written since the last time, and the buffer free again. */
function take(bytes: ByteWriter): Uint8Array {
  const taken = bytes.getBytes().slice()
  bytes.index = 0
  return taken
}

async function* readFile(path: string, source: ByteSource | null): AsyncGenerator<RawRow, void, undefined> {
  const name = source?.name ?? 'The source stream'
  let handle: FileHandle
  try {
    handle = await open(path, 'r')
  } catch (error) {
    throw importFailed(`${name} cannot be read: ${messageOf(error)}.`, error)
  }
  try {
    const file = bufferOf(handle, (await handle.stat()).size, source)
    const metadata = await readMetadata(file, name)
    let rowStart = 0
    for (const { num_rows } of metadata.row_groups) {
      const rowEnd = rowStart + Number(num_rows)
      const rows = await readRows({ file, metadata, rowStart, rowEnd }, name)
      for (let index = 0; index < rows.length; index++) yield rawRow(rowStart + index + 1, rows[index]!)
      rowStart = rowEnd
    }
  } finally {
    await handle.close()
  }
}

async function readMetadata(file: AsyncBuffer, name: string): Promise<FileMetaData> {
  try {
    const metadata = await parquetMetadataAsync(file)
    checkSchema(metadata, name)
    return metadata
  } catch (error) {
    throw unreadable(name, error)
  }
}

/**
 * The rows of one row group. Column by column: hyparquet starts to read all of a group's columns at once, and when
 * one is damaged, another's failure is nobody's to handle.
 */
async function readRows(
  options: { file: AsyncBuffer; metadata: FileMetaData; rowStart: number; rowEnd: number },
  name: string,
): Promise<Record<string, unknown>[]> {
  const count = options.rowEnd - options.rowStart
  const rows = Array.from({ length: count }, (): Record<string, unknown> => ({}))
  try {
    for (const column of columnsIn(options.metadata)) {
      const values: Record<string, unknown>[] = await parquetReadObjects({
        ...options,
        columns: [column],
        parsers,
      })
      if (values.length !== count)
        throw new Error(`the column ${column} has ${values.length} values for ${count} rows`)
      for (let index = 0; index < count; index++) rows[index]![column] = values[index]![column]
    }
    return rows
  } catch (error) {
    throw unreadable(name, error)
  }
}

/** Text bit for bit: hyparquet's own way drops a byte order mark, and puts question marks for what is no UTF-8. */
const parsers = {
  stringFromBytes(bytes: Uint8Array | undefined): string | undefined {
    if (bytes === undefined) return undefined
    if (!isUtf8(bytes)) throw new Error('a text is not valid UTF-8')
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  },
}

/** Names of the columns of the file that are known. */
function columnsIn(metadata: FileMetaData): string[] {
  return topLevel(metadata).filter((name) => !ignored.has(name))
}

function checkSchema(metadata: FileMetaData, name: string): void {
  const names = columnsIn(metadata)
  const unknown = names.find((column) => !columns.some((known) => known === column))
  if (unknown !== undefined)
    throw importFailed(
      `${name}: the column ${show(unknown)} is not known.`,
      undefined,
      `Known are: ${columns.join(', ')}. Put other columns into the JSON of metadata.`,
    )
  if (!names.includes('id')) throw importFailed(`${name} has no column "id".`)
}

function topLevel({ schema }: FileMetaData): string[] {
  const names: string[] = []
  // The schema is a tree in preorder: children stand behind their parent, which says how many it has.
  let index = 1
  const skip = (): void => {
    const children = schema[index++]?.num_children ?? 0
    for (let child = 0; child < children && index < schema.length; child++) skip()
  }
  while (index < schema.length) {
    names.push(schema[index]!.name)
    skip()
  }
  return names
}

function bufferOf(handle: FileHandle, byteLength: number, source: ByteSource | null): AsyncBuffer {
  return {
    byteLength,
    async slice(start: number, end: number = byteLength): Promise<ArrayBuffer> {
      // A damaged footer names places that are not there.
      if (!(start >= 0 && end >= start && end <= byteLength)) throw new RangeError('it ends too early')
      const bytes = new Uint8Array(end - start)
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start)
      source?.countBytes(bytesRead)
      return bytes.buffer
    },
  }
}

function rawRow(line: number, row: Record<string, unknown>): RawRow {
  const { metadata } = row
  if (typeof metadata !== 'string') return { line, value: { ...row, metadata } }
  try {
    return { line, value: { ...row, metadata: JSON.parse(metadata) as unknown } }
  } catch (error) {
    return { line, problem: `metadata is not valid JSON: ${messageOf(error)}.` }
  }
}

function unreadable(name: string, error: unknown): unknown {
  if (error instanceof Error && error.name === 'AnnalsError') return error
  return importFailed(
    `${name} cannot be read as Parquet: ${messageOf(error)}.`,
    error,
    'Files must be whole, not encrypted, and not compressed or compressed with Snappy.',
  )
}
