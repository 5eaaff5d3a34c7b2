/**
 * What every client offers, whether the store is in memory, in a folder or behind a server. Names and shapes
 * are those of Chroma's official JavaScript client, so that a user changes one import; what Chroma has not
 * stands beside them.
 */
import type { RecordVersion } from '../audit/history.ts'
import type { EmbeddingFunction } from '../embedding/embedding-function.ts'
import type { ChangeFeed, ChangeOptions } from '../readers/changes.ts'
import type { GetResult, QueryResult } from '../readers/results.ts'
import type {
  CollectionConfiguration,
  Include,
  Metadata,
  MetadataUpdate,
  Point,
  Vector,
  Where,
  WhereDocument,
  WriteOptions,
  WriteReceipt,
} from '../types.ts'

export interface GetOptions {
  /** Only these; unknown ones are left out, repeated ones count once. */
  ids?: string[]
  where?: Where
  whereDocument?: WhereDocument
  /** Default: all. */
  limit?: number
  offset?: number
  /** Default `['documents', 'metadatas']`. */
  include?: Include[]
}

export interface QueryOptions {
  /** Either these … */
  queryEmbeddings?: Vector[]
  /** … or these, for the collection's embedding function. */
  queryTexts?: string[]
  /** Neighbours for each query; default 10. Fewer come where there are fewer. */
  nResults?: number
  /** Only among these; unknown ones are left out. */
  ids?: string[]
  where?: Where
  whereDocument?: WhereDocument
  /** Default `['documents', 'metadatas', 'distances']`. */
  include?: Include[]
}

/** Columns of equal length. Without `embeddings`, the collection's embedding function makes them of `documents`. */
export interface AddRecords {
  ids: string[]
  embeddings?: Vector[]
  documents?: (string | null)[]
  metadatas?: (Metadata | null)[]
  uris?: (string | null)[]
}

/** As `AddRecords`; absent columns and `null` entries leave a record's part as it is. */
export interface PutRecords {
  ids: string[]
  embeddings?: (Vector | null)[]
  documents?: (string | null)[]
  /** Merged into what is there; a `null` value removes its key. */
  metadatas?: (MetadataUpdate | null)[]
  uris?: (string | null)[]
}

/** Ids, a filter, or both: then records must fit both. `limit` only with a filter; it takes the oldest. */
export interface DeleteOptions {
  ids?: string[]
  where?: Where
  whereDocument?: WhereDocument
  limit?: number
}

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

/** What can be read from a collection, now or as of a point of the past. */
export interface ReadableCollection {
  /** UUID. */
  readonly id: string
  readonly name: string
  readonly tenant: string
  readonly database: string
  readonly metadata: Metadata | null
  readonly configuration: CollectionConfiguration
  /** Records by id and filter, in insertion order; embeddings bit for bit as they were given. */
  get(options?: GetOptions): Promise<GetResult>
  /** The nearest records to each query. Errors: `dimension_mismatch`, `embedding_function_missing`. */
  query(options: QueryOptions): Promise<QueryResult>
  count(): Promise<number>
  /** The first records, with embeddings; default 10. */
  peek(options?: { limit?: number }): Promise<GetResult>
  /** Every version that one record ever had, deletes included. */
  history(id: string, options?: HistoryOptions): AsyncIterable<RecordVersion>
}

/** A collection as it is now. */
export interface Collection extends ReadableCollection {
  /** Adds records; ids that exist are skipped. Each call is a transaction: all of its records or none. */
  add(records: AddRecords, options?: WriteOptions): Promise<WriteReceipt>
  /** Changes records; unknown ids are skipped. */
  update(records: PutRecords, options?: WriteOptions): Promise<WriteReceipt>
  /** Adds what is new and changes what exists. */
  upsert(records: PutRecords, options?: WriteOptions): Promise<WriteReceipt>
  /** Removes records; `count` of the receipt says how many. */
  delete(selection: DeleteOptions, options?: WriteOptions): Promise<WriteReceipt>
  modify(changes: ModifyOptions, options?: WriteOptions): Promise<WriteReceipt>
  /** The collection as it stood at a position or instant; reads only. */
  asOf(point: Point): ReadableCollection
  /** What happened in this collection; see `Client.changes`. */
  changes(options?: ChangeOptions): ChangeFeed
}

export interface CreateCollectionOptions {
  name: string
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
  limit?: number
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
  storeId: string
  epoch: number
  /** The newest position. */
  head: number
  /** RFC 6962 root over all positions, hexadecimal. */
  root: string
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
  /** In the order of their creation; limit default 100. */
  listCollections(options?: ListOptions): Promise<ReadableCollection[]>
  countCollections(): Promise<number>
}

/** A store, seen from one tenant and database. */
export interface Client extends ReadableClient {
  /**
   * The same store seen from another tenant or database; what is not named stays as it is here. Nothing is
   * opened or checked: the tenant may still have to be created. It ends with the client that it comes from,
   * and closing it closes nothing else.
   */
  scope(scope: { tenant?: string; database?: string }): Client
  /** Opens the store now instead of at the first call; reports what is wrong with it. */
  open(): Promise<void>
  /** Waits for writes handed in and for background sealing, and tidies the metadata file. */
  flush(): Promise<void>
  /** Waits for accepted writes and releases everything; idempotent. The last client of a folder closes its store. */
  close(): Promise<void>
  stats(): Promise<StoreStats>
  /** Now, in nanoseconds since 1970: Chroma's sign of life. */
  heartbeat(): Promise<number>
  version(): Promise<string>
  /** Records that one write may hold. */
  getMaxBatchSize(): Promise<number>

  createCollection(options: CreateCollectionOptions, write?: WriteOptions): Promise<Collection>
  getOrCreateCollection(options: CreateCollectionOptions, write?: WriteOptions): Promise<Collection>
  getCollection(options: GetCollectionOptions): Promise<Collection>
  getCollectionById(options: {
    id: string
    embeddingFunction?: EmbeddingFunction | null
  }): Promise<Collection>
  listCollections(options?: ListOptions): Promise<Collection[]>
  deleteCollection(options: { name: string }, write?: WriteOptions): Promise<WriteReceipt>

  createTenant(options: { name: string }, write?: WriteOptions): Promise<WriteReceipt>
  getTenant(options: { name: string }): Promise<Tenant>
  createDatabase(options: { name: string; tenant?: string }, write?: WriteOptions): Promise<WriteReceipt>
  getDatabase(options: { name: string; tenant?: string }): Promise<Database>
  listDatabases(options?: ListOptions & { tenant?: string }): Promise<Database[]>
  /** Deletes a database with all of its collections. */
  deleteDatabase(options: { name: string; tenant?: string }, write?: WriteOptions): Promise<WriteReceipt>

  /** The whole store as it stood at a position or instant; collections deleted since included. */
  asOf(point: Point): ReadableClient
  /** What happened in this tenant and database, each change with the record before and after. */
  changes(options?: ChangeOptions & { collection?: string }): ChangeFeed
}
