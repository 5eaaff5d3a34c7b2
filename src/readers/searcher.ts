import type { OperationLog } from '../log/operation-log.ts'
import { plainMetadata } from '../metadata-form.ts'
import type { At } from '../projections/metadata/catalog.ts'
import { type CollectionRow, parseMetadata, type VersionRow } from '../projections/metadata/rows.ts'
import { prepare } from '../projections/vectors/distance.ts'
import type { VectorIndex } from '../projections/vectors/vector-index.ts'
import type { VectorStore } from '../projections/vectors/vector-store.ts'
import type { Metadata } from '../types.ts'
import { bestOfGroups } from './group-by.ts'
import type { LabelSelector } from './label-selector.ts'
import { type Scored, score } from './rank.ts'
import { type AllowedLabels, searchIndex } from './search.ts'
import type { SearchRequest, Selected } from './search-request.ts'
import { SearchResult } from './search-result.ts'
import type { VersionSelector, Wanted } from './selection.ts'
import { embeddingsOf } from './stored-vectors.ts'

export interface SearcherParts {
  log: OperationLog
  vectors: VectorStore
  versions: VersionSelector
  labels: LabelSelector
}

/** What one call asks, and where it reads. */
export interface SearchCall {
  requests: readonly SearchRequest[]
  at: At
  /** The collection as it stands, or stood at `at`; asked again in the turn of the search. */
  collection: () => CollectionRow
  /** The collection whose configuration loads the vectors: as it is now. */
  loaded: CollectionRow
}

/** A record of an answer, before what stands in the log is fetched. */
interface Hit {
  row: VersionRow
  score: number
}

/**
 * Answers searches: candidates by the Knn terms, scores by the ranking expression, then groups and a page.
 *
 * What holds: all searches of a call on the present see the same state: they run in one turn of the event loop.
 */
export class Searcher {
  readonly #parts: SearcherParts

  constructor(parts: SearcherParts) {
    this.#parts = parts
  }

  async search(call: SearchCall): Promise<SearchResult> {
    const { requests, at } = call
    const row = call.collection()
    const allowed: (AllowedLabels | null)[] = []
    for (const { filter } of requests) allowed.push(await this.#parts.labels.past(row, wanted(filter), at))
    const isRanked = requests.some(({ rank }) => rank !== null)
    const lists =
      isRanked && row.dimension !== null
        ? await this.#parts.vectors.use(call.loaded, (index) => this.#all(call, allowed, index))
        : this.#all(call, allowed, null)
    return this.#shown(await Promise.all(lists), requests)
  }

  /** Lists that come at once for the present, and later for pages of the past that need the log. */
  #all(
    call: SearchCall,
    allowed: readonly (AllowedLabels | null)[],
    index: VectorIndex | null,
  ): (Hit[] | Promise<Hit[]>)[] {
    const row = call.collection()
    return call.requests.map((request, which) => {
      if (request.rank === null) return this.#inInsertionOrder(row, request, call.at)
      return index === null ? [] : this.#ranked(row, request, call.at, index, allowed[which]!)
    })
  }

  async #inInsertionOrder({ key }: CollectionRow, request: SearchRequest, at: At): Promise<Hit[]> {
    const { filter, limit, offset, select } = request
    const window = { limit, offset, withDocument: select.document }
    const rows = await this.#parts.versions.select(key, wanted(filter), at, window)
    return rows.map((row, place) => ({ row, score: place }))
  }

  #ranked(
    row: CollectionRow,
    { rank, filter, groupBy, limit, offset, select }: SearchRequest,
    at: At,
    index: VectorIndex,
    past: AllowedLabels | null,
  ): Hit[] {
    const { labels } = this.#parts
    const allowed = past ?? labels.now(row, wanted(filter), index, at)
    const scored = score(rank!, ({ vector, limit: count }) =>
      count === 0 ? [] : searchIndex(index, prepare(index.hnsw.space, vector!), count, allowed),
    )
    const best =
      groupBy === null ? scored : bestOfGroups(scored, groupBy, this.#metadataOf(row.key, scored, at))
    const page = best.slice(offset, limit === null ? undefined : offset + limit)
    const found = page.map(({ label }) => label)
    const rows = labels.rowsOf(row.key, found, at, select.document)
    return page.map(({ score: value }, place) => ({ row: rows[place]!, score: value }))
  }

  #metadataOf(collection: number, scored: readonly Scored[], at: At): (label: number) => Metadata | null {
    const found = scored.map(({ label }) => label)
    const rows = this.#parts.labels.rowsOf(collection, found, at, false)
    const metadata = new Map(rows.map((row, index) => [found[index]!, row.metadata]))
    return (label) => plainMetadata(parseMetadata(metadata.get(label) ?? null))
  }

  async #shown(lists: readonly Hit[][], requests: readonly SearchRequest[]): Promise<SearchResult> {
    const { log, versions } = this.#parts
    const result = new SearchResult({
      ids: lists.map((hits) => hits.map(({ row }) => row.id)),
      documents: [],
      embeddings: [],
      metadatas: [],
      scores: [],
      select: requests.map(({ select }) => select.keys),
    })
    for (const [which, hits] of lists.entries()) {
      const { select } = requests[which]!
      const rows = hits.map(({ row }) => row)
      const whole = select.document ? await versions.withDocuments(rows) : null
      result.documents.push(whole?.map(({ document }) => document ?? null) ?? null)
      result.embeddings.push(select.embedding ? await embeddingsOf(log, rows) : null)
      result.metadatas.push(select.metadata === null ? null : rows.map((row) => selected(row, select)))
      result.scores.push(select.score ? hits.map(({ score: value }) => value) : null)
    }
    return result
  }
}

function wanted(filter: SearchRequest['filter']): Wanted {
  return { ids: null, filter }
}

function selected({ metadata: json }: VersionRow, { metadata: keys }: Selected): Metadata | null {
  const metadata = parseMetadata(json)
  if (metadata === null || keys === 'all' || keys === null) return metadata
  const entries = Object.entries(metadata).filter(([key]) => keys.has(key))
  return entries.length === 0 ? null : Object.fromEntries(entries)
}
