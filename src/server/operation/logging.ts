/**
 * The log that operators read. It names requests by their route as it was declared, status, time and identity:
 * no payload, no id of a record, no query string, no token.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type DestinationStream, destination, type Logger, pino, stdSerializers } from 'pino'
import type { LoggingOptions } from '../configuration/logging-options.ts'

/** Whatever reaches the log under one of these names is left out, however it came there. */
const secret = [
  'authorization',
  '["x-chroma-token"]',
  'cookie',
  'token',
  'password',
  'passwordHash',
  'body',
  'ids',
]
const redact = {
  paths: secret.flatMap((name) => {
    const inner = name.startsWith('[') ? name : `.${name}`
    return [name, `*${inner}`, `*.*${inner}`]
  }),
  censor: '[left out]',
}

/** A logger to standard output, or to `target`. */
export async function createLogger(
  { level = 'info', format = 'auto' }: LoggingOptions = {},
  target?: DestinationStream,
): Promise<Logger> {
  const isPretty = format === 'pretty' || (format === 'auto' && target === undefined && process.stdout.isTTY)
  const options = {
    level,
    redact,
    base: null,
    serializers: { err: stdSerializers.err, req: () => undefined },
  }
  // Written in the background: a slow reader of the log must not hold up requests.
  if (!isPretty) return pino(options, target ?? destination({ dest: 1, sync: false }))
  const { default: pretty } = await import('pino-pretty')
  return pino(
    options,
    pretty({ ignore: 'requestId', singleLine: true, ...(target !== undefined && { destination: target }) }),
  )
}

/** What a caller may name a request by: what can stand in a log line as it is. */
const givenId = /^[\w.:-]{1,64}$/

/** The caller's `X-Request-Id`, where it is harmless, or a new one. */
export function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && givenId.test(given) ? given : randomUUID()
}
