/** What comes bit by bit: lines of JSON, the progress and result of long work, and server-sent events. */
import { TextDecoder } from 'node:util'
import type { EventSourceMessage } from 'eventsource-parser'
import { AnnalsError } from '../../errors.ts'
import { isPlainObject } from '../../validation/values.ts'
import { decodeError, streamErrorKey } from '../../wire/error-body.ts'
import { parsePlainJson } from '../../wire/json.ts'
import { connectionLost } from './failure.ts'
import type { Call, OpenAnswer, Transport } from './transport.ts'

/** A server says something at least every 15 s; one that was silent for so long is not there any more. */
export const silenceMs = 60_000

/** The values of a stream of lines (NDJSON). Throws the error that its last line tells of. */
export async function* lines({
  chunks,
}: Pick<OpenAnswer, 'chunks'>): AsyncGenerator<unknown, void, undefined> {
  const decoder = new TextDecoder()
  let rest: string[] = []
  for await (const chunk of chunks) {
    const [first, ...more] = decoder.decode(chunk, { stream: true }).split('\n')
    rest.push(first!)
    // A line may come in many pieces: they are joined once.
    for (const next of more) {
      yield* itemsOf(rest.join(''))
      rest = [next]
    }
  }
  yield* itemsOf(rest.join(''))
}

/** An empty line says only that the server is there. */
function* itemsOf(line: string): Generator<unknown, void, undefined> {
  if (line.trim() === '') return
  const value = parsed(line)
  if (isPlainObject(value) && Object.hasOwn(value, streamErrorKey)) throw told(value[streamErrorKey])
  yield value
}

/** The error that a server tells of inside a stream. */
function told(body: unknown): AnnalsError {
  return (
    decodeError(body, 500) ?? new AnnalsError('answer_invalid', 'The server told of an error without words.')
  )
}

function parsed(text: string): unknown {
  try {
    return parsePlainJson(text)
  } catch (cause) {
    throw new AnnalsError('answer_invalid', 'A line of the answer is not JSON.', { cause })
  }
}

/** What a job tells while it runs. */
export interface Listeners {
  onProgress?: ((progress: never) => void) | undefined
  onFinding?: ((finding: never) => void) | undefined
}

/**
 * Long work on the server: tells how far it is, and answers its result. It ends with the connection. A server that
 * was silent for `idleMs` is not there any more.
 */
export async function runJob<T>(
  transport: Transport,
  call: Call,
  listeners: Listeners,
  idleMs: number = silenceMs,
): Promise<T> {
  const started = await transport.stream({ ...call, timeoutMs: idleMs, isRepeatable: false }, idleMs)
  try {
    for await (const line of lines(started)) {
      const { progress, finding, result } = line as { progress?: never; finding?: never; result?: T }
      if (result !== undefined) return result
      if (progress !== undefined) listeners.onProgress?.(progress)
      if (finding !== undefined) listeners.onFinding?.(finding)
    }
  } catch (error) {
    throw lostAs(error, call)
  }
  throw lostAs(connectionLost(transport.origin, new Error('it ended before the result')), call)
}

/** A job that writes and whose end was not heard may have written. */
function lostAs(error: unknown, { isWrite = false }: Call): unknown {
  if (!isWrite || !(error instanceof AnnalsError) || error.fate !== undefined) return error
  const { code, message, hint, cause } = error
  return new AnnalsError(code, message, { ...(hint !== undefined && { hint }), cause, fate: 'indeterminate' })
}

/** Server-sent events; comments are passed over. */
export async function* events({ chunks }: OpenAnswer): AsyncGenerator<EventSourceMessage, void, undefined> {
  const { createParser } = await import('eventsource-parser')
  const decoder = new TextDecoder()
  let waiting: EventSourceMessage[] = []
  const parser = createParser({ onEvent: (event) => waiting.push(event) })
  for await (const chunk of chunks) {
    parser.feed(decoder.decode(chunk, { stream: true }))
    const told = waiting
    waiting = []
    yield* told
  }
}

/** The error in the data of an event. */
export function eventError({ data }: EventSourceMessage): AnnalsError {
  return told(parsed(data))
}
