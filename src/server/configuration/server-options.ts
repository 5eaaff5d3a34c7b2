import type { KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { AnnalsError } from '../../errors.ts'
import type { StoreOptions } from '../../opening.ts'
import {
  checkArray,
  checkInteger,
  checkKeys,
  checkObject,
  checkText,
  invalid,
} from '../../validation/values.ts'
import { type Credentials, checkCredentials } from '../access/credentials.ts'
import type { LoggingOptions } from './logging-options.ts'
import { defaultServerLimits, type ServerLimits, serverLimitMaxima } from './server-limits.ts'

/** What a server can be told. */
export interface ServerOptions extends StoreOptions {
  /** The store's folder; default `./annals-data`. */
  path?: string
  /** Keep the store in memory instead; default false. */
  ephemeral?: boolean
  /** Default 127.0.0.1: this machine only. */
  host?: string
  /** Default 8000; 0 takes any that is free. */
  port?: number
  /** Whether `POST /api/v2/reset` may empty the store; default false. */
  allowReset?: boolean
  /** Origins whose pages may call the server, as `https://app.example.org`; `*` for all. Default: none. */
  corsOrigins?: string[]
  /**
   * Further names that callers may know the server by, without a port, as a proxy on this machine hands them on.
   * A server without authentication that listens to this machine alone refuses requests for all others; with this
   * list, every server does.
   */
  allowedHosts?: string[]
  /** Who may call. Default: whoever reaches the port, and may do everything. */
  auth?: Credentials
  /** Certificate chain and private key, PEM. Default: no TLS. */
  tls?: { cert: string; key: string }
  /** Each has a default; see `docs/guides/server.md`. */
  limits?: Partial<ServerLimits>
  /** Default: nothing is logged. */
  log?: LoggingOptions
  /** Ed25519 key (PEM or `KeyObject`) that signs checkpoints. */
  signingKey?: KeyObject | string
  /** A change feed or a job sends a sign of life after so long in silence; default 15,000. */
  heartbeatMs?: number
}

const hostLengthMax = 255

const ownOptions = [
  'path',
  'ephemeral',
  'host',
  'port',
  'allowReset',
  'corsOrigins',
  'allowedHosts',
  'auth',
  'tls',
  'limits',
  'log',
  'signingKey',
  'heartbeatMs',
]

/** Those of a server's options that its store is opened with. */
export const storeOptions: readonly string[] = [
  'recovery',
  'memoryBudgetBytes',
  'diskReserveBytes',
  'onProgress',
  'env',
]

/** Refuses options that are not known, and credentials that are not whole. */
export function checkServerOptions(options: ServerOptions): void {
  checkKeys(checkObject(options, 'serve'), [...ownOptions, ...storeOptions], 'serve')
  if (options.ephemeral === true && options.path !== undefined)
    throw new AnnalsError('invalid_argument', 'serve: a store in memory has no path.')
  checkHostNames(options.allowedHosts ?? [])
  if (options.auth !== undefined) checkCredentials(options.auth, 'serve.auth')
  if (options.tls !== undefined)
    checkKeys(checkObject(options.tls, 'serve.tls'), ['cert', 'key'], 'serve.tls')
  if (options.log !== undefined)
    checkKeys(checkObject(options.log, 'serve.log'), ['level', 'format'], 'serve.log')
}

function checkHostNames(given: readonly string[]): void {
  checkArray(given, 'serve.allowedHosts').forEach((name, index) => {
    const place = `serve.allowedHosts[${index}]`
    if (!/^(\[[\da-f:.]+\]|[^\s/:[\]]+)$/i.test(checkText(name, place, hostLengthMax)))
      throw invalid(place, 'must be the name of a host, without scheme and port', name)
  })
}

/** All limits, those that were given and the defaults of the others. */
export function serverLimits(given: Partial<ServerLimits> = {}): ServerLimits {
  const names = Object.keys(defaultServerLimits) as (keyof ServerLimits)[]
  checkKeys(checkObject(given, 'serve.limits'), names, 'serve.limits')
  const limits = { ...defaultServerLimits }
  for (const name of names)
    limits[name] = checkInteger(
      given[name] ?? limits[name],
      `serve.limits.${name}`,
      1,
      serverLimitMaxima[name],
    )
  return limits
}

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true
  return isIP(host) === 4 ? host.startsWith('127.') : host === '::1'
}
