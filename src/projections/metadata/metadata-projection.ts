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
  Metadata,
  OperationRecord,
  RecordOperation,
  RecordState,
  RetentionOperation,
  TagOperation,
  VacuumOperation,
} from '../../types.ts'
import type { Batch, Projection } from '../projection.ts'
import { metadataRows } from './metadata-rows.ts'
import type { VersionRow } from './rows.ts'
import { type Statements, statementsFor } from './statements.ts'

/** What a batch changed in one collection, summed up so that its row is written once. */
interface CollectionDelta {
  lastPosition: number
  nextLabel: number
  liveRecords: number
  dimension: number | null
}

// An erased version keeps its place until the vacuum or erasure, further on in the log, takes it away.
const erasedState: RecordState = { vector: null, document: null, uri: null, metadata: null }

/**
 * Applies operation records to the tables of `metadata.sqlite3`.
 *
 * What holds:
 * - One batch is one SQLite transaction, and the checkpoint row changes in it.
 * - `records` holds just the live versions; what an update or delete supersedes moves to `record_versions`.
 * - A log that recovery had to mend is applied like any other: where it has lost a deletion, whatever takes
 *   the place of what was deleted supersedes it.
 * - A fork's commit may be applied in several batches, as it may be very large: its collection counts as deleted
 *   until the last record of the commit is applied. All other commits are applied whole.
 * - `documents_fts` and the metadata tables hold just what belongs to rows of `records`.
 */
export class MetadataProjection implements Projection {
  readonly #statements: Statements
  readonly #apply: (batch: Batch) => void
  readonly #collectionKeys = new Map<string, number>()
  #deltas = new Map<number, CollectionDelta>()
  /** The collection whose fork is being applied. */
  #hidden: number | null = null
  #position: number

  constructor(db: Database.Database) {
    this.#statements = statementsFor(db)
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
    if (record.type === 'add') this.#add(key, record, delta)
    else if (record.type === 'update') this.#update(key, record)
    else this.#delete(key, record, delta)
    // Not only where the vector stands: the record that it came with may be lost.
    delta.nextLabel = Math.max(delta.nextLabel, record.label + 1)
    if (record.type === 'delete' || record.vectorAt !== record.position) return
    delta.dimension ??= record.state?.vector?.length ?? null
  }

  // An id that was there before has been deleted since, unless recovery had to give that deletion up.
  #add(collection: number, record: RecordOperation, delta: CollectionDelta): void {
    const { position, recordId, label, vectorAt, documentAt } = record
    if (record.previous > 0) this.#delete(collection, record, delta)
    const { uri, metadata } = record.state ?? erasedState
    const document = this.#documentOf(collection, record)
    const json = metadata === null ? null : metadataText(metadata)
    this.#statements.insertRecord.run(
      position,
      collection,
      recordId,
      label,
      position,
      vectorAt,
      documentAt,
      document,
      uri,
      json,
    )
    this.#insertMetadata(position, collection, metadata)
    if (document !== null) this.#statements.indexDocument.run(position, indexable(document))
    delta.liveRecords += 1
  }

  /** A fork's records do not hold their documents; at this point of the log the source's rows do. */
  #documentOf(collection: number, { recordId, position, documentAt, state }: RecordOperation): string | null {
    if (documentAt === 0 || documentAt === position) return state?.document ?? null
    return this.#statements.inheritedDocument.get(recordId, collection, documentAt)?.document ?? null
  }

  #update(collection: number, record: RecordOperation): void {
    const old = this.#statements.liveRecord.get(collection, record.recordId)
    if (old === undefined) return
    const { position, label, vectorAt, documentAt } = record
    const state = record.state ?? erasedState
    this.#keepVersion(collection, old, position)
    const newDocument = documentAt === position
    const document = newDocument ? state.document : (old.document ?? null)
    const json = state.metadata === null ? null : metadataText(state.metadata)
    this.#statements.updateRecord.run(
      label,
      position,
      vectorAt,
      documentAt,
      document,
      state.uri,
      json,
      old.added,
    )
    if (json !== old.metadata) {
      this.#removeMetadata(old.added)
      this.#insertMetadata(old.added, collection, state.metadata)
    }
    if (!newDocument) return
    if (old.document != null) this.#statements.unindexDocument.run(old.added)
    if (document !== null) this.#statements.indexDocument.run(old.added, indexable(document))
  }

  #delete(collection: number, record: RecordOperation, delta: CollectionDelta): void {
    const old = this.#statements.liveRecord.get(collection, record.recordId)
    if (old === undefined) return
    this.#keepVersion(collection, old, record.position)
    this.#statements.deleteRecord.run(old.added)
    this.#removeMetadata(old.added)
    if (old.document != null) this.#statements.unindexDocument.run(old.added)
    delta.liveRecords -= 1
  }

  #keepVersion(collection: number, old: VersionRow, died: number): void {
    const { id, added, label, position, vector_at, document_at, uri, metadata } = old
    this.#statements.keepVersion.run(
      died,
      collection,
      id,
      added,
      label,
      position,
      vector_at,
      document_at,
      uri,
      metadata,
    )
  }

  #insertMetadata(record: number, collection: number, metadata: Metadata | null): void {
    if (metadata === null) return
    for (const { key, element, columns } of metadataRows(metadata)) {
      if (element === null) this.#statements.insertMetadata.run(record, key, collection, ...columns)
      else this.#statements.insertMetadataElement.run(record, key, element, collection, ...columns)
    }
  }

  #removeMetadata(record: number): void {
    this.#statements.removeMetadata.run(record)
    this.#statements.removeMetadataElements.run(record)
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

/** A document as full text indexes it: the trigram tokenizer ends at a NUL; no search looks for one. */
export function indexable(document: string): string {
  return document.replaceAll('\0', '\uFFFD')
}
