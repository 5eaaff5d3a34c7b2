import { Readable } from 'node:stream'
import type { WriteReceipt } from '../../types.ts'
import { jsonOf } from './json.ts'

/** What a handler answers: bytes, what they are, and which write they tell of. */
export interface Answer {
  /** Default: the status that the route declares. */
  status?: number
  type: string | null
  body: string | Readable | null
  headers?: Readonly<Record<string, string>>
  receipt?: WriteReceipt
}

export const jsonType = 'application/json'
export const linesType = 'application/x-ndjson'
export const eventsType = 'text/event-stream'
export const bytesType = 'application/octet-stream'

/** One JSON value. */
export function json(value: unknown, receipt?: WriteReceipt): Answer {
  return { type: jsonType, body: jsonOf(value), ...(receipt !== undefined && { receipt }) }
}

/** JSON text that is already written, in pieces: for answers too large to be made in one turn. */
export function jsonText(pieces: AsyncIterable<string>): Answer {
  return { type: jsonType, body: Readable.from(pieces, { objectMode: false }) }
}
