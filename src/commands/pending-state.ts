import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Filter } from '../filter/filter.ts'
import { limits } from '../limits.ts'
import type { Catalog } from '../projections/metadata/catalog.ts'
import type { RecordTable } from '../projections/metadata/record-table.ts'
import {
  type CollectionRow,
  collectionInfo,
  parseMetadata,
  type VersionRow,
} from '../projections/metadata/rows.ts'
import type { CollectionOperation, OperationRecord, RecordOperation } from '../types.ts'
import type { CollectionHead, DecisionState, ForkedRecord, LiveRecord } from './decision.ts'

interface KnownCollection {
  head: CollectionHead
  key: number
  died: boolean
}

/**
 * What the tables say, plus what the same group of writes has already decided and not yet appended.
 *
 * What holds: `note` is called with every decided record operation, in order. Writes that change the catalog
 * or select by a filter read the tables alone: the writer lets nothing be pending before them. A collection that
 * is created is known to the records of its own commit, by its UUID.
 */
export class PendingState implements DecisionState {
  readonly #catalog: Catalog
  readonly #records: RecordTable
  readonly #heads = new Map<string, KnownCollection | null>()
  readonly #toFork = new Map<string, ForkedRecord[]>()
  readonly #pending = new Map<string, { live: LiveRecord | null; newest: number }>()

  constructor(catalog: Catalog, records: RecordTable) {
    this.#catalog = catalog
    this.#records = records
  }

  /** Takes decided records into account for the decisions to come. */
  note(records: readonly OperationRecord[]): void {
    for (const record of records)
      if ('vectorAt' in record) this.#noteRecord(record)
      else if (record.type === 'create-collection') this.#noteCollection(record)
  }

  hasTenant(tenant: string): boolean {
    return this.#catalog.hasTenant(tenant)
  }

  database(tenant: string, database: string): string | null {
    return this.#catalog.database(tenant, database)?.id ?? null
  }

  databases(): { tenant: string; database: string }[] {
    return this.#catalog.allDatabases().map(({ tenant, name }) => ({ tenant, database: name }))
  }

  collectionNamed(tenant: string, database: string, name: string): CollectionHead | null {
    const row = this.#catalog.collection(tenant, database, name)
    return row === undefined ? null : headOf(row)
  }

  collection(id: string): CollectionHead | null {
    const known = this.#head(id)
    return known === null || known.died ? null : known.head
  }

  everCollection(id: string): CollectionHead | null {
    return this.#head(id)?.head ?? null
  }

  collectionsIn(tenant: string, database: string): CollectionHead[] {
    return this.#catalog.collections(tenant, database).map(headOf)
  }

  record(collection: string, id: string): LiveRecord | null {
    const pending = this.#pending.get(pendingKey(collection, id))
    if (pending !== undefined) return pending.live
    const row = this.#records.live(this.#key(collection), id)
    return row === undefined ? null : liveRecord(row)
  }

  lastDeath(collection: string, id: string): number {
    const pending = this.#pending.get(pendingKey(collection, id))
    return pending?.newest ?? this.#records.lastDeath(this.#key(collection), id)
  }

  tag(name: string): number | null {
    return this.#catalog.tag(name)?.position ?? null
  }

  oldestTag(): number | null {
    return this.#catalog.tags()[0]?.position ?? null
  }

  payloads(collection: string, id: string): number[] {
    return this.#records.payloads(this.#key(collection), id)
  }

  family(collection: string): CollectionHead[] {
    return this.#catalog.family(collection).map(headOf)
  }

  recordsToFork(collection: string): ForkedRecord[] {
    return this.#toFork.get(collection) ?? []
  }

  /**
   * Reads the live records of a collection for the fork that is decided next, a page in one turn of the event
   * loop. Nothing may be written meanwhile. One more than may be forked is enough to refuse it.
   */
  async readToFork(collection: string): Promise<void> {
    const key = this.#key(collection)
    const forked: (ForkedRecord & { added: number })[] = []
    for (let after = -1; forked.length <= limits.recordsPerForkMax; ) {
      const page = this.#records.pageLive(key, after, limits.readAheadRecords)
      for (const row of page) forked.push({ id: row.id, added: row.added, ...liveRecord(row) })
      if (page.length < limits.readAheadRecords) break
      after = page.at(-1)!.label
      await nextTurn()
    }
    this.#toFork.set(
      collection,
      forked.sort((a, b) => a.added - b.added),
    )
  }

  select(collection: string, ids: string[] | null, filter: Filter, limit: number | null): string[] {
    const selection = { collection: this.#key(collection), ids, filter }
    return this.#records.select(selection, { limit }).map(({ id }) => id)
  }

  /** Only a replay decides records of a commit whose collection is made by the same commit. */
  #noteCollection({ collection, position, state, forkedFrom }: CollectionOperation): void {
    const { source = null, nextLabel = 0, dimension = null } = forkedFrom ?? {}
    const at = { created: position, lastPosition: position, changed: position }
    const head = { id: collection, ...state, ...at, dimension, nextLabel, forkedFrom: source }
    this.#heads.set(collection, { head, key: position, died: false })
  }

  #noteRecord(record: RecordOperation): void {
    const { collection, recordId, position, label, vectorAt, documentAt, state } = record
    const live =
      state === null
        ? null
        : { position, label, vectorAt, documentAt, uri: state.uri, metadata: state.metadata }
    this.#pending.set(pendingKey(collection, recordId), { live, newest: position })
    const head = this.#head(collection)?.head
    if (head === undefined) return
    head.lastPosition = position
    if (vectorAt !== position) return
    head.nextLabel = label + 1
    head.dimension ??= state?.vector?.length ?? null
  }

  #key(collection: string): number {
    return this.#head(collection)?.key ?? -1
  }

  #head(id: string): KnownCollection | null {
    const known = this.#heads.get(id)
    if (known !== undefined) return known
    const row = this.#catalog.everById(id)
    const entry = row === undefined ? null : { head: headOf(row), key: row.key, died: row.died !== null }
    this.#heads.set(id, entry)
    return entry
  }
}

function liveRecord(row: VersionRow): LiveRecord {
  const { position, label, vector_at, document_at, uri, metadata } = row
  return {
    position,
    label,
    vectorAt: vector_at,
    documentAt: document_at,
    uri,
    metadata: parseMetadata(metadata),
  }
}

function headOf(row: CollectionRow): CollectionHead {
  return {
    ...collectionInfo(row),
    created: row.key,
    lastPosition: row.last_position,
    changed: row.changed,
    nextLabel: row.next_label,
    forkedFrom: row.forked_from,
  }
}

// Neither a UUID nor an id holds a NUL.
function pendingKey(collection: string, id: string): string {
  return `${collection}\0${id}`
}
