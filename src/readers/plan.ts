/**
 * How one sealed segment is searched. Pure: facts in, plan out.
 *
 * Costs are counted in exact comparisons, about 0.35 µs each at 384 dimensions; a scan misses nothing and costs
 * one for each admitted vector. A graph search costs some 500 with the usual 100 candidates. With a filter it
 * must visit the more nodes the fewer are admitted, and it goes wrong where the admitted vectors are few and lie
 * far from the query, for it must get there first.
 */

/** What is known of a segment and a query before the search. */
export interface SegmentFacts {
  /** Labels in the segment. */
  size: number
  /** Of those, live ones: what the graph can find. */
  live: number
  /** Of the live ones, those that the query admits. */
  allowedLive: number
  /** Admitted by a query on the past, but dead by now: the graph cannot find them. */
  allowedDead: number
  k: number
  /** Candidates that a search keeps when nothing is in its way. */
  ef: number
}

export type SegmentPlan =
  | { kind: 'skip' }
  /** Compare the query with every admitted vector. */
  | { kind: 'scan' }
  /** Search the graph, with a filter where not every live label is admitted; scan the admitted dead ones. */
  | { kind: 'graph'; filtered: boolean; ef: number; scanDead: boolean }

/** Up to so many admitted vectors a scan is as fast as the graph. */
const scanVectorsMax = 500
/** What a filtered search costs for each candidate and for each node that it visits to find an admitted one. */
const visitCost = 5
/** Below this share of admitted vectors a filtered graph search may end before it has found the nearest. */
const filteredShareMin = 0.02

export function planSegment({ size, live, allowedLive, allowedDead, k, ef }: SegmentFacts): SegmentPlan {
  if (allowedLive + allowedDead === 0 || k === 0) return { kind: 'skip' }
  const filtered = allowedLive < live
  const share = allowedLive / size
  const candidates = Math.max(ef, k)
  const scanMax = filtered ? (visitCost * candidates) / share : scanVectorsMax
  // The dead ones are scanned in any case, so they do not count here.
  if (allowedLive <= Math.max(scanMax, scanVectorsMax, k)) return { kind: 'scan' }
  if (share === 0 || (filtered && share < filteredShareMin)) return { kind: 'scan' }
  // What is filtered out or dead crowds the way to what is sought: keep more candidates.
  return {
    kind: 'graph',
    filtered,
    ef: Math.ceil(candidates / Math.sqrt(share)),
    scanDead: allowedDead > 0,
  }
}
