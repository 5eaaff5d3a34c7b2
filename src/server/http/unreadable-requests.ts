/**
 * What is answered to bytes that are no request: HTTP that cannot be parsed, headers that are too long, a request
 * that does not arrive. Node's parser meets them before there is a request that a route or a hook could see.
 *
 * What holds: an answer never stands where the client waits for another one. What was asked before is answered first,
 * within a grace; a request that has its answer, or a part of it, gets no second one. Then the connection ends.
 */
import { type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { describeError, HttpError } from './http-error.ts'
import { jsonOf } from './json.ts'

/** What Node's parser says, by its code. Whatever else it says: the bytes are no HTTP. */
const known: Readonly<Record<string, HttpError>> = {
  HPE_HEADER_OVERFLOW: new HttpError(
    431,
    'InvalidArgumentError',
    'limit_exceeded',
    'The headers are longer than this server allows.',
  ),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: new HttpError(
    413,
    'InvalidArgumentError',
    'limit_exceeded',
    'The extensions of a chunk are longer than this server allows.',
  ),
  ERR_HTTP_REQUEST_TIMEOUT: new HttpError(
    408,
    'ChromaError',
    'timed_out',
    'The request did not arrive within the time that this server waits for one.',
  ),
}
const malformed = new HttpError(400, 'InvalidArgumentError', 'invalid_argument', 'This is not HTTP/1.1.')

/** How long an earlier answer may take until the connection ends with it; a feed would go on for ever. */
const graceMs = 2_000

/** What a connection is about. */
interface Connection {
  /** The answers that its client waits for. */
  awaited: Set<ServerResponse>
  newest: ServerResponse
  isEnding: boolean
}

/** Answers what one server cannot read. */
export class UnreadableRequests {
  readonly #connections = new WeakMap<Socket, Connection>()

  /** Takes note of the requests that a server can read. */
  watch(server: Server): void {
    server.on('request', ({ socket }, response) => {
      const { awaited } = this.#connections.get(socket) ?? { awaited: new Set() }
      this.#connections.set(socket, { awaited: awaited.add(response), newest: response, isEnding: false })
      response.once('close', () => awaited.delete(response))
    })
  }

  /** Answers where it can be understood, after what was asked before, and ends the connection. Never rejects. */
  async end(error: Error & { code?: string }, socket: Socket): Promise<void> {
    const connection = this.#connections.get(socket)
    if (connection === undefined) return finish(socket, answerTo(error.code))
    // What follows is no request either.
    if (connection.isEnding) return
    connection.isEnding = true
    socket.pause()
    const { awaited, newest } = connection
    // What broke off: the newest request, where it did not come whole, or else a new one.
    const broken = newest.req.complete ? null : newest
    const first = [...awaited].filter((response) => response !== broken || response.headersSent)
    await Promise.race([Promise.all(first.map(closeOf)), setTimeout(graceMs, null, { ref: false })])
    const isNext = broken?.headersSent !== true && !first.some((response) => awaited.has(response))
    finish(socket, isNext ? answerTo(error.code) : null)
  }
}

/** Also of one that fails: then it closes, too. */
function closeOf(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => response.once('close', resolve))
}

function finish(socket: Socket, answer: string | null): void {
  if (socket.writable && answer !== null) socket.write(answer)
  socket.destroy()
}

function answerTo(code: string | undefined): string {
  const { status, body } = describeError(known[code ?? ''] ?? malformed)
  const text = jsonOf({ ...body, fate: 'not_written' })
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
    '',
    text,
  ].join('\r\n')
}
