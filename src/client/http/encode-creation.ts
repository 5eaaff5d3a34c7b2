import type { CollectionConfiguration } from '../../types.ts'
import { legacyHnsw } from '../../validation/configuration.ts'
import type { CreateCollectionOptions } from '../api.ts'
import { checkCreation } from '../client-requests.ts'

/** The body that creates a collection. Throws `invalid_argument`, `unsupported_option`. */
export function encodeCreation(options: CreateCollectionOptions): object {
  const { name, metadata, configuration } = checkCreation(options)
  return {
    name,
    metadata: metadata ?? undefined,
    configuration: withServersThreads(configuration, options),
  }
}

/** How many threads build, where nobody said, is for the cores of the server. */
function withServersThreads(
  { hnsw: { num_threads, ...hnsw }, ...rest }: CollectionConfiguration,
  { configuration, metadata }: CreateCollectionOptions,
): object {
  const chosen = configuration?.hnsw ?? legacyHnsw(metadata ?? {})
  const isGiven = (chosen.num_threads ?? chosen.numThreads) != null
  return { ...rest, hnsw: isGiven ? { num_threads, ...hnsw } : hnsw }
}
