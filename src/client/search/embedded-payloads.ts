import type { SearchRequest } from '../../readers/search-request.ts'
import { isPlainObject } from '../../validation/values.ts'

/**
 * The payloads with vectors where Knn terms have texts, for a server that makes no embeddings.
 *
 * @param requests - what `parseSearches` made of the payloads, with the vector of every Knn term filled in
 */
export function embeddedPayloads(
  payloads: readonly unknown[],
  requests: readonly SearchRequest[],
): unknown[] {
  const vectors = new Map(requests.flatMap(({ knns }) => knns.map(({ text, vector }) => [text, vector])))
  return payloads.map((payload) => embedded(payload, vectors))
}

function embedded(value: unknown, vectors: ReadonlyMap<string | null, Float32Array | null>): unknown {
  if (!isPlainObject(value))
    return Array.isArray(value) ? value.map((each) => embedded(each, vectors)) : value
  const { $knn: knn } = value
  if (isPlainObject(knn) && typeof knn.query === 'string')
    return { $knn: { ...knn, query: Array.from(vectors.get(knn.query) ?? []) } }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, embedded(each, vectors)]))
}
