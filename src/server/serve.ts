/**
 * A store behind HTTP: Chroma's API v2 and ours.
 *
 * What holds: `serve` resolves once the port answers; `close` takes no new requests, ends endless answers, lets
 * the others finish, and closes the store that it opened.
 */
import type { KeyObject } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { EphemeralClient } from '../client/ephemeral-client.ts'
import { PersistentClient } from '../client/persistent-client.ts'
import { StoreAccess } from '../client/store-access.ts'
import type { StoreOptions } from '../store.ts'
import { checkKeys, checkObject } from '../validation/values.ts'
import { buildApp, type ServerPlugin } from './app.ts'
import type { ServerContext } from './context.ts'

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
  /** Ed25519 key (PEM or `KeyObject`) that signs checkpoints. */
  signingKey?: KeyObject | string
  /** A change feed sends a sign of life after so long without a change; default 15,000. */
  heartbeatMs?: number
}

export interface RunningServer {
  /** `http://127.0.0.1:8000` */
  readonly url: string
  readonly port: number
  /** Stops serving and closes the store; idempotent. */
  close(): Promise<void>
}

const ownOptions = ['path', 'ephemeral', 'host', 'port', 'allowReset', 'signingKey', 'heartbeatMs']
const storeOptions = ['recovery', 'memoryBudgetBytes', 'diskReserveBytes', 'onProgress', 'env']

/**
 * Opens a store and serves it.
 *
 * @example
 * const server = await serve({ path: './data', port: 8000 })
 * console.log(server.url)
 */
export async function serve(options: ServerOptions = {}): Promise<RunningServer> {
  checkKeys(checkObject(options, 'serve'), [...ownOptions, ...storeOptions], 'serve')
  const { host = '127.0.0.1', port = 8000 } = options
  const client = clientOf(options)
  const stopping = new AbortController()
  try {
    await client.open()
    const context: ServerContext = {
      store: new StoreAccess(client),
      allowReset: options.allowReset ?? false,
      signingKey: options.signingKey,
      heartbeatMs: options.heartbeatMs ?? 15_000,
      stopping: stopping.signal,
    }
    const app = await buildApp(context, { plugins })
    const url = await app.listen({ host, port })
    let closing: Promise<void> | undefined
    const stop = async (): Promise<void> => {
      stopping.abort()
      await app.close()
      await client.close()
    }
    return {
      url,
      port: (app.server.address() as AddressInfo).port,
      close: () => {
        closing ??= stop()
        return closing
      },
    }
  } catch (error) {
    await client.close()
    throw error
  }
}

/** What runs before every route, in this order: logging, limits, who is calling, metrics. */
const plugins: readonly ServerPlugin[] = []

function clientOf(options: ServerOptions): EphemeralClient | PersistentClient {
  const given = Object.fromEntries(
    Object.entries(options).filter(([key, value]) => storeOptions.includes(key) && value !== undefined),
  )
  if (options.ephemeral === true) return new EphemeralClient(given)
  return new PersistentClient({ ...given, ...(options.path !== undefined && { path: options.path }) })
}
