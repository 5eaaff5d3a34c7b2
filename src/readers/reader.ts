import { AnnalsError, show } from '../errors.ts'
import type { OperationLog } from '../log/operation-log.ts'
import type { At, Catalog } from '../projections/metadata/catalog.ts'
import type { RecordTable } from '../projections/metadata/record-table.ts'
import { type CollectionRow, parseMetadata, type VersionRow } from '../projections/metadata/rows.ts'
import { prepare } from '../projections/vectors/distance.ts'
import { bitsOf } from '../projections/vectors/label-table.ts'
import type { VectorIndex } from '../projections/vectors/vector-index.ts'
import type { VectorStore } from '../projections/vectors/vector-store.ts'
import type { GetRequest, QueryRequest } from './read-request.ts'
import { RecentSelections } from './recent-selections.ts'
import { GetResult, type GetRow, QueryResult, type QueryRow } from './results.ts'
import { Running } from './running.ts'
import { searchIndex } from './search.ts'
import { VersionSelector } from './selection.ts'

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
  readonly #recent = new RecentSelections()

  constructor(parts: ReaderParts) {
    this.#parts = parts
    this.#versions = new VersionSelector(parts.log, parts.records)
  }

  /** Drops what is remembered of earlier reads: the tables were put right without a write. */
  forget(): void {
    this.#recent.forget()
  }

  /** The collection as it stands at `at`. Throws `collection_not_found`, `history_truncated`. */
  collection(id: string, at: At): CollectionRow {
    const row = this.#parts.catalog.collectionById(id, at)
    if (row !== undefined && at !== null && at < row.horizon) throw truncated(row, at)
    if (row !== undefined) return row
    const when = at === null ? '' : ` at position ${at}`
    throw new AnnalsError('collection_not_found', `Collection [${id}] does not exist${when}.`)
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

  async #count(id: string, at: At): Promise<number> {
    const { key, live_records } = this.collection(id, at)
    return at === null ? live_records : this.#versions.count(key, at)
  }

  async #get(id: string, request: GetRequest, at: At): Promise<GetResult> {
    const { key } = this.collection(id, at)
    const { limit, offset, include } = request
    const withDocument = include.includes('documents')
    const rows = await this.#versions.select(key, request, at, { limit, offset, withDocument })
    const embeddings = include.includes('embeddings') ? await this.embeddings(rows) : null
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
    const embeddings = include.includes('embeddings') ? await this.embeddings(versions) : null
    let next = 0
    const rows = lists.map((hits) =>
      hits.slice(0, count).map(({ distance }): QueryRow => {
        const index = next++
        return { ...getRow(versions[index]!, embeddings?.[index] ?? null), distance }
      }),
    )
    return new QueryResult(rows, include)
  }

  /** The vectors of the given versions, bit for bit as they were handed in. */
  async embeddings(rows: readonly VersionRow[]): Promise<number[][]> {
    const records = await this.#parts.log.readMany(rows.map(({ vector_at }) => vector_at))
    return records.map((record) => Array.from(('vectorAt' in record && record.state?.vector) || []))
  }

  async #search(
    row: CollectionRow,
    queries: readonly Float32Array[],
    request: QueryRequest,
    at: At,
  ): Promise<Hit[][]> {
    if (row.dimension === null || request.count === 0) return queries.map(() => [])
    const restricted = request.filter !== null || request.ids !== null
    // The past stands still, so its labels may be found before the index is there; those of the present may not.
    const past = restricted && at !== null ? await this.#selectedAt(row, request, at) : null
    const withDocument = request.include.includes('documents')
    // What is loaded serves the present too, so it follows the configuration of now, not of `at`.
    const loaded = this.#parts.catalog.newestById(row.id) ?? row
    return this.#parts.vectors.use(loaded, (index) => {
      const now = this.collection(row.id, at)
      const allowed = past ?? (restricted ? this.#selected(now, request) : unrestricted(index, at))
      return queries.map((query) => {
        const found = searchIndex(index, prepare(index.hnsw.space, query), request.count, allowed)
        const labels = found.map(({ label }) => label)
        const rows = this.#rowsOf(row.key, labels, at, withDocument)
        return found.map(({ distance }, rank) => ({ row: rows[rank]!, distance }))
      })
    })
  }

  /** The labels that ids and filter admit now. */
  #selected({ key, last_position, next_label }: CollectionRow, { ids, filter }: QueryRequest): Uint32Array {
    const select = () => bitsOf(this.#parts.records.labels({ collection: key, ids, filter }), next_label)
    if (ids !== null || filter === null) return select()
    const asked = { collection: key, position: last_position, filter, at: null }
    return this.#recent.find(asked) ?? this.#recent.keep(asked, select())
  }

  /** The same at a position of the past. */
  async #selectedAt(row: CollectionRow, request: QueryRequest, at: number): Promise<Uint32Array> {
    const { key, last_position, next_label } = row
    const select = async () => bitsOf(await this.#versions.labels(key, request, at), next_label)
    if (request.ids !== null || request.filter === null) return select()
    const asked = { collection: key, position: last_position, filter: request.filter, at }
    return this.#recent.find(asked) ?? this.#recent.keep(asked, await select())
  }

  /** The versions that carried the labels at `at`, in the labels' order. */
  #rowsOf(collection: number, labels: number[], at: At, withDocument: boolean): VersionRow[] {
    const { records } = this.#parts
    const live = new Map<number, VersionRow>()
    for (const row of records.liveByLabels(collection, labels, withDocument)) live.set(row.label, row)
    return labels.map((label) => {
      const row = live.get(label)
      if (row !== undefined && (at === null || row.position <= at)) return row
      const superseded = at === null ? undefined : records.supersededByLabel(collection, label, at)
      if (superseded !== undefined) return superseded
      throw new AnnalsError('internal', `The label ${label} has no record at ${at ?? 'the head'}.`)
    })
  }
}

function unrestricted({ labels }: VectorIndex, at: At): Uint32Array {
  return at === null ? labels.live : labels.liveAt(at)
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
