import type Database from 'better-sqlite3'
import { endsCommit } from '../../commit-end.ts'
import { AnnalsError } from '../../errors.ts'
import { metadataText } from '../../format/metadata-text.ts'
import { digestBytes } from '../../format/sha256.ts'
import { MerkleFrontier } from '../../log/merkle-tree.ts'
import type { LogMark } from '../../log/operation-log.ts'
import type {
  CollectionOperation,
  CollectionState,
  EraseOperation,
  OperationRecord,
  RecordOperation,
  RetentionOperation,
  TagOperation,
  VacuumOperation,
} from '../../types.ts'
import type { Batch, Projection } from '../projection.ts'
import { RecordRows } from './record-rows.ts'
import { type Statements, statementsFor } from './statements.ts'

/** What a batch changed in one collection, summed up so that its row is written once. */
interface CollectionDelta {
  lastPosition: number
  nextLabel: number
  liveRecords: number
  dimension: number | null
}

/**
 * Applies operation records to the tables of `metadata.sqlite3`.
 *
 * What holds:
 * - One batch is one SQLite transaction, and the checkpoint row changes in it.
 * - A log that recovery had to mend is applied like any other: where it has lost a deletion, whatever takes
 *   the place of what was deleted supersedes it.
 * - A fork's commit may be applied in several batches, as it may be very large: its collection counts as deleted
 *   until the last record of the commit is applied. All other commits are applied whole.
 */
export class MetadataProjection implements Projection {
  readonly #statements: Statements
  readonly #records: RecordRows
  readonly #apply: (batch: Batch) => void
  readonly #collectionKeys = new Map<string, number>()
  #deltas = new Map<number, CollectionDelta>()
  /** The collection whose fork is being applied. */
  #hidden: number | null = null
  #position: number

  constructor(db: Database.Database) {
    this.#statements = statementsFor(db)
    this.#records = new RecordRows(this.#statements)
    this.#position = this.mark?.position ?? 0
    this.#apply = db.transaction((batch: Batch) => {
      this.#deltas = new Map()
      this.#hidden = this.hidden
      for (const record of batch.records) {
        // Recovery may have lost the end of a fork's commit.
        if (record.commit.first !== this.#hidden) this.#showFork()
        this.#applyOne(record)
        if (endsCommit(record)) this.#showFork()
      }
      this.#writeDeltas()
      this.#writeCheckpoint(batch)
    })
  }

  get position(): number {
    return this.#position
  }

  /** Position at which the fork begins that is applied in part; `null` when none is. */
  get hidden(): number | null {
    return this.#statements.hiddenCollection.get()?.key ?? null
  }

  /** What the checkpoint row remembers of the log; `null` in a fresh file. */
  get mark(): LogMark | null {
    const row = this.#statements.checkpoint.get()
    if (row === undefined) return null
    const peaks = Array.from({ length: row.frontier.length / digestBytes }, (_, index) =>
      row.frontier.subarray(index * digestBytes, (index + 1) * digestBytes),
    )
    return {
      storeId: row.store_id,
      position: row.position,
      frontier: new MerkleFrontier(row.position, peaks),
    }
  }

  apply(batch: Batch): void {
    const newest = batch.records.at(-1)
    if (newest === undefined) return
    if (batch.records[0]?.position !== this.#position + 1)
      throw new AnnalsError(
        'internal',
        `Applying position ${batch.records[0]?.position} after ${this.#position}.`,
      )
    this.#apply(batch)
    this.#position = newest.position
  }

  #applyOne(record: OperationRecord): void {
    const { position } = record
    this.#rememberKey(record)
    switch (record.type) {
      case 'create-tenant':
        this.#statements.createTenant.run(record.tenant, position)
        break
      case 'create-database':
        this.#statements.deleteDatabaseNamed.run(position, record.tenant, record.database)
        this.#statements.createDatabase.run(position, record.databaseId, record.tenant, record.database)
        break
      case 'delete-database':
        this.#statements.deleteDatabase.run(position, record.databaseId)
        break
      case 'create-collection':
      case 'modify-collection':
      case 'delete-collection':
        this.#applyToCollection(record)
        break
      case 'add':
      case 'update':
      case 'delete':
        this.#applyToRecord(record)
        break
      case 'lost':
        break
      default:
        this.#applyCare(record)
    }
  }

  /**
   * The key of a commit with what its last record is about: that of a database comes after those of its collections,
   * an erasure after what it deletes in forks.
   */
  #rememberKey(record: OperationRecord): void {
    const { idempotencyKey, first, count, committedAt } = record.commit
    if (idempotencyKey === null || !endsCommit(record)) return
    const { tenant, database, collection } = this.#subjectOf(record)
    this.#statements.rememberKey.run(tenant, database, idempotencyKey, collection, first, count, committedAt)
  }

  #subjectOf(record: OperationRecord): { tenant: string; database: string; collection: string | null } {
    if ('tenant' in record)
      return {
        tenant: record.tenant,
        database: 'database' in record ? record.database : '',
        collection: null,
      }
    const collection = 'collection' in record ? record.collection : 'scope' in record ? record.scope : null
    if (record.type === 'create-collection') return { ...record.state, collection }
    const row = collection === null ? undefined : this.#statements.collectionById.get(collection)
    return { tenant: row?.tenant ?? '', database: row?.database ?? '', collection }
  }

  /** Tags, retention, vacuums and erasures. */
  #applyCare(record: TagOperation | RetentionOperation | VacuumOperation | EraseOperation): void {
    const { position } = record
    if (record.type === 'create-tag') this.#statements.writeTag.run(record.name, record.at, position)
    else if (record.type === 'delete-tag') this.#statements.removeTag.run(record.name)
    else if (record.type === 'set-retention') {
      const key = record.scope === null ? 0 : this.#keyOf(record.scope)
      if (key !== undefined) this.#statements.writeRetention.run(key, JSON.stringify(record.retention))
    } else if (record.type === 'vacuum' || record.type === 'erase') this.#forget(record)
  }

  #forget(record: VacuumOperation | EraseOperation): void {
    const key = this.#keyOf(record.scope)
    if (key === undefined) return
    if (record.type === 'vacuum') {
      const versions = JSON.stringify(record.versions)
      this.#statements.keepEnds.run(key, versions)
      this.#statements.dropVersions.run(key, versions)
      this.#statements.raiseHorizon.run(record.horizon, key)
    } else {
      this.#dropAll(key, record.ids)
      for (const { collection, ids } of record.forks ?? []) this.#dropAllIn(collection, ids, record.position)
    }
    this.#deltaOf(key).lastPosition = record.position
    this.#statements.rememberRedaction.run(record.position)
  }

  #dropAllIn(collection: string, ids: readonly string[], position: number): void {
    const key = this.#keyOf(collection)
    if (key === undefined) return
    this.#dropAll(key, ids)
    this.#deltaOf(key).lastPosition = position
  }

  /** Nothing is left of what the records were: they are deleted by then. */
  #dropAll(key: number, ids: readonly string[]): void {
    const list = JSON.stringify(ids)
    this.#statements.keepEndsOf.run(key, list)
    this.#statements.dropVersionsOf.run(key, list)
  }

  #createCollection({ collection, position, state, forkedFrom }: CollectionOperation): void {
    const { tenant, database, name, metadata, configuration } = state
    this.#freeName(position, position, state)
    this.#statements.createCollection.run({
      key: position,
      id: collection,
      tenant,
      database,
      name,
      metadata: metadata === null ? null : metadataText(metadata),
      configuration: JSON.stringify(configuration),
      dimension: forkedFrom?.dimension ?? null,
      died: forkedFrom === undefined ? null : position,
      source: forkedFrom?.source ?? null,
      nextLabel: forkedFrom?.nextLabel ?? 0,
    })
    if (forkedFrom !== undefined) this.#hidden = position
  }

  #showFork(): void {
    if (this.#hidden !== null) this.#statements.showCollection.run(this.#hidden)
    this.#hidden = null
  }

  #applyToCollection(record: CollectionOperation): void {
    const { type, collection, position, state } = record
    if (type === 'create-collection') {
      this.#createCollection(record)
      return
    }
    const key = this.#keyOf(collection)
    if (key === undefined) return
    // Records of the same batch may have begun a delta, which is written last.
    const delta = this.#deltas.get(key)
    if (delta !== undefined) delta.lastPosition = position
    if (type === 'delete-collection') {
      this.#statements.deleteCollection.run({ died: position, key })
      return
    }
    this.#freeName(position, key, state)
    this.#statements.keepCollectionVersion.run(position, key)
    const metadata = state.metadata === null ? null : metadataText(state.metadata)
    const configuration = JSON.stringify(state.configuration)
    this.#statements.modifyCollection.run({ key, position, name: state.name, metadata, configuration })
  }

  /** A collection may still have the name only in a log that has lost its deletion. */
  #freeName(position: number, key: number, { tenant, database, name }: CollectionState): void {
    this.#statements.deleteCollectionNamed.run(position, position, tenant, database, name, key)
  }

  #applyToRecord(record: RecordOperation): void {
    const key = this.#keyOf(record.collection)
    // Only a log that recovery had to mend lacks what a record refers to.
    if (key === undefined) return
    const delta = this.#deltaOf(key)
    delta.lastPosition = record.position
    delta.liveRecords += this.#records.apply(key, record)
    // Not only where the vector stands: the record that it came with may be lost.
    delta.nextLabel = Math.max(delta.nextLabel, record.label + 1)
    if (record.type === 'delete' || record.vectorAt !== record.position) return
    delta.dimension ??= record.state?.vector?.length ?? null
  }

  #keyOf(collection: string): number | undefined {
    const known = this.#collectionKeys.get(collection)
    if (known !== undefined) return known
    const row = this.#statements.collectionById.get(collection)
    if (row !== undefined) this.#collectionKeys.set(collection, row.key)
    return row?.key
  }

  #deltaOf(key: number): CollectionDelta {
    const known = this.#deltas.get(key)
    if (known !== undefined) return known
    const row = this.#statements.collectionByKey.get(key)!
    const delta = {
      lastPosition: row.last_position,
      nextLabel: row.next_label,
      liveRecords: row.live_records,
      dimension: row.dimension,
    }
    this.#deltas.set(key, delta)
    return delta
  }

  #writeDeltas(): void {
    for (const [key, { lastPosition, nextLabel, liveRecords, dimension }] of this.#deltas)
      this.#statements.updateCollection.run(lastPosition, nextLabel, liveRecords, dimension, key)
  }

  #writeCheckpoint({ storeId, records, frontier }: Batch): void {
    const position = records.at(-1)!.position
    this.#statements.writeCheckpoint.run(storeId, position, frontier.root(), Buffer.concat(frontier.peaks))
  }
}
