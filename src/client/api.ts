/**
 * What every client offers, whether the store is in memory, in a folder or behind a server. Names and shapes
 * are those of Chroma's official JavaScript client, so that a user changes one import; what Chroma has not
 * stands beside them.
 */
import type { KeyObject } from 'node:crypto'
import type { Erasure } from '../audit/certificate.ts'
import type { IssuedCheckpoint } from '../audit/checkpoint.ts'
import type { Diff, RecordDifference } from '../audit/diff.ts'
import type { QueryExplanation } from '../audit/explain-query.ts'
import type { RecordVersion } from '../audit/history.ts'
import type { LogLine } from '../audit/log-entries.ts'
import type { ConsistencyProof, InclusionProof } from '../audit/proofs.ts'
import type { ProofOptions } from '../audit/prover.ts'
import type { EmbeddingFunction } from '../embedding/embedding-function.ts'
import type { VacuumOptions, VacuumReport } from '../maintenance/caretaker.ts'
import type { ReindexOptions, ReindexReport } from '../maintenance/reindexer.ts'
import type { RepairOptions, RepairResult } from '../maintenance/repair.ts'
import type { VerifyOptions, VerifyResult } from '../maintenance/verify.ts'
import type { BackupOptions, BackupReport } from '../portability/backup.ts'
import type { ChangeFeed, ChangeOptions } from '../readers/changes.ts'
import type { GetResult, QueryResult } from '../readers/results.ts'
import type { ReadLevel } from '../readers/search-request.ts'
import type { SearchResult } from '../readers/search-result.ts'
import type {
  CollectionConfiguration,
  Include,
  Metadata,
  MetadataUpdate,
  OperationType,
  Point,
  PutColumns,
  Retention,
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

/** Which operation records to read. What is not given does not restrict. */
export interface LogOptions {
  /** Exclusive: a position, or an instant. Default: the beginning. */
  after?: Point
  /** Inclusive. Default: the head at the time of the first read. */
  until?: Point
  /** Name or UUID; collections that bore the name once and deleted ones are found, too. */
  collection?: string
  /** A record's id. */
  id?: string
  actor?: string
  /** One type of operation, or several. */
  type?: OperationType | OperationType[]
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

export interface CreateCollectionOptions {
  /** 3 to 512 characters from `[a-zA-Z0-9._-]`, a letter or digit at both ends. */
  name: string
  /** At least one key, where it is given. */
  metadata?: Metadata
  configuration?: ConfigurationOptions
  /** Default: the built-in feature hashing; `null`: none, so vectors must be given. */
  embeddingFunction?: EmbeddingFunction | null
}

export interface GetCollectionOptions {
  name: string
  /** Default: the built-in function that the collection was created with, if it was one. */
  embeddingFunction?: EmbeddingFunction | null
}

export interface ListOptions {
  /** Default 100. */
  limit?: number
  /** Default 0. */
  offset?: number
}

/** A tenant. */
export interface Tenant {
  name: string
}

/** A database of a tenant. */
export interface Database {
  id: string
  name: string
  tenant: string
}

export interface CollectionStats {
  id: string
  name: string
  tenant: string
  database: string
  /** Live records. */
  records: number
  dimension: number | null
  /** Position of its newest operation record. */
  lastPosition: number
  /** Whether its vectors are in memory. */
  loaded: boolean
  sealedSegments: number
  /** Vectors in sealed segments and those not sealed yet, dead ones included. */
  sealedVectors: number
  growingVectors: number
  /** Bytes of memory that its vectors take. */
  memoryBytes: number
}

export interface StoreStats {
  /** The folder; `null` in memory. */
  path: string | null
  /** UUID, given once, at creation. */
  storeId: string
  /** Raised by every recovery that gave up operation records. */
  epoch: number
  /** The newest position. */
  head: number
  /** RFC 6962 root over all positions, hexadecimal. */
  root: string
  /** Of the newest commit; 1970 in an empty store. */
  committedAt: Date
  /** Collections that are being sealed in the background. */
  sealing: number
  vectorMemoryBytes: number
  memoryBudgetBytes: number
  /** Bytes on disk. */
  disk: { log: number; metadata: number; segments: number }
  collections: CollectionStats[]
  /** What the last opening had to mend. */
  recovery: { metadataReplaced: string | null; lost: number[]; truncatedTo: number | null }
}

/** What can be read of a whole store, now or as of a point of the past. */
export interface ReadableClient {
  readonly tenant: string
  readonly database: string
  /** Throws `collection_not_found`. */
  getCollection(options: GetCollectionOptions): Promise<ReadableCollection>
  getCollectionById(options: {
    id: string
    embeddingFunction?: EmbeddingFunction | null
  }): Promise<ReadableCollection>
  /** In the order of their creation. */
  listCollections(options?: ListOptions): Promise<ReadableCollection[]>
  countCollections(): Promise<number>
}

/** A named position. */
export interface Tag {
  name: string
  position: number
}

export interface EraseOptions {
  /** Name or UUID of the collection. */
  collection: string
  ids: string[]
  /**
   * Erase in other collections of the fork family, too, where they stand on the same content; default false: then
   * they make it a `conflict`.
   */
  forks?: boolean
}

/** A store, seen from one tenant and database. */
export interface Client extends ReadableClient {
  /**
   * The same store seen from another tenant or database; what is not named stays as it is here. Nothing is
   * opened or checked: the tenant may still have to be created. It ends with the client that it comes from,
   * and closing it closes nothing else.
   *
   * @example
   * const search = client.scope({ tenant: 'acme', database: 'search' })
   */
  scope(scope: { tenant?: string; database?: string }): Client
  /**
   * Opens the store now instead of at the first call, and so reports what is wrong with it. Errors: `store_locked`,
   * `log_damaged`, `log_missing`, `log_tail_lost`, `log_unavailable`, `format_unsupported`, `projection_failed`.
   */
  open(): Promise<void>
  /** Waits for writes handed in and for background sealing, and tidies the metadata file. Not needed for durability. */
  flush(): Promise<void>
  /**
   * Waits for accepted writes and releases everything; idempotent. The last client of a folder closes its store.
   * Await reads before: those under way may fail.
   */
  close(): Promise<void>
  stats(): Promise<StoreStats>
  /**
   * Copies the store's log into a folder, while writes go on; a folder that holds an earlier backup of this
   * store gets what is new. Errors: `backup_mismatch`, `store_exists`, `disk_full`.
   *
   * @example
   * const { position, chunks } = await client.backup('/backups/notes')
   */
  backup(target: string, options?: BackupOptions): Promise<BackupReport>
  /** Now, in nanoseconds since 1970, to the millisecond: Chroma's sign of life. */
  heartbeat(): Promise<number>
  /** Of this package. */
  version(): Promise<string>
  /** Records that one write may hold. */
  getMaxBatchSize(): Promise<number>

  /** Errors: `collection_exists`, `database_not_found`. */
  createCollection(options: CreateCollectionOptions, write?: WriteOptions): Promise<Collection>
  /** The existing collection as it is, whatever else the options say; else a new one. Error: `database_not_found`. */
  getOrCreateCollection(options: CreateCollectionOptions, write?: WriteOptions): Promise<Collection>
  getCollection(options: GetCollectionOptions): Promise<Collection>
  getCollectionById(options: {
    id: string
    embeddingFunction?: EmbeddingFunction | null
  }): Promise<Collection>
  listCollections(options?: ListOptions): Promise<Collection[]>
  /** Deletes it for the present; `asOf` still reads it. Errors: `collection_not_found`, `conflict`. */
  deleteCollection(options: { name: string }, write?: WriteOptions): Promise<WriteReceipt>

  /** Error: `tenant_exists`. */
  createTenant(options: { name: string }, write?: WriteOptions): Promise<WriteReceipt>
  /** Error: `tenant_not_found`. */
  getTenant(options: { name: string }): Promise<Tenant>
  /** In the client's tenant when none is named. Errors: `tenant_not_found`, `database_exists`. */
  createDatabase(options: { name: string; tenant?: string }, write?: WriteOptions): Promise<WriteReceipt>
  /** Error: `database_not_found`. */
  getDatabase(options: { name: string; tenant?: string }): Promise<Database>
  /** By name; none for a tenant that does not exist. */
  listDatabases(options?: ListOptions & { tenant?: string }): Promise<Database[]>
  /** Deletes a database with all of its collections. The default one is emptied and stays. Error: `database_not_found`. */
  deleteDatabase(options: { name: string; tenant?: string }, write?: WriteOptions): Promise<WriteReceipt>

  /** Names a point: `asOf('name')` reads it, and retention keeps what it needs. Errors: `tag_exists`. */
  tag(name: string, point: Point, write?: WriteOptions): Promise<WriteReceipt>
  /** Oldest position first. */
  listTags(): Promise<Tag[]>
  /** Errors: `tag_not_found`. */
  deleteTag(name: string, write?: WriteOptions): Promise<WriteReceipt>
  /**
   * How long superseded versions are kept: `{ history: 'forever' }` (default), `{ history: { days: 30 } }` or
   * `{ history: { versions: 5 } }`; for the whole store, or for one collection (name or UUID) instead.
   * Nothing goes before `vacuum`.
   */
  setRetention(
    retention: Retention,
    options?: { collection?: string },
    write?: WriteOptions,
  ): Promise<WriteReceipt>
  /**
   * Lets go of what retention no longer keeps: text, vectors and metadata of superseded versions leave the log
   * and the tables. Positions and headers stay, so who did what and when can still be told and proven; reading
   * as of a point before the new horizon fails with `history_truncated`. Tags and backups under way hold it back.
   */
  vacuum(options?: VacuumOptions, write?: WriteOptions): Promise<VacuumReport>
  /**
   * Removes records from all of history: every version's text, vector and metadata leaves the log, the tables,
   * the segments and the free parts of their files. The log says that it happened, and still verifies. Ids,
   * actors and reasons stay. Rewrites files: not for everyday deletes. Errors: `conflict` when forks share the
   * content and `forks` was not said.
   */
  erase(options: EraseOptions, write?: WriteOptions): Promise<Erasure>
  /** Merges small graphs of every collection into fewer; queries go on meanwhile. */
  compact(options?: ReindexOptions): Promise<Record<string, ReindexReport>>
  /**
   * The whole store as it stood at a position or instant, collections deleted since included.
   * Error, at the first read: `position_not_reached`.
   */
  asOf(point: Point): ReadableClient
  /**
   * What happened in this tenant and database, or in one of its collections (by name or UUID), each change with the
   * record before and after. Errors, at the first change: `position_not_reached`, `collection_not_found`.
   *
   * @example
   * for await (const change of client.changes({ after: lastSeen, live: true })) lastSeen = change.position
   */
  changes(options?: ChangeOptions & { collection?: string }): ChangeFeed
  /** As `Collection.diff`, for all collections of this database, with those created, modified and deleted. */
  diff(from: Point, to: Point): Diff
  /** The operation log of this tenant and database as a person reads it, oldest first. */
  log(options?: LogOptions): AsyncIterable<LogLine>
  /**
   * Proves that an operation record stands in the log; `verifyInclusion` checks it anywhere. The first proof of
   * an open store reads the whole log once. Errors: `position_not_reached`.
   */
  proof(position: number, options?: ProofOptions): Promise<InclusionProof>
  /**
   * Proves that the log of `to` operation records (default: the head) continues the one of `from`;
   * `verifyConsistency` checks it anywhere. Errors: `position_not_reached`.
   */
  consistency(from: number, to?: number): Promise<ConsistencyProof>
  /**
   * The head of the log, to be kept or published where the store's owner cannot change it. With an Ed25519 key
   * (PEM or `KeyObject`) it is a signed note that `verifyCheckpoint` checks anywhere.
   */
  checkpoint(privateKey?: KeyObject | string): Promise<IssuedCheckpoint>
  /**
   * Compares everything that the store holds with what it should hold; default level `full`. Changes nothing;
   * reads and writes go on. Damage is no error but a finding. Errors: `store_closed`, the signal's reason.
   *
   * @example
   * const { ok, findings } = await client.verify({ level: 'deep' })
   * for (const { severity, where, message, hint } of findings) console.log(severity, where, message, hint)
   */
  verify(options?: VerifyOptions): Promise<VerifyResult>
  /**
   * Puts right whatever is derived from the log, rows in place and segments by building them again, and names
   * what only a backup can bring back. Reads and writes go on. Errors: `store_closed`, the signal's reason.
   */
  repair(options?: RepairOptions): Promise<RepairResult>
}
