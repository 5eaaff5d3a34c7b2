/**
 * What differs between two points of the log: the net effect of the operation records between them.
 *
 * What holds:
 * - One pass over the log between the points, in order; of each record only the operation that decided how it
 *   stands at the later point counts, and it is told there. Memory does not grow with the number of differences.
 * - Applied to the state at `from`, the differences give the state at `to`.
 */
import type { OperationLog } from '../log/operation-log.ts'
import type { Catalog } from '../projections/metadata/catalog.ts'
import type { RecordTable } from '../projections/metadata/record-table.ts'
import { type CollectionRow, parseMetadata, type VersionRow } from '../projections/metadata/rows.ts'
import type { Reader } from '../readers/reader.ts'
import type {
  CollectionConfiguration,
  CollectionOperation,
  CollectionState,
  OperationRecord,
  RecordImage,
  RecordOperation,
} from '../types.ts'
import { type ChangedParts, changedKeys, isChanged, type Operation, operationOf } from './operation.ts'
import { imagesOf, type VersionPair } from './version-images.ts'

/** A record that is not the same at both points. */
export interface RecordDifference {
  subject: 'record'
  kind: 'added' | 'updated' | 'deleted'
  /** UUID of its collection. */
  collection: string
  /** The collection's name at the later point where it stands, else its last one. */
  collectionName: string
  id: string
  /** At `from`; `null` when it was not there. */
  before: RecordImage | null
  /** At `to`; `null` when it was not there. */
  after: RecordImage | null
  changed: ChangedParts
  /** The operation that decided how it stands: the newest one between the points. */
  by: Operation
}

/** A collection that is not the same at both points; its records are told one by one. */
export interface CollectionDifference {
  subject: 'collection'
  kind: 'created' | 'modified' | 'deleted'
  /** UUID. */
  collection: string
  /** The collection's name at the later point where it stands, else its last one. */
  collectionName: string
  before: CollectionState | null
  after: CollectionState | null
  changed: { name: boolean; metadata: string[]; configuration: boolean }
  by: Operation
}

export type Difference = RecordDifference | CollectionDifference

/** All differences, gathered. */
export interface CollectedDiff {
  from: number
  to: number
  added: RecordDifference[]
  updated: RecordDifference[]
  deleted: RecordDifference[]
  /** Always empty in the diff of one collection. */
  collections: CollectionDifference[]
}

/** The parts of a store that differences are read from. */
export interface DiffParts {
  log: OperationLog
  catalog: Catalog
  records: RecordTable
  reader: Reader
}

/** Between which positions differences are sought, and of what. */
export interface DiffRequest {
  /** Positions of commit ends. `from` may lie after `to`: then the differences lead back. */
  from: number
  to: number
  /** Which operation records are looked at. */
  selects: (record: OperationRecord) => boolean
}

/** Differences that can be read, wherever they come from. */
export interface OpenDiff<D extends Difference = Difference> {
  /** The positions that the points stood for. */
  from: number
  to: number
  differences: AsyncIterable<D>
}

/** Differences whose images are read from the log together. */
const pageRecords = 128

/**
 * The differences between two points: an `AsyncIterable`, or everything at once with `collect()`.
 *
 * Order: that of the operations that decided them; a collection that was created or deleted stands before its
 * records, modified collections come last. A record that was deleted and added again as it was does not show.
 * Where content was erased since, images have an empty embedding and no document.
 *
 * @example
 * for await (const { kind, id, changed, by } of notes.diff(yesterday, new Date()))
 *   console.log(kind, id, changed.metadata, by.actor)
 */
export class Diff<D extends Difference = Difference> implements AsyncIterable<D> {
  readonly #open: () => Promise<OpenDiff<D>>

  constructor(open: () => Promise<OpenDiff<D>>) {
    this.#open = open
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<D, void, undefined> {
    yield* (await this.#open()).differences
  }

  /** All differences in memory, and the positions that the points stood for. */
  async collect(): Promise<CollectedDiff> {
    const { from, to, differences } = await this.#open()
    const collected: CollectedDiff = { from, to, added: [], updated: [], deleted: [], collections: [] }
    for await (const difference of differences as AsyncIterable<Difference>)
      if (difference.subject === 'collection') collected.collections.push(difference)
      else collected[difference.kind].push(difference)
    return collected
  }
}

/** The differences between two positions of a log that `keeps` accepts, in the form that `tells` gives them. */
export function openDiff<D extends Difference>(
  parts: DiffParts,
  request: DiffRequest,
  keeps: (difference: Difference) => difference is D,
  tells: (difference: D) => D,
): OpenDiff<D> {
  const { from, to } = request
  return { from, to, differences: readDifferences(parts, request, keeps, tells) }
}

async function* readDifferences<D extends Difference>(
  parts: DiffParts,
  { from, to, selects }: DiffRequest,
  keeps: (difference: Difference) => difference is D,
  tells: (difference: D) => D,
): AsyncGenerator<D, void, undefined> {
  const forward = from <= to
  const differ = new Differ(parts, Math.min(from, to), Math.max(from, to))
  for await (const difference of differ.differences(selects)) {
    const told = forward ? difference : inverted(difference)
    if (keeps(told)) yield tells(told)
  }
}

/** A collection as the differ meets it. */
interface Standing {
  row: CollectionRow
  name: string
  atFrom: boolean
  atTo: boolean
}

/** A record with how it stood, before its images are read. */
interface Pending extends VersionPair {
  id: string
  collection: Standing
  by: Operation
}

class Differ {
  readonly #parts: DiffParts
  readonly #from: number
  readonly #to: number
  readonly #standing = new Map<string, Standing | null>()
  readonly #modified = new Map<string, CollectionOperation>()
  #pending: Pending[] = []

  constructor(parts: DiffParts, from: number, to: number) {
    this.#parts = parts
    this.#from = from
    this.#to = to
  }

  async *differences(selects: (record: OperationRecord) => boolean): AsyncGenerator<Difference> {
    const range = { after: this.#from, until: this.#to }
    for await (const { record } of this.#parts.log.range(range)) {
      if (!selects(record)) continue
      if ('vectorAt' in record) this.#noteRecord(record)
      else if ('state' in record) yield* this.#collection(record)
      if (this.#pending.length >= pageRecords) yield* this.#flush()
    }
    yield* this.#flush()
    for (const operation of this.#modified.values()) yield* this.#modifiedCollection(operation)
  }

  /** Notes a record if this operation decided how it stands at the later point. */
  #noteRecord(record: RecordOperation): void {
    const collection = this.#collectionOf(record.collection)
    // With the collection gone, its deletion is what decided.
    if (collection === null || !collection.atTo) return
    const { records } = this.#parts
    const { row, atFrom } = collection
    const { recordId: id, position } = record
    if (records.newestPositionAt(row.key, id, this.#to) !== position) return
    const after = records.versionAt(row.key, id, this.#to)
    const before = atFrom ? records.versionAt(row.key, id, this.#from) : undefined
    if (before === undefined && after === undefined) return
    this.#pending.push({ id, collection, before, after, by: operationOf(record) })
  }

  async *#flush(): AsyncGenerator<RecordDifference> {
    const pending = this.#pending
    this.#pending = []
    const images = await imagesOf(this.#parts.log, pending)
    for (const [index, { id, collection, by }] of pending.entries()) {
      const { before, after, changed } = images[index]!
      if (before !== null && after !== null && !isChanged(changed)) continue
      const kind = before === null ? 'added' : after === null ? 'deleted' : 'updated'
      const { row, name } = collection
      const common = { subject: 'record' as const, collection: row.id, collectionName: name }
      yield { ...common, kind, id, before, after, changed, by }
    }
  }

  async *#collection(operation: CollectionOperation): AsyncGenerator<Difference> {
    const standing = this.#collectionOf(operation.collection)
    if (standing === null || standing.atFrom === (operation.type === 'create-collection')) return
    if (operation.type === 'modify-collection') {
      if (standing.atTo) this.#modified.set(operation.collection, operation)
      return
    }
    if (standing.atTo !== (operation.type === 'create-collection')) return
    yield* this.#flush()
    yield this.#collectionDifference(operation, standing)
    if (operation.type === 'delete-collection') yield* this.#recordsOf(standing, operationOf(operation))
  }

  async *#modifiedCollection(operation: CollectionOperation): AsyncGenerator<CollectionDifference> {
    const difference = this.#collectionDifference(operation, this.#collectionOf(operation.collection)!)
    const { name, metadata, configuration } = difference.changed
    if (name || metadata.length > 0 || configuration) yield difference
  }

  #collectionDifference(operation: CollectionOperation, { row, name }: Standing): CollectionDifference {
    const before = this.#stateAt(row.id, this.#from)
    const after = this.#stateAt(row.id, this.#to)
    const kind = before === null ? 'created' : after === null ? 'deleted' : 'modified'
    const changed = {
      name: before?.name !== after?.name,
      metadata: changedKeys(before?.metadata ?? null, after?.metadata ?? null),
      configuration: JSON.stringify(before?.configuration) !== JSON.stringify(after?.configuration),
    }
    const common = { subject: 'collection' as const, collection: row.id, collectionName: name }
    return { ...common, kind, before, after, changed, by: operationOf(operation) }
  }

  /** Every record that stood at the earlier point in a collection that was deleted since. */
  async *#recordsOf(collection: Standing, by: Operation): AsyncGenerator<RecordDifference> {
    const { records } = this.#parts
    const { key } = collection.row
    const pages = [
      (id: string) => records.pageUnchanged(key, this.#from, id, pageRecords),
      (id: string) => records.pageSuperseded(key, this.#from, id, pageRecords),
    ]
    for (const page of pages) {
      let rows: VersionRow[] = []
      do {
        rows = page(rows.at(-1)?.id ?? '')
        this.#pending.push(
          ...rows.map((before) => ({ id: before.id, collection, before, after: undefined, by })),
        )
        yield* this.#flush()
      } while (rows.length === pageRecords)
    }
  }

  #collectionOf(id: string): Standing | null {
    const known = this.#standing.get(id)
    if (known !== undefined) return known
    const row = this.#parts.catalog.everById(id)
    const stands = (at: number) => {
      if (row === undefined || row.key > at || (row.died !== null && row.died <= at)) return false
      // Refuses a point that the collection's history does not reach back to.
      return this.#parts.reader.collection(id, at).id === id
    }
    const name = this.#parts.catalog.collectionById(id, this.#to)?.name ?? row?.name ?? ''
    const standing =
      row === undefined ? null : { row, name, atFrom: stands(this.#from), atTo: stands(this.#to) }
    this.#standing.set(id, standing)
    return standing
  }

  #stateAt(id: string, at: number): CollectionState | null {
    const row = this.#parts.catalog.collectionById(id, at)
    if (row === undefined) return null
    const { name, tenant, database } = row
    const configuration = JSON.parse(row.configuration) as CollectionConfiguration
    return { name, tenant, database, metadata: parseMetadata(row.metadata), configuration }
  }
}

const inverses = { added: 'deleted', deleted: 'added', updated: 'updated' } as const
const collectionInverses = { created: 'deleted', deleted: 'created', modified: 'modified' } as const

/** The same difference, leading back. */
function inverted(difference: Difference): Difference {
  if (difference.subject === 'collection') {
    const { kind, before, after } = difference
    return { ...difference, kind: collectionInverses[kind], before: after, after: before }
  }
  const { kind, before, after } = difference
  return { ...difference, kind: inverses[kind], before: after, after: before }
}
