/**
 * The words of export and import, and what they need of a collection. The interfaces are satisfied by every
 * client's collections; they are spelled out here because this floor lies below the clients.
 */
import type {
  CollectionConfiguration,
  Include,
  Metadata,
  Point,
  PutColumns,
  Vector,
  Where,
  WhereDocument,
  WriteOptions,
  WriteReceipt,
} from '../types.ts'

/** `json`: the column shape that `get` answers; `jsonl`: one record on each line. */
export type ExchangeFormatName = 'jsonl' | 'json' | 'csv' | 'parquet'

/** One record, as every format carries it. */
export interface ExchangeRecord {
  id: string
  /** `null`: not exported, or to be made of the document by the collection's embedding function. */
  embedding: Vector | null
  document: string | null
  metadata: Metadata | null
  uri: string | null
}

/** Columns of equal length, as `get` answers them. */
export interface RecordColumns {
  readonly ids: string[]
  readonly embeddings: number[][] | null
  readonly documents: (string | null)[] | null
  readonly metadatas: (Metadata | null)[] | null
  readonly uris: (string | null)[] | null
}

/** What an export reads from: a `Collection`, or one as it stood (`collection.asOf(point)`). */
export interface ExportSource {
  readonly name: string
  get(options?: {
    ids?: string[]
    where?: Where
    whereDocument?: WhereDocument
    include?: Include[]
  }): Promise<RecordColumns>
  /** Where it is there, an export reads all of its pages as of one position. */
  asOf?(point: Point): ExportSource
  /** Where it is there, an export tells whole floats from integers. */
  withExactNumbers?(): ExportSource
}

/** What an import writes to: a `Collection`. */
export interface ImportTarget {
  readonly name: string
  add(records: PutColumns<Metadata>, options?: WriteOptions): Promise<WriteReceipt>
  upsert(records: PutColumns<Metadata>, options?: WriteOptions): Promise<WriteReceipt>
}

/** How an imported collection is created. */
export interface ImportedCollection {
  name: string
  metadata?: Metadata
  configuration?: { hnsw?: Record<string, unknown> }
  embeddingFunction: ImportedFunction | null
}

/** Stands for an embedding function that is known by name only: see `chroma-configuration.ts`. */
export interface ImportedFunction {
  name: string
  generate(texts: string[]): Promise<Vector[]>
  getConfig(): object
}

/** What an import of whole stores needs of a client: every `Client` has it. */
export interface ImportClient {
  /** A client of the same store in another tenant and database. */
  scope(scope: { tenant: string; database: string }): ImportClient
  getTenant(options: { name: string }): Promise<unknown>
  createTenant(options: { name: string }, write?: WriteOptions): Promise<unknown>
  getDatabase(options: { name: string; tenant: string }): Promise<unknown>
  createDatabase(options: { name: string; tenant: string }, write?: WriteOptions): Promise<unknown>
  getCollection(options: {
    name: string
    embeddingFunction: null
  }): Promise<ImportTarget & { readonly configuration: CollectionConfiguration }>
  createCollection(options: ImportedCollection, write?: WriteOptions): Promise<ImportTarget>
}

/** A record that was not imported, and why. */
export interface FailedRecord {
  /** `null` when the record has no readable id. */
  id: string | null
  reason: string
}
