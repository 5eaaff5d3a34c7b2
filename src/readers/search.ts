import { type Selection, scan } from '../projections/vectors/distance.ts'
import { countBits, labelsWithout } from '../projections/vectors/label-table.ts'
import type { SealedSegment } from '../projections/vectors/sealed-segment.ts'
import { type Neighbor, TopK } from '../projections/vectors/top-k.ts'
import type { Segment, VectorIndex } from '../projections/vectors/vector-index.ts'
import { planSegment, type SegmentPlan } from './plan.ts'

/** The labels that a query admits, in the form of `LabelTable.live`. */
export type AllowedLabels = Uint32Array

/** A plan that asks the graph. */
type GraphPlan = Extract<SegmentPlan, { kind: 'graph' | 'sift' }>

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
  const found = plan.kind === 'scan' ? null : searchGraph(sealed, query, k, plan, allowed)
  if (plan.kind === 'scan' || found === null) {
    sealed.scan(query, nearest, selection)
    return
  }
  for (const { distance, label } of found) nearest.push(distance, label)
  if (!plan.scanDead) return
  const labels = labelsWithout(allowed, index.labels.live, firstLabel, nextLabel)
  sealed.scan(query, nearest, { labels })
}

/** What the graph finds; `null` when only a scan can tell. */
function searchGraph(
  sealed: SealedSegment,
  query: Float32Array,
  k: number,
  plan: GraphPlan,
  allowed: AllowedLabels,
): Neighbor[] | null {
  if (plan.kind === 'graph') return sealed.search(query, k, plan.ef)
  const admits = (label: number): boolean => ((allowed[label >>> 5]! >>> (label & 31)) & 1) === 1
  const found = sealed.sift(query, plan.candidates, admits)
  // The last of many neighbours are those that a graph misses most: the k nearest must not be among them.
  if (found.length >= 2 * k) return found
  return plan.ef === null ? null : sealed.search(query, k, plan.ef, admits)
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
