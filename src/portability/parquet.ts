/**
 * Apache Parquet: `id` string, `document`, `uri` and `metadata` (JSON) optional strings, `embedding` an optional
 * list of float. Row groups are written and read one by one.
 */
import type { ByteWriter, ColumnSource, ParquetWriter } from 'hyparquet-writer'
import { messageOf } from '../errors.ts'
import { parseExactJson } from '../format/exact-json.ts'
import { metadataText } from '../format/metadata-text.ts'
import { type ByteSource, Spool } from './byte-source.ts'
import type { ExchangeFormat } from './exchange-format.ts'
import type { RawRow } from './exchange-record.ts'
import type { ExchangeRecord } from './exchange-types.ts'
import { ParquetReader } from './parquet-reader.ts'
import type { Selection } from './selection.ts'

/** Row groups hold about this many vector values: what both sides keep in memory at once grows with it. */
const groupValues = 131_072
const groupRowsMax = 10_000

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
    // A library of its weight is loaded when it is needed.
    const { ByteWriter, ParquetWriter } = await import('hyparquet-writer')
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
    { name: 'metadata', data: group.map(({ metadata }) => metadata && metadataText(metadata)) },
  ]
  if (embeddings)
    columnData.push({
      name: 'embedding',
      data: group.map(({ embedding }) =>
        embedding instanceof Float32Array ? Array.from(embedding) : embedding,
      ),
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
  const reader = new ParquetReader(path, name, source?.signal ?? null)
  try {
    let line = 0
    for (let group = await reader.next(); group !== null; group = await reader.next()) {
      source?.countBytes(group.bytes)
      for (let index = 0; index < group.rows; index++) {
        const row: Record<string, unknown> = {}
        for (const [column, values] of Object.entries(group.columns)) row[column] = values[index]
        yield rawRow(++line, row)
      }
    }
  } finally {
    await reader.close()
  }
}

function rawRow(line: number, row: Record<string, unknown>): RawRow {
  const { metadata } = row
  if (typeof metadata !== 'string') return { line, value: { ...row, metadata } }
  try {
    return { line, value: { ...row, metadata: parseExactJson(Buffer.from(metadata)) } }
  } catch (error) {
    return { line, problem: `metadata is not valid JSON: ${messageOf(error)}.` }
  }
}
