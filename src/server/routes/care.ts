/** What is done to the store itself: retention, erasure, tags, indexes, checks. Long work answers with its progress. */
import { AnnalsError } from '../../errors.ts'
import type { Finding, VerifyLevel } from '../../maintenance/findings.ts'
import type { Retention } from '../../types.ts'
import { parsePoint } from '../../wire/point.ts'
import { json, linesType } from '../http/answer.ts'
import { placeOf } from '../http/context.ts'
import { liveCollection } from '../http/reading.ts'
import type { Route } from '../http/route.ts'
import { flag, list, number, object, onlyKeys, optional, type Shape, settings, text } from '../http/shape.ts'
import { seesStore } from '../http/store-wide.ts'
import { job } from '../http/streams.ts'
import { collectionUrl, databaseUrl } from './common.ts'

const admin = { role: 'admin', scope: 'store' } as const
const none = { type: 'object' } as const

export const careRoutes: readonly Route[] = [
  {
    method: 'POST',
    url: `${collectionUrl}/reindex`,
    access: { role: 'write', scope: 'database' },
    id: 'reindex_collection',
    tag: 'Care',
    summary: 'Build the graphs of a collection again; lines of progress, then the result.',
    body: { $ref: 'ReindexPayload#' },
    optionalBody: true,
    success: { type: linesType, schema: { $ref: 'ReindexReport#' } },
    errors: [404, 409],
    writes: true,
    handle: async (call) => {
      const given = only(call.body, ['recallMin', 'hnsw'])
      const recallMin = optional(number)(given.recallMin, 'recallMin')
      const hnsw = optional(object)(given.hnsw, 'hnsw')
      const { collection } = await liveCollection(call)
      return job(call, (onProgress) =>
        collection.reindex(
          {
            ...(recallMin !== null && { recallMin }),
            ...(hnsw !== null && { hnsw }),
            signal: call.signal,
            onProgress,
          },
          call.write,
        ),
      )
    },
  },
  {
    method: 'POST',
    url: `${databaseUrl}/erase`,
    access: { role: 'admin', scope: 'database' },
    id: 'erase_records',
    tag: 'Care',
    summary: 'Remove records from all of history: log, tables, segments and free pages.',
    body: { $ref: 'ErasePayload#' },
    success: { schema: { $ref: 'Erasure#' } },
    errors: [404, 409],
    writes: true,
    slow: true,
    handle: async ({ server, params, body, write }) => {
      const given = only(body, ['collection', 'ids', 'forks'])
      const collection = text(given.collection, 'collection')
      const ids = list(text)(given.ids, 'ids')
      const forks = optional(flag)(given.forks, 'forks') ?? false
      const erasure = await server.store.client
        .scope(placeOf(params))
        .erase({ collection, ids, forks }, write)
      return json(erasure, erasure.receipt)
    },
  },
  {
    method: 'PUT',
    url: `${databaseUrl}/retention`,
    access: { role: 'admin', scope: 'database' },
    id: 'set_retention',
    tag: 'Care',
    summary: 'How long superseded versions are kept, for one collection or for the whole store.',
    body: { $ref: 'RetentionPayload#' },
    success: { schema: none },
    errors: [404],
    writes: true,
    handle: async ({ server, request, params, body, write }) => {
      const given = only(body, ['retention', 'collection'])
      const collection = optional(text)(given.collection, 'collection')
      if (collection === null && !seesStore(request.identity))
        throw new AnnalsError(
          'forbidden',
          'The retention of the whole store is not for the admin of a tenant.',
          {
            fate: 'not_written',
          },
        )
      const retention = object(given.retention, 'retention') as unknown as Retention
      const options = collection === null ? {} : { collection }
      const client = server.store.client.scope(placeOf(params))
      return json({}, await client.setRetention(retention, options, write))
    },
  },
  {
    method: 'GET',
    url: `${databaseUrl}/retention`,
    access: { role: 'read', scope: 'database' },
    id: 'get_retention',
    tag: 'Care',
    summary: 'How long superseded versions are kept: the rule of the store, and those of collections.',
    strict: true,
    success: { schema: { $ref: 'RetentionSettings#' } },
    handle: async ({ server, request, params }) => {
      const { store, collections } = await server.store.client.scope(placeOf(params)).getRetention()
      return json({ store: seesStore(request.identity) ? store : null, collections })
    },
  },
  {
    method: 'GET',
    url: '/api/v2/tags',
    access: { role: 'read', scope: 'store' },
    id: 'list_tags',
    tag: 'Care',
    summary: 'Named points, oldest first.',
    strict: true,
    success: { schema: { type: 'array', items: { $ref: 'Tag#' } } },
    handle: async ({ server }) => json(await server.store.client.listTags()),
  },
  {
    method: 'POST',
    url: '/api/v2/tags',
    access: { role: 'write', scope: 'store' },
    id: 'create_tag',
    tag: 'Care',
    summary: 'Name a point.',
    body: { $ref: 'TagPayload#' },
    success: { schema: none },
    errors: [404],
    writes: true,
    handle: async ({ server, body, write }) => {
      const given = only(body, ['name', 'point'])
      const name = text(given.name, 'name')
      return json({}, await server.store.client.tag(name, point(given.point, 'point'), write))
    },
  },
  {
    method: 'DELETE',
    url: '/api/v2/tags/{name}',
    access: { role: 'write', scope: 'store' },
    id: 'delete_tag',
    tag: 'Care',
    summary: 'Take a name away; the point stays.',
    success: { schema: none },
    errors: [404],
    writes: true,
    handle: async ({ server, params, write }) =>
      json({}, await server.store.client.deleteTag(params.name!, write)),
  },
  {
    method: 'GET',
    url: '/api/v2/stats',
    access: { role: 'read', scope: 'store' },
    id: 'store_stats',
    tag: 'Care',
    summary: 'Figures of the store and its collections.',
    strict: true,
    success: { schema: { $ref: 'StoreStats#' } },
    handle: async ({ server }) => json(await server.store.client.stats()),
  },
  {
    method: 'POST',
    url: '/api/v2/flush',
    access: { role: 'write', scope: 'store' },
    id: 'flush',
    tag: 'Care',
    summary: 'Wait for writes handed in and for sealing in the background.',
    success: { schema: none },
    slow: true,
    handle: async ({ server }) => {
      await server.store.client.flush()
      return json({})
    },
  },
  {
    method: 'POST',
    url: '/api/v2/verify',
    access: admin,
    id: 'verify',
    tag: 'Care',
    summary:
      'Compare everything that the store holds with what it should hold; also lines of `{"finding": …}`.',
    body: { $ref: 'VerifyPayload#' },
    optionalBody: true,
    success: { type: linesType, schema: { $ref: 'VerifyResult#' } },
    handle: (call) => {
      const { server, body, signal } = call
      const level = optional(text)(only(body, ['level']).level, 'level') as VerifyLevel | null
      return job(call, (onProgress, note) => {
        const onFinding = (finding: Finding) => note({ finding })
        return server.store.client.verify({ ...(level !== null && { level }), signal, onProgress, onFinding })
      })
    },
  },
  {
    method: 'POST',
    url: '/api/v2/repair',
    access: admin,
    id: 'repair',
    tag: 'Care',
    summary: 'Put right whatever is derived from the log.',
    body: none,
    optionalBody: true,
    success: { type: linesType, schema: { $ref: 'RepairResult#' } },
    handle: (call) => {
      const { server, body, signal } = call
      only(body, [])
      return job(call, (onProgress) => server.store.client.repair({ signal, onProgress }))
    },
  },
  {
    method: 'POST',
    url: '/api/v2/compact',
    access: admin,
    id: 'compact',
    tag: 'Care',
    summary: 'Merge small graphs of every collection into fewer.',
    body: { $ref: 'CompactPayload#' },
    optionalBody: true,
    success: {
      type: linesType,
      schema: { type: 'object', additionalProperties: { $ref: 'ReindexReport#' } },
    },
    handle: (call) => {
      const { server, body, signal } = call
      const recallMin = optional(number)(only(body, ['recallMin']).recallMin, 'recallMin')
      return job(call, (onProgress) =>
        server.store.client.compact({ ...(recallMin !== null && { recallMin }), signal, onProgress }),
      )
    },
  },
  {
    method: 'POST',
    url: '/api/v2/vacuum',
    access: admin,
    id: 'vacuum',
    tag: 'Care',
    summary: 'Let go of what retention no longer keeps.',
    body: { $ref: 'VacuumPayload#' },
    optionalBody: true,
    success: { type: linesType, schema: { $ref: 'VacuumReport#' } },
    writes: true,
    handle: (call) => {
      const { server, body, signal, write } = call
      const dryRun = optional(flag)(only(body, ['dryRun']).dryRun, 'dryRun')
      return job(call, (onProgress) =>
        server.store.client.vacuum({ ...(dryRun !== null && { dryRun }), signal, onProgress }, write),
      )
    },
  },
]

/** The body of one of our own routes: an option that is not known is refused. */
function only(body: unknown, known: readonly string[]): Record<string, unknown> {
  const given = settings(body, 'body')
  onlyKeys(given, known, 'body')
  return given
}

/** A position as a number, or any point as text. */
const point: Shape<ReturnType<typeof parsePoint>> = (value, place) =>
  typeof value === 'number' ? value : parsePoint(text(value, place))
