import type { ReadLevel as Level } from '../../readers/search-request.ts'
import { checkKeys, checkObject, invalid, isPlainObject } from '../../validation/values.ts'
import { type GroupByInput, groupByOf } from './group-by.ts'
import { type KeyInput, nameOf } from './key.ts'
import { type RankInput, rankOf } from './rank-expression.ts'
import { hasToJson, type WhereInput, whereOf } from './where-expression.ts'

export type LimitInput = number | { limit?: number | null; offset?: number }
export type SelectInput = KeyInput | Iterable<KeyInput> | { keys?: Iterable<KeyInput> }

/** The parts of a search; each may be left out. */
export interface SearchInit {
  /** Only these records are candidates. */
  where?: WhereInput | null
  /** Scores them; without it they come in insertion order. */
  rank?: RankInput | null
  /** Needs a `rank`. */
  groupBy?: GroupByInput | null
  /** Default: all. */
  limit?: LimitInput | null
  /** What the answer shows beside the ids; default: nothing. */
  select?: SelectInput | null
}

/** A search as Chroma's server takes it. */
export interface SearchPayload {
  filter?: unknown
  rank?: unknown
  group_by?: unknown
  limit?: unknown
  select?: unknown
}

/** How much a search must see; see `SearchOptions.readLevel`. */
export const ReadLevel: {
  readonly INDEX_AND_WAL: 'index_and_wal'
  readonly INDEX_ONLY: 'index_only'
  readonly INDEX_AND_BOUNDED_WAL: 'index_and_bounded_wal'
} = {
  INDEX_AND_WAL: 'index_and_wal',
  INDEX_ONLY: 'index_only',
  INDEX_AND_BOUNDED_WAL: 'index_and_bounded_wal',
}
export type ReadLevel = Level

/**
 * One search, as in Chroma: immutable, each method answers a new one.
 *
 * @example
 * new Search()
 *   .where(K('year').gte(1900))
 *   .rank(Knn({ query: 'rust' }))
 *   .limit(10)
 *   .select(K.DOCUMENT, K.SCORE, 'year')
 */
export class Search {
  readonly #init: SearchInit
  readonly #payload: SearchPayload

  constructor(init: SearchInit = {}) {
    checkKeys(checkObject(init, 'Search'), ['where', 'rank', 'groupBy', 'limit', 'select'], 'Search')
    this.#init = { ...init }
    this.#payload = payloadOf(this.#init)
  }

  where(where?: WhereInput | null): Search {
    return new Search({ ...this.#init, where: where ?? null })
  }

  rank(rank?: RankInput | null): Search {
    return new Search({ ...this.#init, rank: rank ?? null })
  }

  groupBy(groupBy?: GroupByInput | null): Search {
    return new Search({ ...this.#init, groupBy: groupBy ?? null })
  }

  /** `limit(10)`, `limit(10, 20)` with an offset, or `limit({ limit, offset })`. */
  limit(limit?: LimitInput | null, offset?: number): Search {
    const given = typeof limit === 'number' && offset !== undefined ? { limit, offset } : limit
    return new Search({ ...this.#init, limit: given ?? null })
  }

  /** Keys one by one, or a list of them. */
  select(...keys: SelectInput[]): Search {
    return new Search({ ...this.#init, select: keys.flatMap(keysOf) })
  }

  /** Document, embedding, metadata and score. */
  selectAll(): Search {
    return this.select('#document', '#embedding', '#metadata', '#score')
  }

  /** The search as it goes over the wire. */
  toPayload(): SearchPayload {
    return this.#payload
  }
}

/** What `search` takes: built, its parts, built by the official client, or as it goes over the wire. */
export type SearchLike =
  | Search
  | SearchInit
  | SearchPayload
  | { toPayload(): unknown }
  | { toJSON(): unknown }

/**
 * Any form of one search, or of several, as payloads for the wire; `parseSearches` checks them.
 * An object with `filter` or `group_by` is a payload already.
 */
export function searchPayloads(searches: SearchLike | readonly SearchLike[]): unknown[] {
  return (Array.isArray(searches) ? searches : [searches]).map(payload)
}

function payload(search: unknown): unknown {
  if (typeof search === 'object' && search !== null && 'toPayload' in search) {
    if (typeof search.toPayload === 'function') return search.toPayload()
  }
  if (hasToJson(search)) return search.toJSON()
  const isPayload = isPlainObject(search) && ('filter' in search || 'group_by' in search)
  return isPayload ? search : new Search(search as SearchInit).toPayload()
}

function payloadOf({ where, rank, groupBy, limit, select }: SearchInit): SearchPayload {
  return {
    ...(where != null && { filter: whereOf(where) }),
    ...(rank != null && { rank: rankOf(rank) }),
    ...(groupBy != null && { group_by: groupByOf(groupBy) }),
    limit: typeof limit === 'number' ? { limit } : (limit ?? {}),
    select: { keys: [...new Set(keysOf(select ?? []))] },
  }
}

function keysOf(input: SelectInput): string[] {
  if (typeof input === 'string') return [input]
  if (typeof input !== 'object' || input === null) throw invalid('select', 'must be keys', input)
  if (Symbol.iterator in input) return Array.from(input, nameOf)
  return 'name' in input ? [input.name] : Array.from(input.keys ?? [], nameOf)
}
