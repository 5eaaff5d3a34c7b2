import { limits } from '../../limits.ts'
import {
  checkInteger,
  checkKeys,
  checkObject,
  checkText,
  invalid,
  isPlainObject,
} from '../../validation/values.ts'
import type { ClientScope } from '../client-scope.ts'

export interface HttpClientOptions extends ClientScope {
  /** Name or address of the server; default `localhost`. */
  host?: string
  /** Default 8000. */
  port?: number
  /** Over TLS; default false. */
  ssl?: boolean
  /** Certificates (PEM) to trust instead of the well-known authorities: of a server that signs its own. */
  ca?: string
  /** Sent with every request, such as `{ authorization: 'Bearer …' }` or `{ 'x-chroma-token': '…' }`. */
  headers?: Record<string, string>
  /**
   * How long one answer may take, in ms; default 60,000. Long work (verify, compact, vacuum, erase, backup …), feeds
   * and other streams take as long as they take.
   */
  timeoutMs?: number
  /** How often a call is repeated that failed on the way or that the server is too busy for; default 3. */
  retries?: number
}

/** Where a server is, and how it is spoken to. */
export interface ServerAddress {
  /** `http://host:port`, without a slash at the end. */
  origin: string
  ca: string | null
  headers: Record<string, string>
  timeoutMs: number
  retries: number
}

const known = ['host', 'port', 'ssl', 'ca', 'headers', 'timeoutMs', 'retries', 'tenant', 'database']
const portMax = 65_535
/** What `setTimeout` can wait. */
const timeoutMsMax = 2_147_483_647
const retriesMax = 20
const tokenPattern = /^[!#$%&'*+.^_`|~\w-]+$/
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/

/** Checks what an `HttpClient` was given. */
export function checkHttpOptions(options: unknown): { address: ServerAddress; scope: ClientScope } {
  const given = checkObject(options, 'HttpClient')
  checkKeys(given, known, 'HttpClient')
  const { tenant, database, ssl = false, ca } = given
  if (typeof ssl !== 'boolean') throw invalid('HttpClient.ssl', 'must be true or false', ssl)
  if (ca !== undefined && typeof ca !== 'string') throw invalid('HttpClient.ca', 'must be PEM text', ca)
  const port = checkInteger(given.port ?? 8000, 'HttpClient.port', 1, portMax)
  return {
    address: {
      origin: `${ssl ? 'https' : 'http'}://${checkHost(given.host ?? 'localhost')}:${port}`,
      ca: ca ?? null,
      headers: checkHeaders(given.headers),
      timeoutMs: checkInteger(given.timeoutMs ?? 60_000, 'HttpClient.timeoutMs', 1, timeoutMsMax),
      retries: checkInteger(given.retries ?? 3, 'HttpClient.retries', 0, retriesMax),
    },
    // The client checks the names themselves.
    scope: {
      ...(tenant !== undefined && { tenant }),
      ...(database !== undefined && { database }),
    } as ClientScope,
  }
}

/** A name or an address as it stands in a URL; one of IPv6 in brackets. */
function checkHost(value: unknown): string {
  const host = checkText(value, 'HttpClient.host', limits.nameLengthMax)
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  if (host !== '' && !/[\s/?#@\\]/.test(host) && URL.canParse(`http://${bracketed}`)) {
    const { hostname, host: whole } = new URL(`http://${bracketed}`)
    if (hostname === whole) return bracketed
  }
  throw invalid(
    'HttpClient.host',
    'must be the name or address of a host alone',
    value,
    'The port has an option of its own; for https:// there is ssl: true.',
  )
}

function checkHeaders(value: unknown): Record<string, string> {
  if (value === undefined) return {}
  if (!isPlainObject(value)) throw invalid('HttpClient.headers', 'must be a plain object', value)
  const entries = Object.entries(value).map(([name, text]): [string, string] => {
    if (!tokenPattern.test(name)) throw invalid('HttpClient.headers', 'must have names of headers', name)
    // Headers hold secrets: what does not fit is not repeated in the message.
    if (typeof text !== 'string' || !valuePattern.test(text))
      throw invalid(`HttpClient.headers.${name}`, 'must be text that a header can hold', typeof text)
    return [name.toLowerCase(), text]
  })
  return Object.fromEntries(entries)
}
