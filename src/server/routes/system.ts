import { AnnalsError } from '../../errors.ts'
import { defaultDatabase, defaultTenant } from '../../projections/metadata/catalog.ts'
import type { WriteOptions } from '../../types.ts'
import { versionHeader } from '../../wire/write-headers.ts'
import { json } from '../http/answer.ts'
import type { ServerContext } from '../http/context.ts'
import { HttpError } from '../http/http-error.ts'
import type { Call, Route } from '../http/route.ts'
import { writerOf } from '../http/write-context.ts'

/** The version of Chroma's API that is spoken here; Chroma's own server answers the same. */
const apiVersion = '1.0.0'

const heartbeat = async ({ server }: Call) => ({
  ...json({ 'nanosecond heartbeat': await server.store.client.heartbeat() }),
  headers: await packageVersion(server),
})

/** Signs of life, what the server is, and who is calling. */
export const systemRoutes: readonly Route[] = [
  {
    method: 'GET',
    url: '/api/v2',
    access: 'public',
    id: 'root',
    tag: 'System',
    summary: 'A sign of life.',
    success: { schema: { $ref: 'HeartbeatResponse#' } },
    handle: heartbeat,
  },
  {
    method: 'GET',
    url: '/api/v2/heartbeat',
    access: 'public',
    id: 'heartbeat',
    tag: 'System',
    summary: 'A sign of life: now, in nanoseconds since 1970.',
    success: { schema: { $ref: 'HeartbeatResponse#' } },
    handle: heartbeat,
  },
  {
    method: 'GET',
    url: '/api/v2/healthcheck',
    access: 'public',
    id: 'healthcheck',
    tag: 'System',
    summary: 'Whether the store can be read and its log takes writes; 503 when not.',
    success: { schema: { $ref: 'HealthCheckResponse#' } },
    handle: async ({ server }) => {
      const { reads, writes } = await server.store.health()
      const body = { is_executor_ready: reads, is_log_client_ready: writes }
      return { ...json(body), status: reads && writes ? 200 : 503 }
    },
  },
  {
    method: 'GET',
    url: '/api/v2/pre-flight-checks',
    access: 'public',
    id: 'pre_flight_checks',
    tag: 'System',
    summary: 'What a client should know before it writes.',
    success: { schema: { $ref: 'ChecklistResponse#' } },
    handle: ({ server }) =>
      json({ max_batch_size: server.limits.recordsPerWrite, supports_base64_encoding: true }),
  },
  {
    method: 'GET',
    url: '/api/v2/version',
    access: 'public',
    id: 'version',
    tag: 'System',
    summary: "The version of Chroma's API; the header `X-Annals-Version` names that of the package.",
    success: { schema: { type: 'string' } },
    handle: async ({ server }) => ({
      ...json(apiVersion),
      headers: await packageVersion(server),
    }),
  },
  {
    method: 'GET',
    url: '/api/v2/auth/identity',
    access: 'anyone',
    id: 'get_user_identity',
    tag: 'System',
    summary: 'Who is calling, and what it may see.',
    success: { schema: { $ref: 'GetUserIdentityResponse#' } },
    handle: identity,
  },
  {
    method: 'POST',
    url: '/api/v2/reset',
    access: { role: 'admin', scope: 'store' },
    id: 'reset',
    tag: 'System',
    summary:
      'Deletes the databases of every tenant with all of their collections in one commit, where that is allowed.',
    success: { schema: { type: 'boolean' } },
    errors: [403],
    writes: true,
    slow: true,
    handle: async ({ server, write }) => {
      if (!server.allowReset)
        throw new HttpError(403, 'ChromaError', 'forbidden', 'Reset is disabled by config')
      refuseConditions(write)
      return json(true, await server.store.reset(writerOf(write)))
    },
  },
]

/** A reset belongs to no database: there is none whose keys or positions a condition could be on. */
function refuseConditions({ expectedPosition, idempotencyKey }: WriteOptions): void {
  if (expectedPosition === undefined && idempotencyKey === undefined) return
  const what = expectedPosition === undefined ? 'idempotency key' : 'expected position'
  throw new AnnalsError('unsupported_option', `A reset takes no ${what}.`, { fate: 'not_written' })
}

async function packageVersion({ store }: ServerContext): Promise<Record<string, string>> {
  return { [versionHeader]: await store.client.version() }
}

async function identity({ server, request }: Call) {
  const { identity } = request
  const tenant = identity?.tenant ?? defaultTenant
  const databases =
    identity === null || identity.tenant === null
      ? [defaultDatabase]
      : identity.database !== null
        ? [identity.database]
        : (await server.store.client.listDatabases({ tenant, limit: Number.MAX_SAFE_INTEGER })).map(
            ({ name }) => name,
          )
  return json({ user_id: identity?.name ?? '', tenant, databases })
}
