/**
 * How one sealed segment is searched. Pure: facts in, plan out.
 *
 * Exact scans cost about 0.3 µs a vector at 384 dimensions and miss nothing. A graph search costs as much as a
 * few hundred of them, and with a filter about 1 µs more for every node that it visits, accepted or not; it
 * goes wrong where the accepted vectors lie far from the query, for it must get there first.
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
const scanVectorsMax = 2_000
/** Up to so many a scan is as fast as a graph search that calls a filter for every node. */
const filteredScanVectorsMax = 10_000
/** Below this share of admitted vectors a filtered graph search may end before it has found the nearest. */
const filteredShareMin = 0.1

export function planSegment({ size, live, allowedLive, allowedDead, k, ef }: SegmentFacts): SegmentPlan {
  if (allowedLive + allowedDead === 0 || k === 0) return { kind: 'skip' }
  const filtered = allowedLive < live
  const scanMax = filtered ? filteredScanVectorsMax : scanVectorsMax
  // The dead ones are scanned in any case, so they do not count here.
  if (allowedLive <= Math.max(scanMax, k)) return { kind: 'scan' }
  if (filtered && allowedLive < filteredShareMin * size) return { kind: 'scan' }
  // What is filtered out or dead crowds the way to what is sought: keep more candidates.
  const share = allowedLive / size
  return {
    kind: 'graph',
    filtered,
    ef: Math.ceil(Math.max(ef, k) / Math.sqrt(share)),
    scanDead: allowedDead > 0,
  }
}
