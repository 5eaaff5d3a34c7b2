/**
 * What every collection offers, whether its store is in memory, in a folder or behind a server; `api.ts` has the
 * same for clients.
 */
import type { Diff, RecordDifference } from '../audit/diff.ts'
import type { QueryExplanation } from '../audit/explain-query.ts'
import type { RecordVersion } from '../audit/history.ts'
import type { ReindexOptions, ReindexReport } from '../maintenance/reindexer.ts'
import type { ChangeFeed, ChangeOptions } from '../readers/changes.ts'
import type { GetResult, QueryResult } from '../readers/results.ts'
import type { ReadLevel } from '../readers/search-request.ts'
import type { SearchResult } from '../readers/search-result.ts'
import type {
  CollectionConfiguration,
  Include,
  Metadata,
  MetadataUpdate,
  Point,
  PutColumns,
  Vector,
  Where,
  WhereDocument,
  WriteOptions,
  WriteReceipt,
} from '../types.ts'
import type { SearchLike } from './search/search.ts'

export interface GetOptions {
  /** Only these; unknown ones are left out, repeated ones count once. */
  ids?: string[]
  /** Only records whose metadata passes; together with `whereDocument`, both must. */
  where?: Where
  /** Only records whose document passes. */
  whereDocument?: WhereDocument
  /** Default: all. */
  limit?: number
  /** Records to leave out at the beginning; default 0. */
  offset?: number
  /** Default `['documents', 'metadatas']`. */
  include?: Include[]
}

export interface QueryOptions {
  /** Either these, at most 1,000 … */
  queryEmbeddings?: Vector[]
  /** … or these, for the collection's embedding function. */
  queryTexts?: string[]
  /** Neighbours for each query, at most 100,000; default 10. Fewer come where there are fewer. */
  nResults?: number
  /** Only among these; unknown ones are left out. */
  ids?: string[]
  /** Only among records whose metadata passes; together with `whereDocument`, both must. */
  where?: Where
  /** Only among records whose document passes. */
  whereDocument?: WhereDocument
  /** Default `['documents', 'metadatas', 'distances']`. */
  include?: Include[]
}

export interface SearchOptions {
  /** Every level sees all acknowledged writes here: no index lags behind. Default `index_and_wal`. */
  readLevel?: ReadLevel
}

/** Columns of equal length. Without `embeddings`, the collection's embedding function makes them of `documents`. */
export interface AddRecords extends PutColumns<Metadata> {
  embeddings?: Vector[]
}

/**
 * As `AddRecords`; absent columns and `null` entries leave a record's part as it is. So a document or uri can be
 * replaced, and not removed. Metadata is merged into what is there; a `null` value removes its key.
 */
export type PutRecords = PutColumns<MetadataUpdate>

/** Ids, a filter, or both: then records must fit both. `limit` only with a filter; it takes the oldest. */
export interface DeleteOptions {
  ids?: string[]
  where?: Where
  whereDocument?: WhereDocument
  limit?: number
}

/** What is absent stays as it is. */
export interface ModifyOptions {
  name?: string
  /** Replaces the metadata. */
  metadata?: Metadata
  /** Only `hnsw.ef_search`, `num_threads`, `resize_factor`, `batch_size` and `sync_threshold` can change. */
  configuration?: ConfigurationOptions
}

/** HNSW options under Chroma's names; camel case (`efSearch`) is accepted too. */
export interface ConfigurationOptions {
  hnsw?: Record<string, unknown>
}

export interface HistoryOptions {
  /** Default `asc`: oldest first. */
  order?: 'asc' | 'desc'
}

export interface RunOptions {
  /** How often it is begun anew after `conflict`, `stale_read` or `busy`; default 3. */
  maxRetries?: number
}

/** What a committed transaction answers: a receipt, and the same in Chroma's words. */
export interface TransactionReceipt extends WriteReceipt {
  /** Position of its first operation record; `null` where nothing changed. */
  first_inserted_record_offset: number | null
  /** Records that it wrote, also those that were that way already. */
  record_count: number
}

/**
 * Reads first, then writes that hold only if every record that was read still stands as it was read. All reads see
 * one position, that of the first; nothing is locked. A record is written at most once, and not read after that.
 * Calls take effect in their order, awaited or not.
 */
export interface ConditionalTransaction {
  /**
   * As `collection.get`. Without `ids` it needs a `limit`, and only the records that it answers count as read.
   * Error: `stale_read`.
   */
  get(options?: GetOptions): Promise<GetResult>
  /** Each id must have been read, without a filter, and not have been there. */
  add(records: AddRecords): Promise<void>
  /** Each id must have been read, and have been there. */
  update(records: PutRecords): Promise<void>
  upsert(records: PutRecords): Promise<void>
  /** Each id must have been read, and have been there. */
  delete(selection: { ids: string[] }): Promise<void>
  /**
   * Writes all or nothing, in one commit. Errors: those of every write, and `conflict` when a record that was read
   * has changed. A transaction that wrote nothing is not checked.
   */
  commit(write?: WriteOptions): Promise<TransactionReceipt>
  /**
   * Calls back with a transaction, commits it, and answers what was called back. After a conflict it begins anew
   * with a new transaction, so the callback may run several times.
   */
  run<T>(
    callback: (transaction: ConditionalTransaction) => T | Promise<T>,
    options?: RunOptions | number,
    write?: WriteOptions,
  ): Promise<T>
}

/** What can be read from a collection, now or as of a point of the past. */
export interface ReadableCollection {
  /** UUID. */
  readonly id: string
  readonly name: string
  readonly tenant: string
  readonly database: string
  readonly metadata: Metadata | null
  readonly configuration: CollectionConfiguration
  /** Length of its vectors; `null` before the first record came in. */
  readonly dimension: number | null
  /**
   * Records by id and filter, in insertion order; embeddings as the float32 values that were given, bit for bit.
   * Errors: `invalid_filter`, `invalid_argument`, `collection_not_found`; on a view `position_not_reached`.
   *
   * @example
   * const { ids, documents } = await notes.get({ where: { topic: 'x' }, limit: 20 })
   */
  get(options?: GetOptions): Promise<GetResult>
  /**
   * The nearest records to each query, nearest first; at equal distances the older vector comes first.
   * Distances: squared L2, `1 - cos(a, b)` or `1 - a·b`.
   * Errors: as `get`, and `dimension_mismatch`, `embedding_function_missing`, `embedding_failed`.
   *
   * @example
   * const [nearest] = (await notes.query({ queryTexts: ['a thought'], nResults: 3 })).rows()
   */
  query(options: QueryOptions): Promise<QueryResult>
  /**
   * Chroma's Search API: candidates by `Knn`, scored by an expression, grouped, a page of them; several searches
   * at once see the same state. Errors: as `query`, and `unsupported_option` for sparse vectors.
   *
   * @example
   * const search = new Search().where(K('year').gte(1900)).rank(Knn({ query: 'rust' })).limit(5).selectAll()
   * const [rows] = (await notes.search(search)).rows()
   */
  search(searches: SearchLike | readonly SearchLike[], options?: SearchOptions): Promise<SearchResult>
  /** How many records there are. */
  count(): Promise<number>
  /** The first records, with embeddings; default 10. */
  peek(options?: { limit?: number }): Promise<GetResult>
  /**
   * Every version that one record ever had, deletes included; none for an id that was never there.
   *
   * @example
   * for await (const { position, type, actor, after } of notes.history('a')) console.log(position, type, actor, after)
   */
  history(id: string, options?: HistoryOptions): AsyncIterable<RecordVersion>
}

/**
 * A collection as it is now.
 *
 * Each write is a transaction: all of its records or none. When its promise resolves, it is durable and visible to
 * every read. When it rejects, `fate` says what became of the data. Errors of every write: `invalid_argument`,
 * `limit_exceeded`, `collection_not_found`, `conflict`, `busy`, `disk_full`, `write_failed`, `log_unavailable`,
 * `projection_failed`, `store_closed`; of those with records also `dimension_mismatch`,
 * `embedding_function_missing`, `embedding_failed`.
 */
export interface Collection extends ReadableCollection {
  /**
   * Adds records; ids that exist are skipped.
   *
   * @example
   * await notes.add({ ids: ['a'], documents: ['first thought'], metadatas: [{ topic: 'x' }] }, { actor: 'ada' })
   */
  add(records: AddRecords, options?: WriteOptions): Promise<WriteReceipt>
  /** Changes records; unknown ids are skipped. */
  update(records: PutRecords, options?: WriteOptions): Promise<WriteReceipt>
  /** Adds what is new and changes what exists. A record that is new needs an embedding or a document. */
  upsert(records: PutRecords, options?: WriteOptions): Promise<WriteReceipt>
  /** Removes records; `count` of the receipt says how many. Ids that are not there are no error. */
  delete(selection: DeleteOptions, options?: WriteOptions): Promise<WriteReceipt>
  /**
   * A new transaction: reads, and writes that hold only if what was read still stands.
   *
   * @example
   * await notes.conditional().run(async (transaction) => {
   *   const { ids } = await transaction.get({ ids: ['a'] })
   *   if (ids.length === 0) await transaction.add({ ids: ['a'], documents: ['the only one'] })
   * })
   */
  conditional(): ConditionalTransaction
  /** Renames, replaces the metadata, or changes the configuration. Errors: `collection_exists`, `unsupported_option`. */
  modify(changes: ModifyOptions, options?: WriteOptions): Promise<WriteReceipt>
  /**
   * A new collection with the records of this one as they are now, in the same tenant and database, with the same
   * metadata, configuration and embedding function. Vectors, documents and graphs are not copied: both collections
   * stand on the same ones until they change them. What is written to one is never seen in the other. At most
   * 250,000 records. Errors: `collection_exists`, `limit_exceeded`, and those of every write.
   *
   * @example
   * const draft = await notes.fork({ name: 'notes-draft' }, { actor: 'ada', reason: 'try another spelling' })
   */
  fork(options: ForkOptions, write?: WriteOptions): Promise<Collection>
  /**
   * How many forks there are in this collection's family now: of the collection that it all began with, of its
   * forks, and so on. All of the family answer the same.
   */
  forkCount(): Promise<number>
  /** How far the graphs are built, under the names that Chroma's client has for it. */
  getIndexingStatus(): Promise<IndexingStatus>
  /**
   * Builds the graphs again beside those that answer meanwhile, merged into as few as may be, with other HNSW
   * options if given (all but `space`). Swaps them at once, unless they find less than `recallMin` of the truth.
   */
  reindex(
    options?: ReindexOptions & { hnsw?: Record<string, unknown> },
    write?: WriteOptions,
  ): Promise<ReindexReport>
  /**
   * Reads of the records as they stood at a position or instant; the point is resolved once, at the first read.
   * Name, metadata and configuration stay those of this handle: for those of then, take
   * `client.asOf(point).getCollection`. Error, at the first read: `position_not_reached`.
   *
   * @example
   * const { position, count } = await notes.delete({ ids: ['a'] })
   * await notes.asOf(position - count).get({ ids: ['a'] }) // still there
   */
  asOf(point: Point): ReadableCollection
  /** What happened in this collection; see `Client.changes`. */
  changes(options?: ChangeOptions): ChangeFeed
  /**
   * The net difference between two points: records added, updated (with what changed), deleted. With `from` after
   * `to` the differences lead back. Errors while it is read: `position_not_reached`, `history_truncated`.
   */
  diff(from: Point, to: Point): Diff<RecordDifference>
  /**
   * How the answer to a query differs between two points, and which operation records caused it. Errors: those
   * of `query`, and `position_not_reached`.
   */
  explainQuery(query: QueryOptions, from: Point, to: Point): Promise<QueryExplanation>
}

export interface ForkOptions {
  /** Of the new collection: 3 to 512 characters from `[a-zA-Z0-9._-]`, a letter or digit at both ends. */
  name: string
}

/** Operations are counted by the vectors that they set, replaced and deleted ones included. */
export interface IndexingStatus {
  /** Share of the operations that are indexed, 0 to 1; 1 when none waits. */
  op_indexing_progress: number
  /**
   * Vectors that wait for a graph. Fewer than a graph is worth wait for none: they are searched exactly, and count
   * as indexed. What waits is searched exactly, too: every read sees every write.
   */
  num_unindexed_ops: number
  num_indexed_ops: number
  total_ops: number
}
