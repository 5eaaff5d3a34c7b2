import { type Selection, scan } from '../projections/vectors/distance.ts'
import { countBits, labelsWithout } from '../projections/vectors/label-table.ts'
import { type Neighbor, TopK } from '../projections/vectors/top-k.ts'
import type { Segment, VectorIndex } from '../projections/vectors/vector-index.ts'
import { planSegment } from './plan.ts'

/** The labels that a query admits, in the form of `LabelTable.live`. */
export type AllowedLabels = Uint32Array

/**
 * The `k` admitted vectors nearest to a prepared query, over all segments, nearest first. Runs in one turn of
 * the event loop, so it sees one state of the collection.
 */
export function searchIndex(
  index: VectorIndex,
  query: Float32Array,
  k: number,
  allowed: AllowedLabels,
): Neighbor[] {
  const nearest = new TopK(k)
  for (const segment of index.segments) searchSegment(index, segment, query, nearest, allowed)
  return nearest.sorted()
}

function searchSegment(
  index: VectorIndex,
  segment: Segment,
  query: Float32Array,
  nearest: TopK,
  allowed: AllowedLabels,
): void {
  const selection: Selection = { bits: allowed, base: 0 }
  if (segment.kind === 'exact') {
    scan(segment.exact.table, query, nearest, selection)
    return
  }
  const { sealed, firstLabel, nextLabel } = segment
  const { k } = nearest
  const plan = planSegment({ ...countAllowed(index, segment, allowed), k, ef: index.hnsw.ef_search })
  if (plan.kind === 'skip') return
  if (plan.kind === 'scan') {
    sealed.scan(query, nearest, selection)
    return
  }
  const admits = (label: number): boolean => ((allowed[label >>> 5]! >>> (label & 31)) & 1) === 1
  for (const found of sealed.search(query, k, plan.ef, plan.filtered ? admits : undefined))
    nearest.push(found.distance, found.label)
  if (!plan.scanDead) return
  const labels = labelsWithout(allowed, index.labels.live, firstLabel, nextLabel)
  sealed.scan(query, nearest, { labels })
}

function countAllowed(index: VectorIndex, { firstLabel, nextLabel }: Segment, allowed: AllowedLabels) {
  const size = nextLabel - firstLabel
  const { live: liveBits } = index.labels
  const live = countBits(liveBits, firstLabel, nextLabel)
  if (allowed === liveBits) return { size, live, allowedLive: live, allowedDead: 0 }
  const all = countBits(allowed, firstLabel, nextLabel)
  const dead = labelsWithout(allowed, liveBits, firstLabel, nextLabel).length
  return { size, live, allowedLive: all - dead, allowedDead: dead }
}
