/** A search as the store works with it: checked, plain data. Only `parse-search.ts` makes one. */
import type { Filter } from '../filter/filter.ts'

/**
 * Which writes a search must see. Every level sees all acknowledged ones here: the store has no index that lags
 * behind its log, so what the weaker levels would gain is not there to be gained.
 */
export type ReadLevel = 'index_and_wal' | 'index_only' | 'index_and_bounded_wal'

/** One search. */
export interface SearchRequest {
  filter: Filter | null
  /** `null`: in insertion order, scored by the place on the page. */
  rank: Rank | null
  /** The Knn terms of `rank`, in the order in which they are written. */
  knns: KnnRank[]
  groupBy: GroupBy | null
  /** `null`: no limit. */
  limit: number | null
  offset: number
  select: Selected
}

/** A score for every candidate; lower is better. */
export type Rank = ValueRank | KnnRank | UnaryRank | PairRank | ListRank

/** The same score for every candidate. */
export interface ValueRank {
  kind: 'value'
  value: number
}

/** The distance to a query, or the place among its neighbours, counted from 0. */
export interface KnnRank {
  kind: 'knn'
  /** `null` until the embedding function has made it of `text`. */
  vector: Float32Array | null
  text: string | null
  /** Neighbours that are looked for. */
  limit: number
  /** The score of records that are not among them; `null`: these are no candidates. */
  fallback: number | null
  byPlace: boolean
}

/** A function of one score. */
export interface UnaryRank {
  kind: 'abs' | 'exp' | 'log'
  operand: Rank
}

/** A function of two scores, whose order counts. */
export interface PairRank {
  kind: 'sub' | 'div'
  left: Rank
  right: Rank
}

/** A function of any number of scores. */
export interface ListRank {
  kind: 'sum' | 'mul' | 'max' | 'min'
  operands: Rank[]
}

/** Keeps the best few of the records that have the same values under `keys`. */
export interface GroupBy {
  keys: string[]
  /** Which of a group are the best: the smallest or largest under these keys, or by `#score`. */
  order: 'min' | 'max'
  orderKeys: string[]
  /** How many are kept of each group. */
  count: number
}

/** What an answer shows of each record, beside its id. */
export interface Selected {
  /** What was asked for: Chroma's own keys first, then the others by name. */
  keys: string[]
  document: boolean
  embedding: boolean
  score: boolean
  /** All of it, the values under some keys, or nothing (`null`). */
  metadata: 'all' | ReadonlySet<string> | null
}
