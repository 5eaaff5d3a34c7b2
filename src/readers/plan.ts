/**
 * How one sealed segment is searched. Pure: facts in, plan out.
 *
 * Costs are counted in exact comparisons, about 0.35 µs each at 384 dimensions; a scan misses nothing and costs
 * one for each admitted vector. A graph search costs some 500 with the usual 100 candidates.
 *
 * With a filter, many neighbours are taken and the admitted ones of them kept: as good as the unfiltered search,
 * and hardly dearer. It leaves too few where the filter admits little near the query. Then the graph is searched
 * with the filter, which costs more for every node on the way, and needs more candidates to get there.
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
  /** Search the graph, which finds just what is live; scan the admitted dead ones. */
  | { kind: 'graph'; ef: number; scanDead: boolean }
  /**
   * Take so many neighbours from the graph and keep the admitted ones. If they are too few, search it with the
   * filter and `ef`, or scan where `ef` is null. Scan the admitted dead ones.
   */
  | { kind: 'sift'; candidates: number; ef: number | null; scanDead: boolean }

/** Up to so many admitted vectors a scan is as fast as the graph. */
const scanVectorsMax = 500
/** What each neighbour costs that is taken and perhaps thrown away. */
const siftCost = 6
/** A quarter admitted: 0.99 of the nearest are found among twice the usual candidates, 0.998 among three times. */
const siftDepth = 1.5
/** What a search with a filter costs for each candidate and for each node that it visits to find an admitted one. */
const visitCost = 48
/** So many times the usual candidates it keeps: with the usual number it finds 0.96 of the nearest where the query
 * lies in a cluster of which nothing is admitted, with four times as many 0.99. */
const visitCandidates = 4
/** Below this share of admitted vectors it may end before it has found the nearest. */
const visitShareMin = 0.02

/** The cheapest way that finds what it should. */
export function planSegment({ size, live, allowedLive, allowedDead, k, ef }: SegmentFacts): SegmentPlan {
  if (allowedLive + allowedDead === 0 || k === 0) return { kind: 'skip' }
  // The admitted dead ones are scanned in any case, so they do not count in what follows.
  if (allowedLive <= Math.max(scanVectorsMax, k)) return { kind: 'scan' }
  const share = allowedLive / size
  const usual = Math.max(ef, k)
  const scanDead = allowedDead > 0
  // What is dead crowds the way to what is sought: keep more candidates.
  if (allowedLive === live) return { kind: 'graph', ef: Math.ceil(usual / Math.sqrt(share)), scanDead }

  // As many as hold 2 k admitted ones on average, and three deviations more. Never as few as without a filter: the
  // nearest admitted ones lie further out, the fewer are admitted, and there the graph misses more.
  const further = Math.max(2 * usual, Math.ceil((siftDepth * usual) / Math.sqrt(share)))
  const candidates = Math.max(further, Math.ceil((2 * k + 3 * Math.sqrt(2 * k)) / share))
  if (allowedLive <= siftCost * candidates) return { kind: 'scan' }
  const visits = share >= visitShareMin && (visitCost * usual) / share < allowedLive
  return { kind: 'sift', candidates, ef: visits ? visitCandidates * usual : null, scanDead }
}
