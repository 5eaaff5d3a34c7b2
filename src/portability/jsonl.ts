/** JSON Lines: one record on each line, `{"id", "embedding", "document", "metadata", "uri"}`. */
import { messageOf } from '../errors.ts'
import { parseExactJson } from '../format/exact-json.ts'
import { metadataText } from '../format/metadata-text.ts'
import { type ByteSource, linesOf } from './byte-source.ts'
import type { ExchangeFormat } from './exchange-format.ts'
import type { RawRow } from './exchange-record.ts'
import type { ExchangeRecord } from './exchange-types.ts'
import { vectorToJson } from './float-text.ts'
import type { Selection } from './selection.ts'

export const jsonl: ExchangeFormat = {
  passes: () => 1,

  async *encode(selection: Selection): AsyncGenerator<string, void, undefined> {
    for await (const page of selection.pages()) yield page.map(recordToLine).join('')
  },

  async *decode(source: ByteSource): AsyncGenerator<RawRow, void, undefined> {
    for await (const { line, text } of linesOf(source.chunks(), source.name)) {
      if (text === null) yield { line, problem: 'The line is not valid UTF-8.' }
      else yield parseRow(line, text)
    }
  },
}

function recordToLine({ id, embedding, document, metadata, uri }: ExchangeRecord): string {
  const vector = embedding === null ? '' : `"embedding":${vectorToJson(embedding)},`
  const rest = `"document":${JSON.stringify(document)},"metadata":${metadataText(metadata)},"uri":${JSON.stringify(uri)}`
  return `{"id":${JSON.stringify(id)},${vector}${rest}}\n`
}

function isEmbedding(key: string, depth: number): boolean {
  return depth === 1 && key === 'embedding'
}

function parseRow(line: number, text: string): RawRow {
  try {
    return { line, value: parseExactJson(Buffer.from(text), isEmbedding) }
  } catch (error) {
    return { line, problem: `The line is not valid JSON: ${messageOf(error)}.` }
  }
}
