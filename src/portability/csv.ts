/**
 * CSV after RFC 4180 with a header: `id`, `document`, `uri`, `metadata`, `embedding`. Metadata and embedding are
 * JSON texts, so that their types come back. Every text is quoted, and `null` is an empty field without quotes.
 */
import { pipeline, Readable } from 'node:stream'
import { messageOf, show } from '../errors.ts'
import { parseExactJson } from '../format/exact-json.ts'
import { metadataText } from '../format/metadata-text.ts'
import { type ByteSource, importFailed, recordBytesMax } from './byte-source.ts'
import type { ExchangeFormat } from './exchange-format.ts'
import type { RawRow } from './exchange-record.ts'
import type { ExchangeRecord } from './exchange-types.ts'
import { vectorToJson } from './float-text.ts'
import type { Selection } from './selection.ts'

const columns = ['id', 'document', 'uri', 'metadata', 'embedding'] as const
type Column = (typeof columns)[number]
type Cells = Partial<Record<Column, string | null>>

export const csv: ExchangeFormat = {
  passes: () => 1,

  async *encode(selection: Selection): AsyncGenerator<string, void, undefined> {
    // Loaded when it is needed, as all formats' libraries are: whoever opens a store does not wait for them.
    const { stringify } = await import('csv-stringify/sync')
    const header = selection.embeddings ? columns : columns.slice(0, -1)
    yield `${header.join(',')}\r\n`
    for await (const page of selection.pages())
      yield stringify(
        page.map((record) => rowOf(record).slice(0, header.length)),
        { quoted_string: true, record_delimiter: 'windows' },
      )
  },

  async *decode(source: ByteSource): AsyncGenerator<RawRow, void, undefined> {
    const { CsvError, parse } = await import('csv-parse')
    const parser = parse({
      bom: true,
      columns: checkHeader,
      info: true,
      max_record_size: recordBytesMax,
      record_delimiter: ['\r\n', '\n'],
      skip_empty_lines: true,
      cast: (text, { quoting, header }) => (text === '' && !quoting && !header ? null : text),
    })
    pipeline(Readable.from(source.chunks(), { objectMode: false }), parser, () => undefined)
    try {
      for await (const { record, info } of parser as AsyncIterable<{
        record: Cells
        info: { lines: number }
      }>)
        yield rawRow(info.lines, record)
    } catch (error) {
      if (error instanceof CsvError)
        throw importFailed(`${source.name} is not valid CSV: ${messageOf(error)}.`, error)
      throw error
    }
  },
}

function rowOf({ id, document, uri, metadata, embedding }: ExchangeRecord): (string | null)[] {
  const vector = embedding === null ? null : vectorToJson(embedding)
  return [id, document, uri, metadata === null ? null : metadataText(metadata), vector]
}

function checkHeader(names: string[]): string[] {
  const unknown = names.find((name) => !columns.some((column) => column === name))
  if (unknown !== undefined)
    throw importFailed(
      `The CSV column ${show(unknown)} is not known.`,
      undefined,
      `Known are: ${columns.join(', ')}. Put other columns into the JSON of metadata.`,
    )
  const repeated = names.find((name, index) => names.indexOf(name) !== index)
  if (repeated !== undefined) throw importFailed(`The CSV column ${show(repeated)} stands there twice.`)
  if (!names.includes('id')) throw importFailed('The CSV file has no column "id".')
  return names
}

function rawRow(line: number, cells: Cells): RawRow {
  try {
    const metadata = jsonCell(cells, 'metadata')
    const embedding = jsonCell(cells, 'embedding')
    return { line, value: { id: cells.id, document: cells.document, uri: cells.uri, metadata, embedding } }
  } catch (error) {
    return { line, problem: messageOf(error) }
  }
}

/** An empty cell is `null` here even with quotes: many programs quote every field. */
function jsonCell(cells: Cells, column: Column): unknown {
  const text = cells[column]
  if (text == null || text === '') return null
  try {
    return column === 'metadata' ? parseExactJson(Buffer.from(text)) : (JSON.parse(text) as unknown)
  } catch (error) {
    throw new Error(`${column} is not valid JSON: ${messageOf(error)}.`)
  }
}
