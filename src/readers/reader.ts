import { AnnalsError, show } from '../errors.ts'
import type { OperationLog } from '../log/operation-log.ts'
import { collectionNotFound } from '../not-found.ts'
import type { At, Catalog } from '../projections/metadata/catalog.ts'
import type { RecordTable } from '../projections/metadata/record-table.ts'
import { type CollectionRow, parseMetadata, type VersionRow } from '../projections/metadata/rows.ts'
import { prepare } from '../projections/vectors/distance.ts'
import type { VectorStore } from '../projections/vectors/vector-store.ts'
import { LabelSelector } from './label-selector.ts'
import type { GetRequest, QueryRequest } from './read-request.ts'
import { GetResult, type GetRow, QueryResult, type QueryRow } from './results.ts'
import { Running } from './running.ts'
import { searchIndex } from './search.ts'
import type { SearchRequest } from './search-request.ts'
import type { SearchResult } from './search-result.ts'
import { Searcher } from './searcher.ts'
import { VersionSelector } from './selection.ts'
import { embeddingsOf } from './stored-vectors.ts'

export interface ReaderParts {
  log: OperationLog
  catalog: Catalog
  records: RecordTable
  vectors: VectorStore
}

/** A neighbour with its row, before the columns that stand in the log are fetched. */
interface Hit {
  row: VersionRow
  distance: number
}

/**
 * Reads of one collection, now (`at` null) or at a position of the past.
 *
 * What holds: a read of the present takes all it needs from the tables and the vectors in one turn of the event
 * loop, so it sees whole commits. What it fetches from the log afterwards never changes.
 */
export class Reader {
  readonly #parts: ReaderParts
  readonly #versions: VersionSelector
  readonly #running = new Running()
  readonly #labels: LabelSelector
  readonly #searcher: Searcher

  constructor(parts: ReaderParts) {
    this.#parts = parts
    const { log, records, vectors } = parts
    const versions = new VersionSelector(log, records)
    this.#versions = versions
    this.#labels = new LabelSelector(records, versions)
    this.#searcher = new Searcher({ log, vectors, versions, labels: this.#labels })
  }

  /** Drops what is remembered of earlier reads: the tables were put right without a write. */
  forget(): void {
    this.#labels.forget()
  }

  /** The collection as it stands at `at`. Throws `collection_not_found`, `history_truncated`. */
  collection(id: string, at: At): CollectionRow {
    const row = this.#parts.catalog.collectionById(id, at)
    if (row !== undefined && at !== null && at < row.horizon) throw truncated(row, at)
    if (row !== undefined) return row
    throw collectionNotFound(id, { at })
  }

  /** Settles once no read is under way. */
  idle(): Promise<void> {
    return this.#running.idle()
  }

  count(id: string, at: At): Promise<number> {
    return this.#running.track(this.#count(id, at))
  }

  get(id: string, request: GetRequest, at: At): Promise<GetResult> {
    return this.#running.track(this.#get(id, request, at))
  }

  /** Vectors of `queries` are as given, not prepared. */
  query(id: string, queries: readonly Float32Array[], request: QueryRequest, at: At): Promise<QueryResult> {
    return this.#running.track(this.#query(id, queries, request, at))
  }

  /** The vectors of all Knn terms must be there, as given. */
  search(id: string, requests: readonly SearchRequest[], at: At): Promise<SearchResult> {
    return this.#running.track(this.#searchFor(id, requests, at))
  }

  async #searchFor(id: string, requests: readonly SearchRequest[], at: At): Promise<SearchResult> {
    const row = this.collection(id, at)
    checkDimensions(
      row,
      requests.flatMap(({ knns }) => knns.map(({ vector }) => vector!)),
    )
    const collection = () => this.collection(id, at)
    return this.#searcher.search({ requests, at, collection, loaded: this.#loaded(row) })
  }

  async #count(id: string, at: At): Promise<number> {
    const { key, live_records } = this.collection(id, at)
    return at === null ? live_records : this.#versions.count(key, at)
  }

  async #get(id: string, request: GetRequest, at: At): Promise<GetResult> {
    const { key } = this.collection(id, at)
    const { limit, offset, include } = request
    const withDocument = include.includes('documents')
    const rows = await this.#versions.select(key, request, at, { limit, offset, withDocument })
    const embeddings = include.includes('embeddings') ? await embeddingsOf(this.#parts.log, rows) : null
    return new GetResult(
      rows.map((row, index) => getRow(row, embeddings?.[index] ?? null)),
      include,
    )
  }

  async #query(
    id: string,
    queries: readonly Float32Array[],
    request: QueryRequest,
    at: At,
  ): Promise<QueryResult> {
    const row = this.collection(id, at)
    checkDimensions(row, queries)
    const { include, count } = request
    const lists = await this.#search(row, queries, request, at)
    const flat = lists.flat()
    const versions = include.includes('documents')
      ? await this.#versions.withDocuments(flat.map((hit) => hit.row))
      : flat.map((hit) => hit.row)
    const embeddings = include.includes('embeddings') ? await embeddingsOf(this.#parts.log, versions) : null
    let next = 0
    const rows = lists.map((hits) =>
      hits.slice(0, count).map(({ distance }): QueryRow => {
        const index = next++
        return { ...getRow(versions[index]!, embeddings?.[index] ?? null), distance }
      }),
    )
    return new QueryResult(rows, include)
  }

  async #search(
    row: CollectionRow,
    queries: readonly Float32Array[],
    request: QueryRequest,
    at: At,
  ): Promise<Hit[][]> {
    if (row.dimension === null || request.count === 0) return queries.map(() => [])
    const past = await this.#labels.past(row, request, at)
    const withDocument = request.include.includes('documents')
    return this.#parts.vectors.use(this.#loaded(row), (index) => {
      const now = this.collection(row.id, at)
      const allowed = past ?? this.#labels.now(now, request, index, at)
      return queries.map((query) => {
        const found = searchIndex(index, prepare(index.hnsw.space, query), request.count, allowed)
        const labels = found.map(({ label }) => label)
        const rows = this.#labels.rowsOf(row.key, labels, at, withDocument)
        return found.map(({ distance }, rank) => ({ row: rows[rank]!, distance }))
      })
    })
  }

  /** What is loaded serves the present too, so it follows the configuration of now, not of the point read at. */
  #loaded(row: CollectionRow): CollectionRow {
    return this.#parts.catalog.newestById(row.id) ?? row
  }
}

function truncated({ name, horizon }: CollectionRow, at: number): AnnalsError {
  return new AnnalsError(
    'history_truncated',
    `The collection ${show(name)} cannot be read as of position ${at}: its history begins at ${horizon}.`,
    {
      position: horizon,
      hint: 'Its retention let older versions go. A tag keeps the history from its position on.',
    },
  )
}

function getRow(row: VersionRow, embedding: number[] | null): GetRow {
  const { id, document = null, uri } = row
  return { id, embedding, document, metadata: parseMetadata(row.metadata), uri }
}

function checkDimensions({ name, dimension }: CollectionRow, queries: readonly Float32Array[]): void {
  const odd = queries.find(({ length }) => dimension !== null && length !== dimension)
  if (odd === undefined) return
  throw new AnnalsError(
    'dimension_mismatch',
    `Collection expecting embedding with dimension of ${dimension}, got ${odd.length} (collection ${show(name)}).`,
  )
}
