import { limits } from '../limits.ts'
import type { HnswConfiguration } from '../types.ts'

/** A range of labels that becomes one sealed segment: from `first`, up to but without `next`. */
export interface LabelRange {
  first: number
  next: number
}

/**
 * Which of a collection's growing labels to seal now: none until there are enough, then all full batches, in
 * as many segments as threads may build at once. Pure.
 *
 * The threshold grows with what is sealed already, up to a limit: few large segments answer faster than many
 * small ones, and what is not sealed yet is scanned by every query. `vectorsMax`: what one segment may hold, where
 * memory is to be spared; `sync_threshold` goes first.
 */
export function planSealing(
  hnsw: HnswConfiguration,
  sealedUpTo: number,
  nextLabel: number,
  vectorsMax: number = Number.POSITIVE_INFINITY,
): LabelRange[] {
  const growing = nextLabel - sealedUpTo
  const quarter = Math.min(Math.floor(sealedUpTo / 4), limits.growingVectorsMax)
  const threshold = Math.max(hnsw.sync_threshold, quarter)
  if (growing < threshold) return []
  const batches = Math.floor(growing / hnsw.batch_size)
  if (batches === 0) return []
  const parallel = Math.min(hnsw.num_threads, Math.floor(growing / threshold))
  const segments = Math.min(
    batches,
    Math.max(parallel, Math.ceil(growing / Math.max(vectorsMax, hnsw.sync_threshold))),
  )
  const perSegment = Math.floor(batches / segments) * hnsw.batch_size
  return Array.from({ length: segments }, (_, index) => ({
    first: sealedUpTo + index * perSegment,
    next: sealedUpTo + (index + 1) * perSegment,
  }))
}
