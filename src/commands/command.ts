import type { Filter } from '../filter/filter.ts'
import type {
  CollectionConfiguration,
  Metadata,
  MetadataUpdate,
  Retention,
  WriteOptions,
  WriteReceipt,
} from '../types.ts'

/** One record as a write hands it in, already checked. `undefined` and absent columns stay as they are. */
export interface RecordInput {
  id: string
  vector: Float32Array | null
  /** `undefined`: not given. */
  document: string | undefined
  uri: string | undefined
  metadata: MetadataUpdate | null
}

export interface PutCommand {
  kind: 'add' | 'update' | 'upsert'
  /** UUID of the collection. */
  collection: string
  records: RecordInput[]
}

export interface DeleteCommand {
  kind: 'delete'
  collection: string
  /** `null`: not restricted by id. */
  ids: string[] | null
  filter: Filter | null
  limit: number | null
}

/** Writes of one transaction, each record at most once. */
export type TransactionWrite =
  | { kind: PutCommand['kind']; records: RecordInput[] }
  | { kind: 'delete'; ids: string[] }

/** What a transaction asks for: writes that hold only while what it has read stands. */
export interface Transaction {
  /** The position that its reads saw; `null` where nothing was read. */
  readPosition: number | null
  /** Ids that were read, there or not: none may have changed since. */
  readIds: string[]
  writes: TransactionWrite[]
}

export interface TransactionCommand extends Transaction {
  kind: 'transaction'
  collection: string
}

export interface CreateTenantCommand {
  kind: 'create-tenant'
  tenant: string
}

export interface DatabaseCommand {
  kind: 'create-database' | 'delete-database'
  tenant: string
  database: string
}

/** Deletes the databases of every tenant with their collections. */
export interface ResetCommand {
  kind: 'reset'
}

export interface CreateCollectionCommand {
  kind: 'create-collection'
  tenant: string
  database: string
  name: string
  metadata: Metadata | null
  configuration: CollectionConfiguration
  /** An existing collection of that name is the answer, as it is. */
  getOrCreate: boolean
}

export interface ModifyCollectionCommand {
  kind: 'modify-collection'
  collection: string
  name: string | undefined
  /** Replaces the metadata; `undefined` leaves it alone. */
  metadata: Metadata | undefined
  /** Computes the configuration from the present one; throws what the caller is told. */
  configuration: ((old: CollectionConfiguration) => CollectionConfiguration) | undefined
}

export interface ForkCommand {
  kind: 'fork'
  /** UUID of the collection that is forked. */
  source: string
  /** Of the new collection, in the source's tenant and database. */
  name: string
}

export interface DeleteCollectionCommand {
  kind: 'delete-collection'
  tenant: string
  database: string
  name: string
}

export type CatalogCommand =
  | CreateTenantCommand
  | DatabaseCommand
  | ResetCommand
  | CreateCollectionCommand
  | ModifyCollectionCommand
  | DeleteCollectionCommand

export interface CreateTagCommand {
  kind: 'create-tag'
  name: string
  /** The position that it names. */
  at: number
}

export interface DeleteTagCommand {
  kind: 'delete-tag'
  name: string
}

export interface RetentionCommand {
  kind: 'set-retention'
  /** UUID of a collection; `null` for the whole store. */
  collection: string | null
  retention: Retention
}

/** Superseded versions that retention lets go; planned from the tables just before. */
export interface VacuumCommand {
  kind: 'vacuum'
  collection: string
  horizon: number
  versions: number[]
  payloads: number[]
}

export interface EraseCommand {
  kind: 'erase'
  collection: string
  ids: string[]
  /** Erase in the other collections of the fork family, too, where they stand on the same payloads. */
  forks: boolean
}

/** What is done to history itself. */
export type CareCommand =
  | CreateTagCommand
  | DeleteTagCommand
  | RetentionCommand
  | VacuumCommand
  | EraseCommand

/** What a caller wants done: checked as far as that goes without looking at the store. */
export type Command =
  | PutCommand
  | DeleteCommand
  | TransactionCommand
  | CatalogCommand
  | ForkCommand
  | CareCommand

/** A command with who asks for it, why, and under which conditions. */
export interface Request {
  command: Command
  options: WriteOptions
}

/** What a write answers: the receipt, and the collection that it was about. */
export interface Outcome {
  receipt: WriteReceipt
  collection: string | null
}
