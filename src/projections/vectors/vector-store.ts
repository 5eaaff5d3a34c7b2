import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { limits } from '../../limits.ts'
import type { OperationLog } from '../../log/operation-log.ts'
import { Subject } from '../../rxjs.ts'
import { Turns } from '../../turns.ts'
import type { CollectionConfiguration, OperationRecord } from '../../types.ts'
import type { Manifest, SegmentRow } from '../metadata/manifest.ts'
import type { LabelRow, RecordTable } from '../metadata/record-table.ts'
import type { CollectionRow } from '../metadata/rows.ts'
import { normalise } from './distance.ts'
import { GrowingSegment } from './growing-segment.ts'
import { SealedSegment } from './sealed-segment.ts'
import { VectorIndex } from './vector-index.ts'

export interface VectorStoreParts {
  log: OperationLog
  records: RecordTable
  manifest: Manifest
  /** Where segment files stand. */
  folder: string
  /** Loaded collections together; the least recently used ones beyond it are evicted. */
  memoryBudgetBytes: number
}

/** A segment file that could not be used, and is served from the log's vectors meanwhile. */
export interface DamagedSegment {
  collection: CollectionRow
  segment: SegmentRow
  reason: unknown
}

/** What segment files are called, finished or not: `<UUID>/<labels>….hnsw`. Nothing else is ever removed. */
const ownFile = /^[0-9a-f-]{36}\/\d+-\d+(-m\d+-c\d+)?\.hnsw(\.tmp)?$/

interface Entry {
  /** Set once loaded. */
  index: VectorIndex | null
  loading: Promise<VectorIndex>
  /** Operations that came in while it was loading. */
  pending: OperationRecord[]
  /** Readers and builders at work; an entry in use is not evicted. */
  users: number
}

/**
 * The vector indexes of the collections that are in use.
 *
 * What holds:
 * - A collection is loaded at its first vector query and then follows every write.
 * - Entries stand in the order of their last use; only those with no users are evicted.
 */
export class VectorStore {
  readonly #parts: VectorStoreParts
  readonly #entries = new Map<string, Entry>()
  readonly #damaged = new Subject<DamagedSegment>()
  readonly #turns = new Turns()
  readonly #loads = new Subject<CollectionRow>()

  constructor(parts: VectorStoreParts) {
    this.#parts = parts
  }

  /** Segments whose file must be built again. */
  get damaged(): Subject<DamagedSegment> {
    return this.#damaged
  }

  /** Collections that have just been loaded. */
  get loads(): Subject<CollectionRow> {
    return this.#loads
  }

  /** What loaded collections may hold together. */
  get budgetBytes(): number {
    return this.#parts.memoryBudgetBytes
  }

  get memoryBytes(): number {
    let bytes = 0
    for (const { index } of this.#entries.values()) bytes += index?.memoryBytes ?? 0
    return bytes
  }

  /** Absolute path of a segment's file. */
  path(file: string): string {
    return join(this.#parts.folder, file)
  }

  /** The name by which the manifest knows the file at a path. */
  nameOf(path: string): string {
    return relative(this.#parts.folder, path).split(sep).join('/')
  }

  /** The index of a collection if it is in memory. */
  peek(collection: string): VectorIndex | null {
    return this.#entries.get(collection)?.index ?? null
  }

  /** Whether the collection is in memory, or being loaded. */
  holds(collection: string): boolean {
    return this.#entries.has(collection)
  }

  /**
   * The prepared vectors of the labels `[first, next)`, from the log: what a segment is built from while the
   * collection is not in memory. Labels that are gone give zeros. All blocks stand in one buffer.
   */
  async *rows(
    row: CollectionRow,
    { first, next }: { first: number; next: number },
  ): AsyncGenerator<Float32Array, void, undefined> {
    const { hnsw } = JSON.parse(row.configuration) as CollectionConfiguration
    const dimension = row.dimension!
    const rowsMax = Math.min(next - first, limits.readAheadRecords)
    const block = new Float32Array(new SharedArrayBuffer(4 * rowsMax * dimension))
    for (let from = first; from < next; from += rowsMax) {
      const to = Math.min(next, from + rowsMax)
      block.fill(0)
      await this.#readVectors([...this.#parts.records.labelRows(row.key, from, to)], (label, vector) => {
        const offset = (label - from) * dimension
        if (vector !== null && hnsw.space === 'cosine') normalise(vector, block, offset)
        else if (vector !== null) block.set(vector, offset)
      })
      yield block.subarray(0, (to - from) * dimension)
    }
  }

  /** Runs `use` on the collection's index, loading it first; it stays in memory until `use` has settled. */
  async use<T>(row: CollectionRow, use: (index: VectorIndex) => T | Promise<T>): Promise<T> {
    const entry = this.#entries.get(row.id) ?? this.#begin(row)
    this.#entries.delete(row.id)
    this.#entries.set(row.id, entry)
    entry.users += 1
    try {
      const wasLoading = entry.index === null
      const index = await entry.loading
      // A crowd may have waited; in one turn it would hold up everything else.
      if (wasLoading) await this.#turns.next()
      // It may have been forgotten while it was loading.
      return this.#entries.get(row.id) === entry ? await use(index) : await this.use(row, use)
    } finally {
      entry.users -= 1
      this.evict()
    }
  }

  /** Follows what was applied to the metadata. Never throws: an index that cannot follow is loaded anew. */
  apply(records: readonly OperationRecord[]): void {
    for (const record of records) {
      // Labels are gone: the index is loaded anew, without them.
      if (record.type === 'vacuum' || record.type === 'erase') this.forget(record.scope)
      if (record.type === 'erase') for (const { collection } of record.forks ?? []) this.forget(collection)
      const entry = 'collection' in record ? this.#entries.get(record.collection) : undefined
      if (entry === undefined) continue
      if (entry.index === null) entry.pending.push(record)
      else this.#follow(entry.index, record)
    }
  }

  /** Has a collection loaded anew by its next user; those who hold its index keep their state of it. */
  forget(collection: string): void {
    this.#entries.delete(collection)
  }

  /** Lets go of the least recently used collections until the budget holds. */
  evict(budgetBytes: number = this.#parts.memoryBudgetBytes): void {
    let bytes = this.memoryBytes
    for (const [id, { index, users }] of this.#entries) {
      if (bytes <= budgetBytes) return
      if (index === null || users > 0) continue
      bytes -= index.memoryBytes
      this.#entries.delete(id)
      index.release()
    }
  }

  /** Removes every segment file that the manifest does not name. */
  removeRubbish(): void {
    mkdirSync(this.#parts.folder, { recursive: true })
    const named = new Set(this.#parts.manifest.all().map(({ file }) => file))
    for (const entry of readdirSync(this.#parts.folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      const name = this.nameOf(path)
      if (ownFile.test(name) && !named.has(name)) rmSync(path, { force: true })
    }
  }

  close(): void {
    this.#damaged.complete()
    this.#loads.complete()
    for (const { index } of this.#entries.values()) index?.release()
    this.#entries.clear()
  }

  #follow(index: VectorIndex, record: OperationRecord): void {
    try {
      applyTo(index, record)
    } catch {
      // Memory ran out. Forgotten, the index is not asked again; readers that hold it keep their state of it.
      if ('collection' in record) this.#entries.delete(record.collection)
    }
  }

  #begin(row: CollectionRow): Entry {
    const fresh: Omit<Entry, 'loading'> = { index: null, pending: [], users: 0 }
    const entry: Entry = Object.assign(fresh, { loading: this.#load(row, fresh) })
    this.#entries.set(row.id, entry)
    entry.loading.catch(() => this.#entries.delete(row.id))
    return entry
  }

  // What is read from the tables is read before the first wait; what is written after that is in `pending`.
  async #load(row: CollectionRow, entry: Omit<Entry, 'loading'>): Promise<VectorIndex> {
    const { records, manifest } = this.#parts
    const { hnsw } = JSON.parse(row.configuration) as CollectionConfiguration
    const index = new VectorIndex(hnsw, row.dimension, (position) => records.labelSupersededAt(position))
    const labels = [...records.labelRows(row.key)].sort((a, b) => a.label - b.label)
    for (const { label, born, died } of labels) {
      index.labels.add(label, born)
      if (died !== 0) index.labels.die(label, died)
    }
    const segments = manifest.ofCollection(row.key)
    for (const segment of segments) await this.#loadSegment(index, row, segment, labels)
    const unsealed = labels.filter(({ label }) => label >= index.sealedUpTo)
    await this.#readVectors(unsealed, (label, vector) => index.load(label, vector))
    for (const record of entry.pending) applyTo(index, record)
    entry.pending = []
    entry.index = index
    queueMicrotask(() => this.#loads.next(row))
    return index
  }

  async #loadSegment(
    index: VectorIndex,
    row: CollectionRow,
    segment: SegmentRow,
    labels: LabelRow[],
  ): Promise<void> {
    const { first_label: firstLabel, next_label: nextLabel } = segment
    const { space, ef_search: efSearch } = index.hnsw
    const dimension = index.dimension!
    const { bytes, digest } = segment
    const file = this.path(segment.file)
    try {
      const source = { file, bytes, digest, firstLabel, nextLabel, space, dimension, efSearch }
      index.addSegment({ kind: 'sealed', firstLabel, nextLabel, sealed: await SealedSegment.load(source) })
    } catch (reason) {
      const exact = new GrowingSegment(space, dimension, firstLabel, index.hnsw.resize_factor)
      const missing = labels.filter(({ label }) => label >= firstLabel && label < nextLabel)
      await this.#readVectors(missing, (label, vector) => {
        while (exact.nextLabel < label) exact.append(null)
        exact.append(vector)
      })
      while (exact.nextLabel < nextLabel) exact.append(null)
      index.addSegment({ kind: 'exact', firstLabel, nextLabel, exact })
      queueMicrotask(() => this.#damaged.next({ collection: row, segment, reason }))
    }
  }

  async #readVectors(
    labels: readonly LabelRow[],
    take: (label: number, vector: Float32Array | null) => void,
  ): Promise<void> {
    for (let from = 0; from < labels.length; from += limits.readAheadRecords) {
      const page = labels.slice(from, from + limits.readAheadRecords)
      const records = await this.#parts.log.readMany(page.map(({ born }) => born))
      page.forEach(({ label }, at) => {
        const record = records[at]!
        take(label, 'vectorAt' in record ? (record.state?.vector ?? null) : null)
      })
    }
  }
}

function applyTo(index: VectorIndex, record: OperationRecord): void {
  if ('vectorAt' in record) index.apply(record)
  else if (record.type === 'modify-collection') index.hnsw = record.state.configuration.hnsw
}
