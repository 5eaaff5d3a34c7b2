import { systemEnv } from '../../env.ts'
import type { Point, WriteOptions, WriteReceipt } from '../../types.ts'
import { formatPoint } from '../../wire/point.ts'
import { asOfHeader, decodeReceipt, encodeWriteOptions, wholeNumber } from '../../wire/write-headers.ts'
import type { CallOrder } from '../call-order.ts'
import { answerInvalid, asWrite } from './failure.ts'
import type { Parameters } from './paths.ts'
import type { Answer, Call, Transport } from './transport.ts'

/** What a client of a server shares with its collections and views. */
export interface RemoteSession {
  /** The way to the server. Throws `store_closed` after the client was closed. */
  transport(): Transport
  readonly order: CallOrder
  readonly tenant: string
  readonly database: string
}

/** Where a view stands: now, or at a point of the past, which the server resolves once, at the first read that can. */
export class RemotePoint {
  #text: string | undefined

  constructor(point: Point | null) {
    this.#text = point === null ? undefined : formatPoint(point)
  }

  get parameters(): Parameters {
    return { as_of: this.#text }
  }

  /** From now on it is the position that it stood for. */
  note(header: Answer['header']): void {
    if (this.#text !== undefined && wholeNumber(header(asOfHeader)) !== null) this.#text = header(asOfHeader)!
  }
}

/** What a server answers to a write. */
export interface Written {
  receipt: WriteReceipt
  body: unknown
}

/** Sends a write. It has an idempotency key always, so that it can be repeated when its answer was lost. */
export async function sendWrite(transport: Transport, call: Call, options: WriteOptions): Promise<Written> {
  const { header, body } = await sendKeyed(transport, call, options)
  const receipt = decodeReceipt(header)
  if (receipt !== null) return { receipt, body }
  throw asWrite(answerInvalid(`${call.method} ${call.path}`, 'has no receipt'), true)
}

/** Sends a write that takes its time, and whose receipt is a part of its answer. */
export async function sendErasure(transport: Transport, call: Call, options: WriteOptions): Promise<unknown> {
  return (await sendKeyed(transport, { ...call, timeoutMs: null }, options)).body
}

function sendKeyed(transport: Transport, call: Call, options: WriteOptions): Promise<Answer> {
  const { idempotencyKey = systemEnv.uuid() } = options
  const headers = encodeWriteOptions({ ...options, idempotencyKey })
  return transport.json({ ...call, headers, isWrite: true })
}
