/**
 * A store behind HTTP: Chroma's API v2 and ours.
 *
 * What holds:
 * - `serve` resolves once the port answers. Where it throws it leaves nothing open, and no store where the port is
 *   taken; who takes it between that question and the answer leaves an empty one.
 * - `close` takes no new requests, ends endless answers, lets the others finish for as long as
 *   `limits.stopTimeoutMs`, and closes the store that it opened.
 */
import { setMaxListeners } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createSecureContext } from 'node:tls'
import { type FastifyInstance, LogController } from 'fastify'
import type { Logger } from 'pino'
import { EphemeralClient } from '../client/ephemeral-client.ts'
import { PersistentClient } from '../client/persistent-client.ts'
import { StoreAccess } from '../client/store-access.ts'
import { Turns } from '../turns.ts'
import { Authenticator } from './access/authenticator.ts'
import { type AppOptions, buildApp } from './app.ts'
import type { ServerLimits } from './configuration/server-limits.ts'
import {
  checkServerOptions,
  isLoopback,
  type ServerOptions,
  serverLimits,
  storeOptions,
} from './configuration/server-options.ts'
import type { ServerContext } from './http/context.ts'
import { LoadGate } from './operation/load-gate.ts'
import { createLogger, requestId } from './operation/logging.ts'
import { Metrics } from './operation/metrics.ts'
import { probePort } from './operation/port-probe.ts'
import { admission } from './plugins/admission.ts'
import { authentication } from './plugins/authentication.ts'
import { browserGuard } from './plugins/browser-guard.ts'
import { hostGuard } from './plugins/host-guard.ts'
import type { ServerPlugin } from './plugins/plugin.ts'
import { requestLog } from './plugins/request-log.ts'

/** A server that answers at its port. */
export interface RunningServer {
  /** `http://127.0.0.1:8000` */
  readonly url: string
  readonly port: number
  /** What it logs with. */
  readonly log: Logger
  /** Stops serving and closes the store; idempotent. */
  close(): Promise<void>
}

/** Slow requests are looked for so often; Node's own default is half a minute. */
const slownessCheckMs = 1_000

/**
 * Opens a store and serves it.
 *
 * @example
 * const server = await serve({ path: './data', port: 8000 })
 * console.log(server.url)
 */
export async function serve(options: ServerOptions = {}): Promise<RunningServer> {
  checkServerOptions(options)
  const { host = '127.0.0.1', port = 8000 } = options
  const limits = serverLimits(options.limits)
  const log = await createLogger(options.log ?? { level: 'silent' })
  await checkStart(options, host, port)
  const client = clientOf(options)
  const stopping = new AbortController()
  // Every request listens to it.
  setMaxListeners(0, stopping.signal)
  let metrics: Metrics | null = null
  let app: FastifyInstance | null = null
  try {
    const { context, plugins } = await equipped(client, options, limits, stopping.signal)
    metrics = context.metrics
    app = await buildApp(context, { plugins, fastify: fastifyOptions(options, limits, log) })
    app.server.maxConnections = limits.connections
    const kept =
      options.ephemeral === true ? 'a store in memory' : `the store in ${options.path ?? 'annals-data'}`
    const listenTextResolver = (address: string) => `annals serves ${kept} at ${address}`
    const url = await app.listen({ host, port, listenTextResolver })
    if (!isLoopback(host) && options.auth === undefined)
      log.warn(
        `No authentication: whoever reaches ${url} may do everything, and it listens to other machines than this one.`,
      )
    const started = app
    let closing: Promise<void> | undefined
    return {
      url,
      port: (app.server.address() as AddressInfo).port,
      log,
      close: () => {
        closing ??= stop(started, client, stopping, limits).then(() => log.info('stopped'))
        return closing
      },
    }
  } catch (error) {
    // Closes the authenticator, too.
    await app?.close()
    metrics?.close()
    await client.close()
    throw error
  }
}

/** What can be known before a store is opened: that the certificate is one, and the port free. */
async function checkStart({ tls }: ServerOptions, host: string, port: number): Promise<void> {
  if (tls !== undefined) createSecureContext(tls)
  await probePort(host, port)
}

/** Opens the store, and lays out what works on requests beside the routes. */
async function equipped(
  client: EphemeralClient | PersistentClient,
  options: ServerOptions,
  limits: ServerLimits,
  stopping: AbortSignal,
): Promise<{ context: ServerContext; plugins: ServerPlugin[] }> {
  const gate = new LoadGate(limits)
  const { env } = options
  const stats = () => client.stats()
  const metrics = new Metrics({ store: await client.store(), stats, gate, ...(env !== undefined && { env }) })
  const context: ServerContext = {
    // Answers must tell 2.0 from 2.
    store: new StoreAccess(client.withExactNumbers()),
    allowReset: options.allowReset ?? false,
    signingKey: options.signingKey,
    heartbeatMs: options.heartbeatMs ?? 15_000,
    limits,
    turns: new Turns(),
    metrics,
    stopping,
  }
  const plugins = [
    requestLog(metrics),
    ...hostGuards(options),
    browserGuard(options.corsOrigins ?? []),
    admission(gate),
  ]
  if (options.auth !== undefined) plugins.push(authentication(new Authenticator(options.auth)))
  return { context, plugins }
}

/** Where nobody is asked who they are, and the machine is trusted as a whole; or where names are listed. */
function hostGuards({ host = '127.0.0.1', auth, allowedHosts }: ServerOptions): ServerPlugin[] {
  const isOpen = auth === undefined && isLoopback(host)
  return isOpen || allowedHosts !== undefined ? [hostGuard([host, ...(allowedHosts ?? [])])] : []
}

function fastifyOptions(
  { tls }: ServerOptions,
  limits: ServerLimits,
  log: Logger,
): NonNullable<AppOptions['fastify']> {
  const { headerBytes, receiveTimeoutMs, headersTimeoutMs } = limits
  const server = {
    maxHeaderSize: headerBytes,
    headersTimeout: Math.min(headersTimeoutMs, receiveTimeoutMs),
    connectionsCheckingInterval: slownessCheckMs,
  }
  return {
    loggerInstance: log,
    genReqId: requestId,
    // Fastify's own lines would name the path.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    requestTimeout: receiveTimeoutMs,
    ...(tls === undefined ? { http: server } : { https: { ...server, ...tls } }),
  } as NonNullable<AppOptions['fastify']>
}

async function stop(
  app: FastifyInstance,
  client: EphemeralClient | PersistentClient,
  stopping: AbortController,
  { stopTimeoutMs }: ServerLimits,
): Promise<void> {
  stopping.abort()
  // What still runs then is cut off; writes that were accepted are finished with the store all the same.
  const impatient = setTimeout(() => app.server.closeAllConnections(), stopTimeoutMs)
  await app.close()
  clearTimeout(impatient)
  await client.close()
}

function clientOf(options: ServerOptions): EphemeralClient | PersistentClient {
  const given = Object.fromEntries(
    Object.entries(options).filter(([key, value]) => storeOptions.includes(key) && value !== undefined),
  )
  if (options.ephemeral === true) return new EphemeralClient(given)
  return new PersistentClient({ ...given, ...(options.path !== undefined && { path: options.path }) })
}
