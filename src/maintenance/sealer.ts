import { rmSync } from 'node:fs'
import { basename } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Subscription } from 'rxjs'
import { AnnalsError, messageOf } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Catalog } from '../projections/metadata/catalog.ts'
import type { Manifest, SegmentRow } from '../projections/metadata/manifest.ts'
import type { CollectionRow } from '../projections/metadata/rows.ts'
import type { Projector } from '../projections/projector.ts'
import { SealedSegment } from '../projections/vectors/sealed-segment.ts'
import type { SegmentBuild } from '../projections/vectors/segment-build.ts'
import type { SegmentBuilders } from '../projections/vectors/segment-builders.ts'
import type { VectorIndex } from '../projections/vectors/vector-index.ts'
import type { DamagedSegment, VectorStore } from '../projections/vectors/vector-store.ts'
import type { HnswConfiguration, OperationRecord } from '../types.ts'
import { type BuiltSource, buildConfigured, segmentRow } from './configured-segment.ts'
import { type LabelRange, planSealing } from './sealing-plan.ts'
import { shareable, shareFiles } from './shared-segments.ts'

export interface SealerParts {
  projector: Projector
  catalog: Catalog
  manifest: Manifest
  vectors: VectorStore
  builders: SegmentBuilders
  /** Runs all of `work` as one SQLite transaction. */
  transaction: (work: () => void) => void
  /** Told when nothing of a collection is left to seal. */
  rested: (row: CollectionRow) => void
  /** Told of failures; queries go on being answered exactly meanwhile. */
  warn: (message: string) => void
}

/**
 * Turns growing vectors into sealed segments in the background, and builds damaged ones again.
 *
 * What holds:
 * - The order of a sealing: build and make durable, load and check, name in the manifest and serve, both in one
 *   turn. A crash in between leaves a file that no manifest names.
 * - One sealing at a time for each collection.
 * - A collection that nobody queries is not loaded for it: its segments are built from the log, row by row, and
 *   named in the manifest unless it was loaded meanwhile.
 * - A fork begins with the segments of its source, as the same files under names of its own; what they do not
 *   cover is sealed as in any collection. After a crash in between they are shared at the next opening.
 */
export class Sealer {
  readonly #parts: SealerParts
  readonly #subscriptions: Subscription[]
  readonly #sealedUpTo = new Map<number, number>()
  /** Forks that segments are being shared with. */
  readonly #sharing = new Map<string, Promise<void>>()
  readonly #busy = new Map<string, Promise<void>>()
  /** After a failure: the label at which to try again. */
  readonly #retryAt = new Map<string, number>()
  /** Who waits to work on a collection alone; meanwhile nothing more of it is sealed. */
  readonly #waiting = new Map<string, number>()
  readonly #stopping = new AbortController()
  #paused = false

  constructor(parts: SealerParts) {
    this.#parts = parts
    this.#subscriptions = [
      parts.projector.commits.subscribe((records) => this.#guard(() => this.#look(records))),
      parts.vectors.damaged.subscribe((damaged) => this.#guard(() => this.#rebuild(damaged))),
      parts.vectors.loads.subscribe((row) => this.#guard(() => this.#loaded(row))),
    ]
  }

  /** Collections that are being sealed or rebuilt right now. */
  get busy(): number {
    return this.#busy.size
  }

  /** Aborted when the store is closed: what is built for it is not wanted any more. */
  get stopping(): AbortSignal {
    return this.#stopping.signal
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted
  }

  /** Starts nothing new until `resume`: bulk work comes first. */
  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.lookAtAll()
  }

  /** Looks at every collection: for what was left unsealed when the store was closed. */
  lookAtAll(): void {
    this.#guard(() => {
      for (const row of this.#parts.catalog.liveCollections()) this.#consider(row)
    })
  }

  /** Settles once nothing is being sealed any more. */
  async idle(): Promise<void> {
    const release = this.#parts.builders.retain()
    // Who waits to work alone becomes busy a turn after whoever was before.
    while (this.#busy.size > 0 || [...this.#waiting.values()].some((count) => count > 0)) {
      await Promise.all(this.#busy.values())
      await nextTurn()
    }
    release()
  }

  /** Settles once nothing of the collection is being sealed or rebuilt: then files and manifest agree. */
  async settled(collection: string): Promise<void> {
    while (this.#busy.has(collection)) await this.#busy.get(collection)
  }

  /** Runs `work` on a collection's index while nothing of it is being sealed or rebuilt. */
  alone<T>(row: CollectionRow, work: (index: VectorIndex) => Promise<T>): Promise<T> {
    return this.#alone(row, () => this.#parts.vectors.use(row, work))
  }

  /**
   * Has a fork that has no segments yet share those of its source. Nothing happens where there is nothing to
   * share; throws what the file system says. Keeps the process alive: somebody waits for the fork.
   */
  async share(fork: CollectionRow): Promise<void> {
    const release = this.#parts.builders.retain()
    try {
      await this.#shareOnce(fork)
    } finally {
      release()
    }
  }

  async #shareOnce(fork: CollectionRow): Promise<void> {
    const source = this.#sourceToShare(fork)
    if (source === undefined) return
    const known = this.#sharing.get(fork.id)
    if (known !== undefined) return known
    // Both stand still meanwhile: the source's files are not replaced, and the fork's are not built.
    const sharing = this.#alone(source, () => this.#alone(fork, () => this.#share(fork, source)))
    this.#sharing.set(fork.id, sharing)
    await sharing.finally(() => this.#sharing.delete(fork.id))
  }

  async #alone<T>(row: CollectionRow, work: () => Promise<T>): Promise<T> {
    this.#waiting.set(row.id, (this.#waiting.get(row.id) ?? 0) + 1)
    // In this turn, not behind a promise of `settled`: nobody may come in between.
    while (this.#busy.has(row.id)) await this.#busy.get(row.id)
    this.#waiting.set(row.id, this.#waiting.get(row.id)! - 1)
    const result = work()
    const running = result.then(
      () => undefined,
      () => undefined,
    )
    this.#busy.set(
      row.id,
      running.finally(() => this.#finished(row)),
    )
    return result
  }

  /** Starts nothing new, and drops what runs: it can be built again from the log. */
  async stop(): Promise<void> {
    this.#stopping.abort(new AnnalsError('store_closed', 'The store is closed.'))
    for (const subscription of this.#subscriptions) subscription.unsubscribe()
    await this.#parts.builders.close()
    await this.idle()
  }

  // Nobody waits for what is looked at in the background: what it throws would end the process.
  #guard(work: () => void): void {
    if (this.#isStopped) return
    try {
      work()
    } catch (error) {
      this.#parts.warn(`Looking for vectors to seal failed: ${messageOf(error)}`)
    }
  }

  #look(records: readonly OperationRecord[]): void {
    const touched = new Set<string>()
    for (const record of records)
      if ('vectorAt' in record && (record.vectorAt === record.position || record.type === 'add'))
        touched.add(record.collection)
    for (const id of touched) {
      const row = this.#parts.catalog.collectionById(id)
      if (row !== undefined) this.#consider(row)
    }
  }

  #consider(row: CollectionRow): void {
    if (this.#isStopped || this.#paused || this.#busy.has(row.id)) return
    if ((this.#waiting.get(row.id) ?? 0) > 0) return
    if (row.next_label < (this.#retryAt.get(row.id) ?? 0)) return
    if (this.#sourceToShare(row) !== undefined) {
      this.#shareOnce(row).catch((error: unknown) => this.#failed(row, 'Sharing segments with a fork', error))
      return
    }
    const { hnsw } = JSON.parse(row.configuration) as { hnsw: HnswConfiguration }
    if (planSealing(hnsw, this.#upTo(row.key), row.next_label).length === 0) return
    const { vectors } = this.#parts
    const isHeld = vectors.holds(row.id) || row.dimension === null
    this.#run(
      row,
      isHeld ? vectors.use(row, (index) => this.#seal(row, index)) : this.#sealFromLog(row, hnsw),
    )
  }

  /** What was left unmerged while nobody queried costs queries from now on. */
  #loaded({ id }: CollectionRow): void {
    const now = this.#parts.catalog.collectionById(id)
    if (now !== undefined && !this.#paused && !this.#busy.has(id)) this.#parts.rested(now)
  }

  #run(row: CollectionRow, work: Promise<void>): void {
    const running = work
      .catch((error: unknown) => this.#failed(row, 'Sealing the collection', error))
      .finally(() => this.#finished(row))
    this.#busy.set(row.id, running)
  }

  #failed(row: CollectionRow, what: string, error: unknown): void {
    if (this.#isStopped) return
    this.#retryAt.set(row.id, row.next_label + 1000)
    this.#parts.warn(`${what} ${row.name} failed: ${messageOf(error)}`)
  }

  /** The collection whose segments a fork can share: it has none of its own, and no labels that they lack. */
  #sourceToShare(fork: CollectionRow): CollectionRow | undefined {
    if (fork.forked_from === null || this.#upTo(fork.key) > 0) return undefined
    const source = this.#parts.catalog.everById(fork.forked_from)
    return source !== undefined && this.#toShare(fork, source).length > 0 ? source : undefined
  }

  #toShare(fork: CollectionRow, source: CollectionRow): SegmentRow[] {
    return shareable(this.#parts.manifest.ofCollection(source.key), fork.inherited)
  }

  async #share(fork: CollectionRow, source: CollectionRow): Promise<void> {
    const { manifest, vectors, transaction } = this.#parts
    // Whoever waited longer may have sealed it.
    if (this.#upTo(fork.key) > 0 || this.#isStopped) return
    const shared = this.#toShare(fork, source).map((segment) => ({
      ...segment,
      collection: fork.key,
      file: `${fork.id}/${basename(segment.file)}`,
      from: vectors.path(segment.file),
    }))
    await shareFiles(shared.map(({ from, file }) => ({ from, to: vectors.path(file) })))
    if (this.#isStopped) return
    // From here to the end of the turn nothing can come in between.
    transaction(() => {
      for (const segment of shared) manifest.add(segment)
    })
    this.#sealedUpTo.set(fork.key, shared.at(-1)?.next_label ?? 0)
    vectors.forget(fork.id)
  }

  #finished({ id }: CollectionRow): void {
    this.#busy.delete(id)
    this.#guard(() => {
      const now = this.#parts.catalog.collectionById(id)
      if (now === undefined) return
      this.#consider(now)
      if (!this.#busy.has(id)) this.#parts.rested(now)
    })
  }

  async #seal(row: CollectionRow, index: VectorIndex): Promise<void> {
    const ranges = planSealing(index.hnsw, index.sealedUpTo, index.labels.next)
    // The tables promised more than the index has: ask again after the next vector, not at once and for ever.
    if (ranges.length === 0) this.#retryAt.set(row.id, row.next_label + 1)
    const built = await Promise.all(ranges.map((range) => this.#build(row, index, range)))
    for (const source of built) if (!(await this.#adopt(row, index, source))) return
  }

  /** Builds from the log what is to be sealed of a collection that is not in memory. */
  async #sealFromLog(row: CollectionRow, hnsw: HnswConfiguration): Promise<void> {
    const { vectors } = this.#parts
    const vectorsMax = Math.floor(limits.sealedFromLogBytesMax / (4 * row.dimension!))
    const ranges = planSealing(hnsw, this.#upTo(row.key), row.next_label, vectorsMax)
    const built = await Promise.all(
      ranges.map(({ first, next }) =>
        this.#buildFrom(row, hnsw, row.dimension!, {
          matrix: () => vectors.rows(row, { first, next }),
          count: next - first,
          firstLabel: first,
        }),
      ),
    )
    for (const source of built) {
      const isNamed = vectors.holds(row.id)
        ? await vectors.use(row, (index) => this.#adopt(row, index, source))
        : this.#name(row, source)
      if (!isNamed) return
    }
  }

  /** Has a segment answer in memory, too; answers whether it was wanted any more. */
  async #adopt(row: CollectionRow, index: VectorIndex, source: BuiltSource): Promise<boolean> {
    const sealed = await SealedSegment.load(source)
    // From here to the end of the turn nothing can come in between.
    const isCurrent = this.#parts.vectors.peek(row.id) === index
    if (isCurrent && this.#name(row, source)) {
      index.adoptSealed(sealed)
      return true
    }
    sealed.release()
    // A file that nothing names may hold what was erased meanwhile.
    rmSync(source.file, { force: true })
    return false
  }

  /** Names a segment in the manifest; answers whether it was wanted any more. */
  #name(row: CollectionRow, source: BuiltSource): boolean {
    const { catalog, manifest, vectors } = this.#parts
    if (this.#isStopped || catalog.collectionById(row.id) === undefined) {
      rmSync(source.file, { force: true })
      return false
    }
    manifest.add(segmentRow(row.key, vectors.nameOf(source.file), source))
    this.#sealedUpTo.set(row.key, source.nextLabel)
    return true
  }

  #rebuild({ collection, segment, reason }: DamagedSegment): void {
    const { id, first_label: first, next_label: next } = segment
    this.#parts.warn(`${messageOf(reason)}; it is built again from the log, and scanned exactly meanwhile.`)
    const work = async (index: VectorIndex): Promise<void> => {
      const standing = index.segments.find(({ firstLabel }) => firstLabel === first)
      if (standing?.kind !== 'exact' || standing.nextLabel !== next) return
      const rows = standing.exact.rows(first, next)
      const source = await this.#buildFrom(collection, index.hnsw, index.dimension!, rows)
      const sealed = await SealedSegment.load(source)
      if (this.#isStopped) return sealed.release()
      this.#parts.manifest.rebuilt(id, source.bytes, source.digest)
      index.replaceSegment(sealed)
    }
    this.alone(collection, work).catch((error: unknown) => {
      if (!this.#isStopped) this.#parts.warn(`Building a segment again failed: ${messageOf(error)}`)
    })
  }

  #build(row: CollectionRow, index: VectorIndex, { first, next }: LabelRange): Promise<BuiltSource> {
    return this.#buildFrom(row, index.hnsw, index.dimension!, index.growingRows(first, next))
  }

  #buildFrom(
    { id: collection }: CollectionRow,
    hnsw: HnswConfiguration,
    dimension: number,
    rows: Pick<SegmentBuild, 'matrix' | 'count' | 'firstLabel'>,
  ): Promise<BuiltSource> {
    const { builders, vectors } = this.#parts
    const { firstLabel, count } = rows
    const file = vectors.path(fileName(collection, firstLabel, firstLabel + count))
    return buildConfigured(builders, rows, { collection, hnsw, dimension, file })
  }

  #upTo(key: number): number {
    const known = this.#sealedUpTo.get(key)
    if (known !== undefined) return known
    const upTo = this.#parts.manifest.ofCollection(key).at(-1)?.next_label ?? 0
    this.#sealedUpTo.set(key, upTo)
    return upTo
  }
}

function fileName(collection: string, first: number, next: number): string {
  return `${collection}/${first}-${next}.hnsw`
}
