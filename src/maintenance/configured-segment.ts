/** Sealed segments as the configuration of their collection has them: built, and described for the manifest. */
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { SegmentRow } from '../projections/metadata/manifest.ts'
import type { SealedSegmentSource } from '../projections/vectors/sealed-segment.ts'
import type { BuiltSegment, SegmentBuild } from '../projections/vectors/segment-build.ts'
import type { SegmentBuilders } from '../projections/vectors/segment-builders.ts'
import type { HnswConfiguration } from '../types.ts'

/** What a segment is built for. */
export interface SegmentPurpose {
  /** UUID of the collection, whose turn it takes among the builders. */
  collection: string
  hnsw: HnswConfiguration
  dimension: number
  /** Absolute path. */
  file: string
  signal?: AbortSignal | undefined
}

/** What loads a segment that was just built. */
export type BuiltSource = SealedSegmentSource & BuiltSegment

/** Builds a segment of prepared vectors. Throws `segment_damaged`, `store_closed` or the signal's reason. */
export async function buildConfigured(
  builders: SegmentBuilders,
  rows: Pick<SegmentBuild, 'matrix' | 'count' | 'firstLabel'>,
  { collection, hnsw, dimension, file, signal }: SegmentPurpose,
): Promise<BuiltSource> {
  const { space, max_neighbors: maxNeighbors, ef_construction: efConstruction, ef_search: efSearch } = hnsw
  const { firstLabel, count } = rows
  // In this turn: a store that is closed waits for its builds, and would not wait for this.
  mkdirSync(dirname(file), { recursive: true })
  const build = { ...rows, dimension, space, maxNeighbors, efConstruction, file, ...(signal && { signal }) }
  const built = await builders.build(build, { collection, numThreads: hnsw.num_threads })
  return { ...built, file, firstLabel, nextLabel: firstLabel + count, space, dimension, efSearch }
}

/** The row that names a segment: of the collection with this key, in the file with this name. */
export function segmentRow(
  collection: number,
  file: string,
  { firstLabel, nextLabel, bytes, digest }: BuiltSource,
): Omit<SegmentRow, 'id'> {
  return { collection, first_label: firstLabel, next_label: nextLabel, file, bytes, digest }
}
