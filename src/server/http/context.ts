import type { KeyObject } from 'node:crypto'
import type { Scope } from '../../client/client-scope.ts'
import type { StoreAccess } from '../../client/store-access.ts'
import type { Turns } from '../../turns.ts'
import type { Identity } from '../access/access.ts'
import type { ServerLimits } from '../configuration/server-limits.ts'
import type { Place } from '../operation/load-gate.ts'
import type { Metrics } from '../operation/metrics.ts'
import { name } from './shape.ts'

/** What every handler can reach. */
export interface ServerContext {
  store: StoreAccess
  /** Whether `POST /api/v2/reset` may empty the store. */
  allowReset: boolean
  /** Ed25519 key that signs checkpoints; `undefined`: they are not signed. */
  signingKey: KeyObject | string | undefined
  /** A change feed or a job sends a sign of life after so long in silence. */
  heartbeatMs: number
  limits: ServerLimits
  turns: Turns
  /** `null` while nobody measures. */
  metrics: Metrics | null
  /** Aborted when the server stops: endless answers end then. */
  stopping: AbortSignal
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is calling, where the server knows its callers; `null` where it does not ask. */
    identity: Identity | null
    /** Its place in the gate, for the time of its work and its answer; `null` for what needs none. */
    place: Place | null
  }
  interface FastifyContextConfig {
    /** Who may call the route. */
    access?: import('../access/access.ts').Access
    /** Whether its answer goes on for as long as the client listens. */
    endless?: boolean
    /** Whether its answer takes as long as the work or the reader does: no limit of time, and counted apart. */
    stream?: boolean
  }
}

/**
 * Where a collection that is named by its UUID must lie. Chroma does not look at the tenant and database in the
 * path of record calls; where callers are known, they must be right: access was granted by them.
 */
export function requiredPlace(
  identity: Identity | null,
  params: Readonly<Record<string, string>>,
): Scope | undefined {
  return identity === null ? undefined : placeOf(params)
}

/** The tenant and database in a path. */
export function placeOf(params: Readonly<Record<string, string>>): Scope {
  return { tenant: name(params.tenant, 'tenant'), database: name(params.database, 'database') }
}
