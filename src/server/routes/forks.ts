import { collectionJson } from '../chroma/collection-wire.ts'
import { json } from '../http/answer.ts'
import { requiredPlace } from '../http/context.ts'
import { liveCollection } from '../http/reading.ts'
import type { Route } from '../http/route.ts'
import { name, object } from '../http/shape.ts'
import { collectionUrl } from './common.ts'

const read = { role: 'read', scope: 'database' } as const

/** Forks, and how far the graphs of a collection are built: in Chroma's cloud only, and here. */
export const forkRoutes: readonly Route[] = [
  {
    method: 'POST',
    url: `${collectionUrl}/fork`,
    access: { role: 'write', scope: 'database' },
    id: 'fork_collection',
    tag: 'Collection',
    summary: 'A new collection with the records of this one, which shares their content and graphs.',
    body: { $ref: 'ForkCollectionPayload#' },
    success: { schema: { $ref: 'Collection#' } },
    errors: [404, 409],
    writes: true,
    handle: async ({ server, request, params, body, write }) => {
      const newName = name(object(body, 'body').new_name, 'new_name')
      const place = requiredPlace(request.identity, params)
      const id = params.collection_id!
      const { details, receipt } = await server.store.forkCollection(id, newName, place, write)
      return json(collectionJson(details), receipt)
    },
  },
  {
    method: 'GET',
    url: `${collectionUrl}/fork_count`,
    access: read,
    id: 'fork_count',
    tag: 'Collection',
    summary: 'How many forks there are in the family of a collection.',
    success: { schema: { $ref: 'ForkCountResponse#' } },
    errors: [404],
    handle: async (call) => json({ count: await (await liveCollection(call)).collection.forkCount() }),
  },
  {
    method: 'GET',
    url: `${collectionUrl}/indexing_status`,
    access: read,
    id: 'indexing_status',
    tag: 'Collection',
    summary: 'How far the graphs of a collection are built.',
    success: { schema: { $ref: 'IndexStatusResponse#' } },
    errors: [404],
    handle: async (call) => json(await (await liveCollection(call)).collection.getIndexingStatus()),
  },
]
