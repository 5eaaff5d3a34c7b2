import { planSealing } from '../maintenance/sealing-plan.ts'
import type { Store } from '../store.ts'
import type { CollectionConfiguration } from '../types.ts'
import type { IndexingStatus } from './collection-api.ts'

/** How far a collection's graphs are built. Throws `collection_not_found`. */
export function indexingStatus({ reader, manifest }: Store, collection: string): IndexingStatus {
  const { key, next_label: total, configuration } = reader.collection(collection, null)
  const { hnsw } = JSON.parse(configuration) as CollectionConfiguration
  const sealedUpTo = manifest.ofCollection(key).at(-1)?.next_label ?? 0
  // What is sealed next: nothing, as long as there is too little to seal.
  const waiting = (planSealing(hnsw, sealedUpTo, total).at(-1)?.next ?? sealedUpTo) - sealedUpTo
  return {
    op_indexing_progress: total === 0 ? 1 : (total - waiting) / total,
    num_unindexed_ops: waiting,
    num_indexed_ops: total - waiting,
    total_ops: total,
  }
}
