import { rm } from 'node:fs/promises'
import type { Writer } from '../commands/writer.ts'
import { AnnalsError, messageOf, show } from '../errors.ts'
import { limits } from '../limits.ts'
import { collectionNotFound } from '../not-found.ts'
import type { Catalog } from '../projections/metadata/catalog.ts'
import type { Manifest } from '../projections/metadata/manifest.ts'
import type { CollectionRow } from '../projections/metadata/rows.ts'
import { SealedSegment } from '../projections/vectors/sealed-segment.ts'
import type { SegmentBuilders } from '../projections/vectors/segment-builders.ts'
import type { Segment, VectorIndex } from '../projections/vectors/vector-index.ts'
import type { VectorStore } from '../projections/vectors/vector-store.ts'
import type { CollectionConfiguration, HnswConfiguration, WriteOptions } from '../types.ts'
import { type BuiltSource, buildConfigured, type SegmentPurpose, segmentRow } from './configured-segment.ts'
import { mergePlan } from './merge-plan.ts'
import { sampledRecall } from './sampled-recall.ts'
import type { Sealer } from './sealer.ts'

export interface ReindexOptions {
  /** The smallest recall that the new graphs may have on the sample; default 0.9. Below it, nothing changes. */
  recallMin?: number
  signal?: AbortSignal
  /** Told after each segment that was built. */
  onProgress?: (progress: { built: number; segments: number }) => void
}

/** What a reindexing did. */
export interface ReindexReport {
  /** Sealed segments before and after. */
  segments: { before: number; after: number }
  /** Share of the true 10 nearest that the new graphs find, over sampled live vectors; 1 without graphs. */
  recall: number
  /** Vectors in the new graphs. */
  vectors: number
}

export interface ReindexerParts {
  catalog: Catalog
  manifest: Manifest
  vectors: VectorStore
  builders: SegmentBuilders
  writer: Writer
  sealer: Sealer
  /** Told of failures in the background. */
  warn: (message: string) => void
  /** Runs all of `work` as one SQLite transaction. */
  transaction: (work: () => void) => void
}

/**
 * Builds a collection's sealed segments again, beside those that answer meanwhile: with other parameters, or
 * merged into fewer. The new ones take over in one turn, named by one transaction; then the old files go.
 */
export class Reindexer {
  readonly #parts: ReindexerParts
  /** After a failed merge: the label at which to try again. */
  readonly #retryAt = new Map<string, number>()

  constructor(parts: ReindexerParts) {
    this.#parts = parts
  }

  /** All sealed segments again, with the configuration that `configure` makes of the present one. */
  async reindex(
    id: string,
    configure: (old: CollectionConfiguration) => CollectionConfiguration,
    options: ReindexOptions = {},
    write: WriteOptions = {},
  ): Promise<ReindexReport> {
    const row = this.#row(id)
    const old = JSON.parse(row.configuration) as CollectionConfiguration
    const { hnsw } = configure(old)
    return this.#alone(row, async (index) => {
      const groups = mergePlan(index.segments.filter(isSealed), { mergeAll: true })
      const command = {
        kind: 'modify-collection' as const,
        collection: id,
        name: undefined,
        metadata: undefined,
      }
      // A write that is refused must leave the graphs as they are.
      const admitted = async (): Promise<void> => {
        await this.#parts.writer.submit({ command: { ...command, configuration: configure }, options: write })
      }
      return this.#rebuild(row, index, { groups, hnsw, options, admitted })
    })
  }

  /** Merges small neighbouring segments. Answers how many segments there are fewer. */
  async compact(id: string, options: ReindexOptions = {}): Promise<ReindexReport> {
    const row = this.#row(id)
    return this.#alone(row, (index) => {
      const groups = mergePlan(index.segments.filter(isSealed), { mergeAll: false })
      return this.#rebuild(row, index, { groups, hnsw: index.hnsw, options })
    })
  }

  /**
   * Merges where small segments have gathered, in the background: it keeps no process alive, and tells of a
   * failure instead of throwing. After one it waits for more vectors.
   */
  mergeGathered(row: CollectionRow): void {
    const { vectors, sealer, warn } = this.#parts
    const index = vectors.peek(row.id)
    if (index === null || row.next_label < (this.#retryAt.get(row.id) ?? 0)) return
    if (gathered(index).length === 0) return
    sealer
      .alone(row, (loaded) => {
        const { hnsw } = loaded
        return this.#rebuild(row, loaded, { groups: gathered(loaded), hnsw, options: {}, isMeasured: false })
      })
      .catch((error: unknown) => {
        this.#retryAt.set(row.id, row.next_label + limits.growingVectorsMax)
        warn(`Merging segments of the collection ${row.name} was put off: ${messageOf(error)}`)
      })
  }

  #row(id: string): CollectionRow {
    const row = this.#parts.catalog.collectionById(id)
    if (row === undefined) throw collectionNotFound(id)
    return row
  }

  async #alone<T>(row: CollectionRow, work: (index: VectorIndex) => Promise<T>): Promise<T> {
    const release = this.#parts.builders.retain()
    try {
      return await this.#parts.sealer.alone(row, work)
    } finally {
      release()
    }
  }

  async #rebuild(
    row: CollectionRow,
    index: VectorIndex,
    { groups, hnsw, options, admitted, isMeasured = true }: Rebuild,
  ): Promise<ReindexReport> {
    const { signal } = options
    const sources: BuiltSource[] = []
    for (const group of groups) {
      signal?.throwIfAborted()
      sources.push(await this.#build(row, index, group, { hnsw, signal }))
      options.onProgress?.({ built: sources.length, segments: groups.length })
    }
    const before = this.#parts.manifest.ofCollection(row.key).length
    const loaded: SealedSegment[] = []
    let recall = 1
    let replaced: string[]
    try {
      for (const source of sources) loaded.push(await SealedSegment.load(source))
      if (isMeasured) {
        const ends = [this.#parts.sealer.stopping, ...(signal === undefined ? [] : [signal])]
        recall = await sampledRecall(index, loaded, hnsw.ef_search, ends)
        refuseBad(row, recall, options.recallMin)
      }
      await admitted?.()
      replaced = this.#swap(row, index, groups.flat(), sources, loaded)
    } catch (error) {
      for (const segment of loaded) segment.release()
      await this.#removeUnnamed(row, sources)
      throw error
    }
    // From here on the new segments answer, whatever becomes of the old files.
    await this.#removeReplaced(row, replaced)
    const after = this.#parts.manifest.ofCollection(row.key).length
    return { segments: { before, after }, recall, vectors: loaded.reduce((sum, one) => sum + one.count, 0) }
  }

  /** What cannot be removed now is removed at the next opening, as nothing names it. */
  async #removeReplaced({ name }: CollectionRow, files: readonly string[]): Promise<void> {
    for (const file of files)
      await rm(file, { force: true }).catch((error: unknown) =>
        this.#parts.warn(
          `A replaced segment of the collection ${name} still stands there: ${messageOf(error)}`,
        ),
      )
  }

  // Files that nothing names may hold what is erased meanwhile. One that is named was written again as it was.
  async #removeUnnamed(row: CollectionRow, sources: readonly BuiltSource[]): Promise<void> {
    const { manifest, vectors } = this.#parts
    const named = new Set(manifest.ofCollection(row.key).map(({ file }) => vectors.path(file)))
    for (const { file } of sources) if (!named.has(file)) await rm(file, { force: true })
  }

  #build(
    { id: collection }: CollectionRow,
    index: VectorIndex,
    group: readonly Segment[],
    { hnsw, signal }: Pick<SegmentPurpose, 'hnsw' | 'signal'>,
  ): Promise<BuiltSource> {
    const { builders, vectors } = this.#parts
    const firstLabel = group[0]!.firstLabel
    const nextLabel = group.at(-1)!.nextLabel
    const dimension = index.dimension!
    const count = nextLabel - firstLabel
    const file = vectors.path(fileName(collection, firstLabel, nextLabel, hnsw))
    const rows = { matrix: joined(group, count * dimension), count, firstLabel }
    return buildConfigured(builders, rows, { collection, hnsw, dimension, file, signal })
  }

  /** One turn: no query and no write can come in between. Answers the files that nothing names any more. */
  #swap(
    row: CollectionRow,
    index: VectorIndex,
    old: readonly Segment[],
    sources: readonly BuiltSource[],
    loaded: readonly SealedSegment[],
  ): string[] {
    const { manifest, vectors, transaction } = this.#parts
    if (vectors.peek(row.id) !== index)
      throw new AnnalsError(
        'conflict',
        `The collection ${show(row.name)} was changed meanwhile; reindex it again.`,
      )
    const firstLabels = new Set(old.map(({ firstLabel }) => firstLabel))
    const replaced = manifest.ofCollection(row.key).filter(({ first_label }) => firstLabels.has(first_label))
    transaction(() => {
      for (const { id } of replaced) manifest.remove(id)
      for (const source of sources) manifest.add(segmentRow(row.key, vectors.nameOf(source.file), source))
    })
    index.replaceSegments(loaded)
    const kept = new Set(sources.map(({ file }) => file))
    return replaced.map(({ file }) => vectors.path(file)).filter((file) => !kept.has(file))
  }
}

/** What is built again: each group becomes one segment. */
interface Rebuild {
  groups: readonly (readonly Segment[])[]
  hnsw: HnswConfiguration
  options: ReindexOptions
  /** Waited for before anything takes over; what it throws leaves the segments as they are. */
  admitted?: () => Promise<void>
  /** Whether the recall is sampled, and refused when it is bad; default true. */
  isMeasured?: boolean
}

function refuseBad({ name }: CollectionRow, recall: number, recallMin = 0.9): void {
  if (recall >= recallMin) return
  throw new AnnalsError(
    'invalid_argument',
    `The new graphs of ${show(name)} find ${recall.toFixed(3)} of the nearest, less than ${recallMin}; nothing was changed.`,
    { hint: 'Choose larger max_neighbors, ef_construction or ef_search, or a smaller recallMin.' },
  )
}

/** Groups of segments that are worth a merge. */
function gathered(index: VectorIndex): Segment[][] {
  const groups = mergePlan(index.segments.filter(isSealed), { mergeAll: false })
  return groups.filter(({ length }) => length >= limits.segmentsToMerge)
}

function isSealed(segment: Segment): boolean {
  return segment.kind === 'sealed'
}

function joined(group: readonly Segment[], length: number): Float32Array {
  const matrix = new Float32Array(new SharedArrayBuffer(4 * length))
  let offset = 0
  for (const segment of group) {
    const table = segment.kind === 'sealed' ? segment.sealed.table : segment.exact.table
    matrix.set(table.matrix.subarray(0, table.count * table.dimension), offset)
    offset += table.count * table.dimension
  }
  return matrix
}

function fileName(collection: string, first: number, next: number, hnsw: HnswConfiguration): string {
  return `${collection}/${first}-${next}-m${hnsw.max_neighbors}-c${hnsw.ef_construction}.hnsw`
}
