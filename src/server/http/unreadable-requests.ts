/**
 * What is answered to bytes that are no request: HTTP that cannot be parsed, headers that are too long, a request
 * that does not arrive. Node's parser meets them before there is a request that a route or a hook could see.
 *
 * What holds: an answer never stands where the client waits for that of an earlier request. That one goes first;
 * where a part of an answer to the same request is sent, the connection ends.
 */
import { once } from 'node:events'
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

/** Answers what one server cannot read. */
export class UnreadableRequests {
  /** The answers that each connection waits for. */
  readonly #awaited = new WeakMap<Socket, Set<ServerResponse>>()
  readonly #ending = new WeakSet<Socket>()

  /** Takes note of the requests that a server can read. */
  watch(server: Server): void {
    server.on('request', ({ socket }, response) => {
      const awaited = this.#awaited.get(socket) ?? new Set()
      this.#awaited.set(socket, awaited.add(response))
      response.once('close', () => awaited.delete(response))
    })
  }

  /** Answers where it can be understood, after what was asked before, and ends the connection. */
  async end(error: Error & { code?: string }, socket: Socket): Promise<void> {
    // What follows is no request either.
    if (this.#ending.has(socket)) return
    this.#ending.add(socket)
    socket.pause()
    const ended = Promise.all(this.#underWay(socket).map((response) => once(response, 'close')))
    await Promise.race([ended, setTimeout(graceMs, null, { ref: false })])
    if (socket.writable && this.#isFree(socket)) socket.write(answerTo(error.code))
    socket.destroy()
  }

  /** Answers to requests that came whole, such as a GET with a body that it did not announce. */
  #underWay(socket: Socket): ServerResponse[] {
    return [...(this.#awaited.get(socket) ?? [])].filter(({ req }) => req.complete)
  }

  /** Whether the next answer is that to the bytes which came last. */
  #isFree(socket: Socket): boolean {
    return [...(this.#awaited.get(socket) ?? [])].every(({ headersSent }) => !headersSent)
  }
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
