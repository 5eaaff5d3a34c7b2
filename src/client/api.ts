/**
 * What every client offers, whether the store is in memory, in a folder or behind a server. Names and shapes
 * are those of Chroma's official JavaScript client, so that a user changes one import; what Chroma has not
 * stands beside them.
 */
import type { KeyObject } from 'node:crypto'
import type { Erasure } from '../audit/certificate.ts'
import type { IssuedCheckpoint } from '../audit/checkpoint.ts'
import type { Diff } from '../audit/diff.ts'
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
import type { Metadata, OperationType, Point, Retention, WriteOptions, WriteReceipt } from '../types.ts'
import type { Collection, ConfigurationOptions, ReadableCollection } from './collection-api.ts'

/** Which operation records to read. What is not given does not restrict. */
export interface LogOptions {
  /** Exclusive: a position, also one inside a commit, an instant or a tag. Default: the beginning. */
  after?: Point
  /** Inclusive; inside a commit it stands for the commit before. Default: the head at the time of the first read. */
  until?: Point
  /** Name or UUID; collections that bore the name once and deleted ones are found, too. */
  collection?: string
  /** A record's id. */
  id?: string
  actor?: string
  /** One type of operation, or several. */
  type?: OperationType | OperationType[]
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

/** Figures of one live collection. */
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

/** Figures of a store. */
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

/** How long history is kept, as it was set. */
export interface RetentionSettings {
  /**
   * The rule of the whole store: `{ history: 'forever' }` where nothing was set. `null`: a server does not tell it to
   * whoever is bound to a tenant.
   */
  store: Retention | null
  /** Collections of the database with a rule of their own, oldest first, deleted ones included. */
  collections: { id: string; name: string; deleted: boolean; retention: Retention }[]
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
  /** By name. */
  listTenants(options?: ListOptions): Promise<Tenant[]>
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
  /** What `setRetention` has set: for the whole store, and for collections of this database. */
  getRetention(): Promise<RetentionSettings>
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
