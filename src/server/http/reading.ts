/** What the handlers of reads have in common: which collection, and as of when. */
import type { ReadableCollection } from '../../client/collection-api.ts'
import type { CollectionDetails, FoundCollection } from '../../client/store-access.ts'
import { asOfHeader } from '../../wire/write-headers.ts'
import { requiredPlace } from './context.ts'
import type { Call } from './route.ts'

/** When a read looks: now (`null`) or at a position, which the answer then names. */
export interface AsOf {
  at: number | null
  headers: Readonly<Record<string, string>>
}

/** The query parameter `as_of`, resolved. */
export async function asOf({ server, query }: Call): Promise<AsOf> {
  const point = query.point('as_of')
  if (point === undefined) return { at: null, headers: {} }
  const at = await server.store.position(point)
  return { at, headers: { [asOfHeader]: String(at) } }
}

/** The live collection that the path names by its UUID. */
export function liveCollection({ server, request, params }: Call): Promise<FoundCollection> {
  return server.store.collection(params.collection_id!, requiredPlace(request.identity, params))
}

/** The same to be read, now or as of the point that the query string names. */
export async function readableCollection(
  call: Call,
): Promise<{ collection: ReadableCollection; details: CollectionDetails; headers: AsOf['headers'] }> {
  const { at, headers } = await asOf(call)
  if (at === null) return { ...(await liveCollection(call)), headers }
  const { server, request, params } = call
  const place = requiredPlace(request.identity, params)
  return { ...(await server.store.collectionAt(params.collection_id!, at, place)), headers }
}
