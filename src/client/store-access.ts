/**
 * What a server needs of an open store beyond the methods of a client: collections by their UUID alone, each
 * write with its receipt, and the rows that Chroma's answers are made of. Inside the package only.
 */
import { setTimeout } from 'node:timers/promises'
import type { CreateCollectionCommand, ModifyCollectionCommand } from '../commands/command.ts'
import { validateCollectionMetadata, validateWriteOptions } from '../commands/validate.ts'
import type { LogFrame } from '../log/operation-log.ts'
import { collectionNotFound } from '../not-found.ts'
import type { AnnouncedBackup } from '../portability/backup-list.ts'
import { type At, defaultTenant } from '../projections/metadata/catalog.ts'
import { type CollectionRow, collectionInfo } from '../projections/metadata/rows.ts'
import { checkPoint } from '../readers/read-request.ts'
import type {
  CollectionInfo,
  EmbeddingFunctionConfiguration,
  Point,
  WriteOptions,
  WriteReceipt,
} from '../types.ts'
import { checkConfiguration, checkConfigurationUpdate } from '../validation/configuration.ts'
import { checkName, checkUuid, invalid } from '../validation/values.ts'
import type { ListOptions } from './api.ts'
import { listBackup } from './backup-store.ts'
import type { Scope } from './client-scope.ts'
import type { ReadableCollection } from './collection-api.ts'
import type { LocalClient } from './local-client.ts'
import { LocalCollection } from './local-collection.ts'
import { positionOf } from './session.ts'

/** What takes longer is not well. */
const healthWaitMs = 1_000

/** A collection as Chroma's answers describe it. */
export interface CollectionDetails extends CollectionInfo {
  /** Position of its newest operation record. */
  lastPosition: number
}

/** An open collection, and what is known of it. */
export interface FoundCollection {
  details: CollectionDetails
  /** Makes no embeddings: whoever calls a server brings them. */
  collection: LocalCollection
}

/** What a collection is created from. */
export interface NewCollection {
  name: string
  metadata: unknown
  /** `{ hnsw }`, not checked yet; `undefined` for the defaults. */
  configuration: { hnsw: Record<string, unknown> } | undefined
  embeddingFunction: EmbeddingFunctionConfiguration | null
  /** An existing collection of that name is the answer, as it is. */
  getOrCreate: boolean
}

/** What is `undefined` stays as it is. */
export interface CollectionChanges {
  name: string | undefined
  /** Replaces the metadata. */
  metadata: unknown
  hnsw: Record<string, unknown> | undefined
  embeddingFunction: EmbeddingFunctionConfiguration | undefined
}

/** A collection, and what the write did that was about it. */
export interface WrittenCollection {
  details: CollectionDetails
  receipt: WriteReceipt
}

/** Which part of which log a backup copies. */
export interface BackupRange {
  storeId: string
  epoch: number
  /** The newest position, and the root of the tree over all up to it, hexadecimal. */
  head: number
  root: string
  /** Positions: exclusive … */
  from: number
  /** … and inclusive. */
  until: number
}

/** The store of one client, seen from above all tenants. */
export class StoreAccess {
  readonly client: LocalClient

  constructor(client: LocalClient) {
    this.client = client
  }

  /** Whether the tables can be read and the log takes an append, within a second; opens the store where it is not open. */
  async health(): Promise<{ reads: boolean; writes: boolean }> {
    const store = await this.client.store().catch(() => null)
    if (store === null || store.isClosed) return { reads: false, writes: false }
    const [reads, writes] = await Promise.all([
      isDone(async () => store.catalog.hasTenant(defaultTenant)),
      isDone(() => store.log.ready()),
    ])
    return { reads, writes }
  }

  /** The position that a point stands for. Errors: `position_not_reached`, `tag_not_found`. */
  async position(point: Point): Promise<number> {
    return positionOf(await this.client.store(), checkPoint(point))
  }

  /**
   * The collection with a UUID, whatever its tenant and database; with `within` only in that one.
   * Throws `invalid_argument` for what is no UUID, `collection_not_found`.
   */
  async collection(id: string, within?: Scope): Promise<FoundCollection> {
    const uuid = uuidOf(id)
    const store = await this.client.store()
    const row = store.catalog.collectionById(uuid)
    if (row === undefined || !isWithin(row, within)) throw collectionNotFound(uuid, { fate: 'not_written' })
    return this.#found(row)
  }

  /** The same for reads as of a position: the collection may have been deleted since. */
  async collectionAt(
    id: string,
    at: number,
    within?: Scope,
  ): Promise<{ details: CollectionDetails; collection: ReadableCollection }> {
    const uuid = uuidOf(id)
    const store = await this.client.store()
    const row = store.reader.collection(uuid, at)
    if (!isWithin(row, within)) throw collectionNotFound(uuid, { fate: 'not_written' })
    const { details, collection } = this.#found(row)
    return { details, collection: collection.asOf(at) }
  }

  /** By name, now (`null`) or as of a position. Throws `collection_not_found`. */
  async collectionNamed(scope: Scope, name: string, at: At): Promise<CollectionDetails> {
    const { catalog } = await this.client.store()
    const row = catalog.collection(scope.tenant, scope.database, name, at)
    if (row !== undefined) return detailsOf(row)
    throw collectionNotFound(name, { fate: 'not_written' })
  }

  /** In the order of their creation. */
  async collections(scope: Scope, page: ListOptions, at: At): Promise<CollectionDetails[]> {
    const { catalog } = await this.client.store()
    return catalog.collections(scope.tenant, scope.database, at, page).map(detailsOf)
  }

  async countCollections(scope: Scope, at: At): Promise<number> {
    return (await this.client.store()).catalog.countCollections(scope.tenant, scope.database, at)
  }

  /** The newest position. */
  async head(): Promise<number> {
    return (await this.client.store()).log.head
  }

  /**
   * What a backup from one point to another copies, as positions; `until` defaults to the newest commit. Errors:
   * `position_not_reached`, `tag_not_found`.
   */
  async backupRange(from: Point | undefined, until: Point | undefined): Promise<BackupRange> {
    const { log, projector } = await this.client.store()
    return {
      storeId: log.storeId,
      epoch: log.epoch,
      head: log.head,
      root: log.root.toString('hex'),
      from: from === undefined ? 0 : await this.position(from),
      until: until === undefined ? projector.position : await this.position(until),
    }
  }

  /** Notes a backup that another machine begins to copy, so that erasures name it; durably. */
  async listBackup(backup: AnnouncedBackup & { host: string }): Promise<void> {
    listBackup(await this.client.store(), backup)
  }

  /** Leaves of the log's tree, after one position up to another; history stays as it is meanwhile. */
  async *leaves(after: number, until: number): AsyncGenerator<Buffer, void, undefined> {
    const { log, pins } = await this.client.store()
    const release = pins.hold('leaves for a backup elsewhere', until)
    try {
      for await (const { leaf } of log.leaves({ after, until })) yield leaf
    } finally {
      release()
    }
  }

  /** Frames of the log, as they stand in it; history stays as it is meanwhile. */
  async *frames(after: number, until: number): AsyncGenerator<LogFrame, void, undefined> {
    const { log, pins } = await this.client.store()
    const release = pins.hold('frames for a backup elsewhere', until)
    try {
      yield* log.frames({ after, until })
    } finally {
      release()
    }
  }

  /** Deletes the databases of every tenant with all of their collections, in one commit. */
  async reset(who: Pick<WriteOptions, 'actor' | 'reason'>): Promise<WriteReceipt> {
    const options = validateWriteOptions(who)
    const store = await this.client.store()
    return (await store.writer.submit({ command: { kind: 'reset' }, options })).receipt
  }

  /** Errors: `collection_exists`, `database_not_found`. */
  async createCollection(
    scope: Scope,
    wanted: NewCollection,
    write?: WriteOptions,
  ): Promise<WrittenCollection> {
    const metadata = validateCollectionMetadata(wanted.metadata)
    const { configuration, embeddingFunction, getOrCreate } = wanted
    const command: CreateCollectionCommand = {
      kind: 'create-collection',
      ...scope,
      name: checkName(wanted.name, 'name'),
      metadata,
      configuration: checkConfiguration(configuration, metadata, undefined, embeddingFunction),
      getOrCreate,
    }
    const options = validateWriteOptions(write)
    const store = await this.client.store()
    const { receipt, collection } = await store.writer.submit({ command, options })
    const row =
      collection === null
        ? store.catalog.collection(scope.tenant, scope.database, command.name)
        : store.catalog.collectionById(collection)
    if (row === undefined) throw collectionNotFound(command.name, { fate: 'not_written' })
    return { details: detailsOf(row), receipt }
  }

  /** Errors: `collection_not_found`, `collection_exists`, `limit_exceeded`. */
  async forkCollection(
    id: string,
    name: string,
    within?: Scope,
    write?: WriteOptions,
  ): Promise<WrittenCollection> {
    const { details } = await this.collection(id, within)
    const what = { source: details.id, name: checkName(name, 'new_name') }
    const options = validateWriteOptions(write)
    const store = await this.client.store()
    const { receipt, collection } = await store.fork(what, options)
    return { details: detailsOf(store.reader.collection(collection!, null)), receipt }
  }

  /** Errors: `collection_not_found`, `collection_exists`, `unsupported_option`. */
  async modifyCollection(
    id: string,
    changes: CollectionChanges,
    within?: Scope,
    write?: WriteOptions,
  ): Promise<WriteReceipt> {
    const { details } = await this.collection(id, within)
    const { name, hnsw, embeddingFunction } = changes
    const changesConfiguration = hnsw !== undefined || embeddingFunction !== undefined
    const command: ModifyCollectionCommand = {
      kind: 'modify-collection',
      collection: details.id,
      name: name === undefined ? undefined : checkName(name, 'new_name'),
      metadata: validateCollectionMetadata(changes.metadata) ?? undefined,
      configuration: changesConfiguration
        ? (old) => ({
            ...checkConfigurationUpdate(old, hnsw === undefined ? {} : { hnsw }),
            embedding_function: embeddingFunction ?? old.embedding_function,
          })
        : undefined,
    }
    const options = validateWriteOptions(write)
    const store = await this.client.store()
    return (await store.writer.submit({ command, options })).receipt
  }

  #found(row: CollectionRow): FoundCollection {
    const { tenant, database } = row
    const details = detailsOf(row)
    return {
      details,
      collection: new LocalCollection(this.client.scope({ tenant, database }), details, null),
    }
  }
}

/** Whether it succeeds, and soon. */
async function isDone(check: () => Promise<unknown>): Promise<boolean> {
  const late = setTimeout(healthWaitMs, false, { ref: false })
  const done = check().then(
    () => true,
    () => false,
  )
  return Promise.race([done, late])
}

function detailsOf(row: CollectionRow): CollectionDetails {
  return { ...collectionInfo(row), lastPosition: row.last_position }
}

/** Throws `invalid_argument` for whatever is no UUID, of any length. */
function uuidOf(id: string): string {
  if (id.length === 36) return checkUuid(id, 'collection_id')
  throw invalid('collection_id', 'must be a UUID', id)
}

function isWithin(row: CollectionRow, within: Scope | undefined): boolean {
  return within === undefined || (row.tenant === within.tenant && row.database === within.database)
}
