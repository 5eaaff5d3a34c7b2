/**
 * How one sealed segment is searched. Pure: facts in, plan out.
 *
 * Costs are counted in exact comparisons, about 0.35 µs each at 384 dimensions; a scan misses nothing and costs
 * one for each admitted vector. A graph search costs some 500 with the usual 100 candidates. With a filter it
 * must visit the more nodes the fewer are admitted, and it goes wrong where the admitted vectors are few and lie
 * far from the query, for it must get there first. Where few are admitted it is cheaper to take many neighbours
 * and keep the admitted ones of them; if that leaves too few, scanning is still to be done.
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
  /** Take so many neighbours from the graph, admitted or not, and keep the admitted ones; scan if they are too few. */
  | { kind: 'sift'; candidates: number; scanDead: boolean }
  /** Search the graph, with a filter where not every live label is admitted; scan the admitted dead ones. */
  | { kind: 'graph'; filtered: boolean; ef: number; scanDead: boolean }

/** Up to so many admitted vectors a scan is as fast as the graph. */
const scanVectorsMax = 500
/** What a filtered search costs for each candidate and for each node that it visits to find an admitted one. */
const visitCost = 8
/** So many times the usual candidates a filtered search keeps: where a filter admits whole clusters and the query
 * lies in another one, 0.98 of the nearest are found with twice as many, 0.96 with the usual number. */
const visitCandidates = 2
/** Below this share of admitted vectors a filtered graph search may end before it has found the nearest. */
const visitShareMin = 0.02
/** What each neighbour costs that is taken and perhaps thrown away. */
const siftCost = 6
/** From this share on a filtered search costs little more, and is not in vain where filter and query do not meet. */
const siftShareMax = 0.2

export function planSegment({ size, live, allowedLive, allowedDead, k, ef }: SegmentFacts): SegmentPlan {
  const allowed = allowedLive + allowedDead
  if (allowed === 0 || k === 0) return { kind: 'skip' }
  if (allowedLive === 0 || allowed <= Math.max(scanVectorsMax, k)) return { kind: 'scan' }
  const share = allowedLive / size
  const candidates = Math.max(ef, k)
  const scanDead = allowedDead > 0
  const filtered = allowedLive < live
  // What is filtered out or dead crowds the way to what is sought: keep more candidates.
  const factor = Math.max(filtered ? visitCandidates : 1, 1 / Math.sqrt(share))
  const graph = { kind: 'graph', filtered, ef: Math.ceil(candidates * factor), scanDead } as const
  if (!filtered) return graph

  const sifted = Math.max(candidates, Math.ceil((k + 3 * Math.sqrt(k)) / share))
  const visiting = share < visitShareMin ? Number.POSITIVE_INFINITY : (visitCost * candidates) / share
  const sifting = share < siftShareMax ? siftCost * sifted : Number.POSITIVE_INFINITY
  if (allowed <= Math.min(visiting, sifting)) return { kind: 'scan' }
  if (sifting < visiting) return { kind: 'sift', candidates: sifted, scanDead }
  return graph
}
