/**
 * What is answered to bytes that are no request: HTTP that cannot be parsed, headers that are too long, a request
 * that does not arrive. Node's parser meets them before there is a request that a route or a hook could see.
 *
 * What holds: an answer never stands where the client waits for that of an earlier request, which is still being
 * worked on; then the connection ends without one.
 */
import { type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
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

/** Answers what one server cannot read. */
export class UnreadableRequests {
  /** The answers that each connection waits for. */
  readonly #awaited = new WeakMap<Socket, Set<ServerResponse>>()

  /** Takes note of the requests that a server can read. */
  watch(server: Server): void {
    server.on('request', ({ socket }, response) => {
      const awaited = this.#awaited.get(socket) ?? new Set()
      this.#awaited.set(socket, awaited.add(response))
      response.once('close', () => awaited.delete(response))
    })
  }

  /** Answers where it can be understood, and ends the connection. */
  end(error: Error & { code?: string }, socket: Socket): void {
    if (socket.writable && this.#isFree(socket)) socket.write(answerTo(error.code))
    socket.destroy()
  }

  /** Whether the next answer is that to the bytes which came last. */
  #isFree(socket: Socket): boolean {
    const awaited = [...(this.#awaited.get(socket) ?? [])]
    return awaited.every(({ req, headersSent }) => !req.complete && !headersSent)
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
