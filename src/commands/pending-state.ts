import type { Filter } from '../filter/filter.ts'
import type { Catalog } from '../projections/metadata/catalog.ts'
import type { RecordTable } from '../projections/metadata/record-table.ts'
import { type CollectionRow, collectionInfo, parseMetadata } from '../projections/metadata/rows.ts'
import type { OperationRecord, RecordOperation } from '../types.ts'
import type { CollectionHead, DecisionState, LiveRecord } from './decision.ts'

interface KnownCollection {
  head: CollectionHead
  key: number
  died: boolean
}

/**
 * What the tables say, plus what the same group of writes has already decided and not yet appended.
 *
 * What holds: `note` is called with every decided record operation, in order. Writes that change the catalog
 * or select by a filter read the tables alone: the writer lets nothing be pending before them.
 */
export class PendingState implements DecisionState {
  readonly #catalog: Catalog
  readonly #records: RecordTable
  readonly #heads = new Map<string, KnownCollection | null>()
  readonly #pending = new Map<string, { live: LiveRecord | null; newest: number }>()

  constructor(catalog: Catalog, records: RecordTable) {
    this.#catalog = catalog
    this.#records = records
  }

  /** Takes decided records into account for the decisions to come. */
  note(records: readonly OperationRecord[]): void {
    for (const record of records)
      if (record.type === 'add' || record.type === 'update' || record.type === 'delete')
        this.#noteRecord(record)
  }

  hasTenant(tenant: string): boolean {
    return this.#catalog.hasTenant(tenant)
  }

  database(tenant: string, database: string): string | null {
    return this.#catalog.database(tenant, database)?.id ?? null
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
    if (row === undefined) return null
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

  select(collection: string, ids: string[] | null, filter: Filter, limit: number | null): string[] {
    const selection = { collection: this.#key(collection), ids, filter }
    return this.#records.select(selection, false, limit ?? -1).map(({ id }) => id)
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

function headOf(row: CollectionRow): CollectionHead {
  return {
    ...collectionInfo(row),
    lastPosition: row.last_position,
    changed: row.changed,
    nextLabel: row.next_label,
  }
}

// Neither a UUID nor an id holds a NUL.
function pendingKey(collection: string, id: string): string {
  return `${collection}\0${id}`
}
