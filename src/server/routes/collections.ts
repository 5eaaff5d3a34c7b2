import { AnnalsError } from '../../errors.ts'
import { changesPayload, collectionJson, createPayload } from '../chroma/collection-wire.ts'
import { json } from '../http/answer.ts'
import { placeOf, requiredPlace } from '../http/context.ts'
import { HttpError } from '../http/http-error.ts'
import { asOf } from '../http/reading.ts'
import type { Route } from '../http/route.ts'
import { asOfParameter, collectionUrl, databaseUrl, pageParameters } from './common.ts'

const read = { role: 'read', scope: 'database' } as const
const write = { role: 'write', scope: 'database' } as const

/** Collections of a database. */
export const collectionRoutes: readonly Route[] = [
  {
    method: 'GET',
    url: `${databaseUrl}/collections`,
    access: read,
    id: 'list_collections',
    tag: 'Collection',
    summary: 'The collections of a database, in the order of their creation.',
    query: { ...pageParameters, ...asOfParameter },
    success: { schema: { type: 'array', items: { $ref: 'Collection#' } } },
    errors: [410],
    handle: async (call) => {
      const { server, params, query } = call
      const limit = query.uint32('limit') ?? Number.MAX_SAFE_INTEGER
      const page = { limit, offset: query.uint32('offset') ?? 0 }
      const { at, headers } = await asOf(call)
      const found = await server.store.collections(placeOf(params), page, at)
      return { ...json(found.map(collectionJson)), headers }
    },
  },
  {
    method: 'POST',
    url: `${databaseUrl}/collections`,
    access: write,
    id: 'create_collection',
    tag: 'Collection',
    summary: 'Create a collection, or get the one of that name.',
    body: { $ref: 'CreateCollectionPayload#' },
    success: { schema: { $ref: 'Collection#' } },
    errors: [501],
    writes: true,
    handle: async ({ server, params, body, write }) => {
      const wanted = createPayload(body)
      const { details, receipt } = await server.store
        .createCollection(placeOf(params), wanted, write)
        .catch(missingDatabaseIsInvalid)
      return json(collectionJson(details), receipt)
    },
  },
  {
    method: 'GET',
    url: `${databaseUrl}/collections_count`,
    access: read,
    id: 'count_collections',
    tag: 'Collection',
    summary: 'How many collections a database has.',
    query: asOfParameter,
    success: { schema: { $ref: 'u32#' } },
    errors: [410],
    handle: async (call) => {
      const { at, headers } = await asOf(call)
      return { ...json(await call.server.store.countCollections(placeOf(call.params), at)), headers }
    },
  },
  {
    method: 'GET',
    url: `${databaseUrl}/collections/by-id/{collection_id}`,
    access: read,
    id: 'get_collection_by_id',
    tag: 'Collection',
    summary: 'A collection by its UUID.',
    query: asOfParameter,
    success: { schema: { $ref: 'Collection#' } },
    errors: [404, 410],
    handle: async (call) => {
      const { server, params } = call
      const { at, headers } = await asOf(call)
      const id = params.collection_id!
      const place = placeOf(params)
      const { details } =
        at === null
          ? await server.store.collection(id, place)
          : await server.store.collectionAt(id, at, place)
      return { ...json(collectionJson(details)), headers }
    },
  },
  {
    method: 'GET',
    url: collectionUrl,
    access: read,
    id: 'get_collection',
    tag: 'Collection',
    summary: 'A collection by its name.',
    query: asOfParameter,
    success: { schema: { $ref: 'Collection#' } },
    errors: [404, 410],
    handle: async (call) => {
      const { server, params } = call
      const { at, headers } = await asOf(call)
      const details = await server.store.collectionNamed(placeOf(params), params.collection_id!, at)
      return { ...json(collectionJson(details)), headers }
    },
  },
  {
    method: 'PUT',
    url: collectionUrl,
    access: write,
    id: 'update_collection',
    tag: 'Collection',
    summary: 'Rename a collection, replace its metadata or change its configuration; by its UUID.',
    body: { $ref: 'UpdateCollectionPayload#' },
    success: { schema: { $ref: 'UpdateCollectionResponse#' } },
    errors: [404],
    writes: true,
    handle: async ({ server, request, params, body, write }) => {
      const changes = changesPayload(body)
      const place = requiredPlace(request.identity, params)
      return json({}, await server.store.modifyCollection(params.collection_id!, changes, place, write))
    },
  },
  {
    method: 'DELETE',
    url: collectionUrl,
    access: write,
    id: 'delete_collection',
    tag: 'Collection',
    summary: 'Delete a collection; by its name.',
    success: { schema: { $ref: 'DeleteCollectionResponse#' } },
    errors: [404],
    writes: true,
    handle: async ({ server, params, write }) =>
      json(
        {},
        await server.store.client
          .scope(placeOf(params))
          .deleteCollection({ name: params.collection_id! }, write),
      ),
  },
]

/** A missing database is the caller's mistake where a collection is created: 400, as in Chroma. */
function missingDatabaseIsInvalid(error: unknown): never {
  if (error instanceof AnnalsError && error.code === 'database_not_found')
    throw new HttpError(400, 'InvalidArgumentError', error.code, error.message)
  throw error
}
