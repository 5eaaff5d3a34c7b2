/**
 * The words of the store, as plain data: what callers hand in and get back, and what the log holds.
 * No behaviour and no I/O; every floor may import it.
 */

/** How two vectors are compared; distances are hnswlib's: squared L2, `1 - a·b`, or `1 - cos(a, b)`. */
export type Space = 'l2' | 'cosine' | 'ip'

/** One embedding as a caller gives it. It is kept as float32; `get` answers a plain array. */
export type Vector = number[] | Float32Array

/**
 * One value of metadata. Whole `number`s are integers, all others floats; a bigint is an integer beyond 2^53 - 1, of
 * 64 bits. Only the store itself, and a client that answers exact numbers, meets a `WholeFloat` in place of a
 * number: see `exact-number.ts`.
 */
export type MetadataScalar = string | number | bigint | boolean
export type MetadataValue = MetadataScalar | MetadataScalar[]
/** Metadata of a record or collection: flat; arrays hold one type of scalar. */
export type Metadata = Record<string, MetadataValue>
/** Metadata in an update: `null` removes the key, all else is merged. */
export type MetadataUpdate = Record<string, MetadataValue | null>

type Comparison =
  | { $eq: MetadataScalar }
  | { $ne: MetadataScalar }
  | { $gt: number | bigint }
  | { $gte: number | bigint }
  | { $lt: number | bigint }
  | { $lte: number | bigint }
  | { $in: MetadataScalar[] }
  | { $nin: MetadataScalar[] }
  | { $contains: MetadataScalar }
  | { $not_contains: MetadataScalar }
  | { $regex: string }
  | { $not_regex: string }

/** A filter on metadata, in Chroma's language. `#document` as a key filters on the document. */
export type Where = { $and: Where[] } | { $or: Where[] } | { [key: string]: MetadataScalar | Comparison }

/** A filter on documents, in Chroma's language: case-sensitive substrings and RE2 regular expressions. */
export type WhereDocument =
  | { $contains: string }
  | { $not_contains: string }
  | { $regex: string }
  | { $not_regex: string }
  | { $and: WhereDocument[] }
  | { $or: WhereDocument[] }

/** Which columns an answer carries. Columns not asked for are `null`. */
export type Include = 'distances' | 'documents' | 'embeddings' | 'metadatas' | 'uris'

/** What HNSW builds and searches with: Chroma's names, Chroma's defaults. */
export interface HnswConfiguration {
  /** Default `l2`. Fixed once the collection exists. */
  space: Space
  /** Candidates kept while building; default 100. Fixed once the collection exists. */
  ef_construction: number
  /** Candidates kept while searching; default 100. */
  ef_search: number
  /** Links of a node (hnswlib's M); default 16. Fixed once the collection exists. */
  max_neighbors: number
  /** Worker threads that may build segments of this collection at once; default: the number of cores. */
  num_threads: number
  /** Factor by which the growing segment's memory grows; default 1.2. */
  resize_factor: number
  /** Vectors leave the growing segment in multiples of this; default 100. */
  batch_size: number
  /** Vectors that the growing segment holds, at least, before it is sealed; default 1000. */
  sync_threshold: number
}

/**
 * Which embedding function a collection was created with, as Chroma writes it down. Only `known` ones have a name
 * and a configuration that say which it was; `unknown` comes from Chroma's clients alone.
 */
export interface EmbeddingFunctionConfiguration {
  type: 'known' | 'legacy' | 'unknown'
  name: string
  config: Record<string, unknown>
}

export interface CollectionConfiguration {
  hnsw: HnswConfiguration
  embedding_function: EmbeddingFunctionConfiguration | null
}

/** One collection as it stands at some position. */
export interface CollectionInfo {
  /** UUID. */
  id: string
  name: string
  tenant: string
  database: string
  metadata: Metadata | null
  configuration: CollectionConfiguration
  /** Length of its vectors; `null` until the first record came in. */
  dimension: number | null
}

/** The operation records that one write appended together. */
export interface Commit {
  /** Position of its first operation record. */
  first: number
  /** How many operation records it holds. */
  count: number
  /** Unix time in ms; never goes backwards from one commit to the next. */
  committedAt: number
  actor: string | null
  reason: string | null
  idempotencyKey: string | null
}

/** Columns of records, of equal length; what is absent or `null` is not given. */
export interface PutColumns<M> {
  /** At most 10,000, each at most once; 1 to 1,024 characters. */
  ids: string[]
  embeddings?: (Vector | null)[]
  /** A document without an embedding gets one from the embedding function, where there is one. */
  documents?: (string | null)[]
  metadatas?: (M | null)[]
  uris?: (string | null)[]
}

/** Who writes, why, and under which conditions. All optional. */
export interface WriteOptions {
  /** Who is responsible; kept in the log for good. At most 256 characters. */
  actor?: string
  /** Why; kept in the log for good. At most 1,024 characters. */
  reason?: string
  /**
   * A write repeated with the same key answers with the first receipt and writes nothing. At most 256 characters.
   * Keys count in one tenant and database and are remembered for good; a write that changes nothing leaves its key unused.
   */
  idempotencyKey?: string
  /**
   * Position of the collection's newest operation record as the caller knows it; refused with `conflict` when it has
   * moved on. For writes to records, `modify`, `deleteCollection` and `fork` (there it is the source's).
   */
  expectedPosition?: number
}

/** What a write did. `asOf(position)` sees it, `asOf(position - count)` the state before it. */
export interface WriteReceipt {
  /** Position of the write's last operation record; the head when nothing changed. */
  position: number
  /** The time that the log gave it: never earlier than that of a write before. */
  committedAt: Date
  /** Operation records that it appended; 0 when nothing changed. */
  count: number
}

/** A moment of the past: a position of the log, an instant, or the name of a tag. */
export type Point = number | Date | string

/** How long superseded versions are kept: for ever, for some days, or the newest few of each record. */
export interface Retention {
  history: 'forever' | { days: number } | { versions: number }
}

/** A backup that holds content which the store has erased since. */
export interface HoldingBackup {
  /** The machine that it was made on, where that was done through a server; `null` for the store's own. */
  host: string | null
  /** Its folder there when it was made. */
  path: string
  /** When the backup in this folder was begun. */
  createdAt: Date
  /** It holds the log after this position … */
  after: number
  /** … up to and with this one. */
  until: number
  /** The erased positions in it, ascending. */
  positions: number[]
  /**
   * Whether it was still there when this was answered; `false` when it was removed, moved or is not mounted, `null`
   * when it was made on another machine.
   */
  present: boolean | null
}

/** What a record held at one version. */
export interface RecordImage {
  embedding: number[]
  document: string | null
  uri: string | null
  metadata: Metadata | null
}

/** Every operation that the log knows. Persisted by number: see `format/operation-type.ts`. */
export type OperationType =
  | 'create-tenant'
  | 'create-database'
  | 'delete-database'
  | 'create-collection'
  | 'modify-collection'
  | 'delete-collection'
  | 'add'
  | 'update'
  | 'delete'
  | 'create-tag'
  | 'delete-tag'
  | 'set-retention'
  | 'vacuum'
  | 'erase'
  | 'lost'

/** What a collection-level operation record carries: the collection's whole state after it. */
export interface CollectionState {
  name: string
  tenant: string
  database: string
  metadata: Metadata | null
  configuration: CollectionConfiguration
}

/** Where a fork comes from: its source as it stood right before the commit that made the fork. */
export interface ForkOrigin {
  /** UUID of the collection that it was taken of. */
  source: string
  /** The source's next label: the fork's labels below it are the source's, and name the same vectors. */
  nextLabel: number
  /** Length of the source's vectors; `null` when it never had one. */
  dimension: number | null
}

/** What a record-level operation record carries: metadata and uri whole, the rest only when it changed. */
export interface RecordState {
  /** Present when this record set it; otherwise it stands at `vectorAt`. */
  vector: Float32Array | null
  /** Present when this record set it; otherwise it stands at `documentAt`, unless that is 0. */
  document: string | null
  uri: string | null
  metadata: Metadata | null
}

interface OperationRecordBase {
  /** Its place in the log: 1, 2, 3 … without gaps. */
  position: number
  commit: Commit
}

export interface TenantOperation extends OperationRecordBase {
  type: 'create-tenant'
  tenant: string
}

export interface DatabaseOperation extends OperationRecordBase {
  type: 'create-database' | 'delete-database'
  /** UUID of the database. */
  databaseId: string
  tenant: string
  database: string
}

export interface CollectionOperation extends OperationRecordBase {
  type: 'create-collection' | 'modify-collection' | 'delete-collection'
  /** UUID of the collection. */
  collection: string
  /** Position of this collection's operation record before; 0 for its creation. */
  previous: number
  state: CollectionState
  /** Set in the creation of a fork, and nowhere else. */
  forkedFrom?: ForkOrigin
}

export interface RecordOperation extends OperationRecordBase {
  type: 'add' | 'update' | 'delete'
  /** UUID of the collection. */
  collection: string
  recordId: string
  /** The vector version that is live after this record (that died, for a delete). */
  label: number
  /** Position of this record's version before; 0 when this id was never there. */
  previous: number
  /** Where the vector stands: this position, or an earlier one when it did not change or a fork took it over. */
  vectorAt: number
  /** Where the document stands; 0 when there is none. */
  documentAt: number
  /** `null` once erased from the log, and for deletes. */
  state: RecordState | null
}

/** Gives a position a name, or takes the name away. */
export interface TagOperation extends OperationRecordBase {
  type: 'create-tag' | 'delete-tag'
  name: string
  /** The position that the name stands for. */
  at: number
}

/** Sets how long history is kept. */
export interface RetentionOperation extends OperationRecordBase {
  type: 'set-retention'
  /** UUID of the collection; `null` for the whole store. */
  scope: string | null
  retention: Retention
}

/** Says that superseded versions of a collection are gone because of its retention. */
export interface VacuumOperation extends OperationRecordBase {
  type: 'vacuum'
  /** UUID of the collection. */
  scope: string
  /** Points before this position can no longer be answered. */
  horizon: number
  /** The versions that are gone, each named by the position that superseded it. */
  versions: number[]
  /** Positions whose payloads are gone from the log. */
  payloads: number[]
}

/** Says that records are gone from all of history because somebody asked for it. */
export interface EraseOperation extends OperationRecordBase {
  type: 'erase'
  /** UUID of the collection. */
  scope: string
  ids: string[]
  /** Positions whose payloads are gone from the log. */
  payloads: number[]
  /** What is gone from other collections of the fork family, because it stood on the same payloads. */
  forks?: ErasedInFork[]
}

/** Records that an erasure took out of another collection of the family, too. */
export interface ErasedInFork {
  /** UUID of that collection. */
  collection: string
  ids: string[]
}

/** Stands where recovery in the mode `salvage` found a damaged operation record. */
export interface LostOperation extends OperationRecordBase {
  type: 'lost'
}

/** One change to one record or collection, as it stands in the log. */
export type OperationRecord =
  | TenantOperation
  | DatabaseOperation
  | CollectionOperation
  | RecordOperation
  | TagOperation
  | RetentionOperation
  | VacuumOperation
  | EraseOperation
  | LostOperation
