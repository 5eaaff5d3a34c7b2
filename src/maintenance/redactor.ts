import type { OperationLog } from '../log/operation-log.ts'
import type { Catalog } from '../projections/metadata/catalog.ts'
import type { Manifest, SegmentRow } from '../projections/metadata/manifest.ts'
import type { MetadataFile } from '../projections/metadata/metadata-file.ts'
import type { CollectionRow } from '../projections/metadata/rows.ts'
import { SealedSegment } from '../projections/vectors/sealed-segment.ts'
import type { SegmentBuilders } from '../projections/vectors/segment-builders.ts'
import type { VectorIndex } from '../projections/vectors/vector-index.ts'
import type { VectorStore } from '../projections/vectors/vector-store.ts'
import type { EraseOperation, VacuumOperation } from '../types.ts'
import { buildConfigured } from './configured-segment.ts'

export interface RedactorParts {
  log: OperationLog
  catalog: Catalog
  manifest: Manifest
  metadata: MetadataFile
  vectors: VectorStore
  builders: SegmentBuilders
  /** Runs work on the log with no write beside it. */
  exclusive: (job: () => Promise<void>) => Promise<void>
  /** Runs work on a collection's index while no segment of it is being sealed, merged or rebuilt. */
  alone: (row: CollectionRow, work: (index: VectorIndex) => Promise<void>) => Promise<void>
}

/** Payloads that are removed between two groups of writes. */
const payloadsPerJob = 1_000

/**
 * Makes true what a vacuum or erasure in the log says: takes the bytes out of every file.
 *
 * What holds:
 * - The operation record stands in the log first. Until the work is done a row of `redactions` remembers it;
 *   so a crash at any moment leaves work to be repeated, never work forgotten.
 * - Every step can be repeated.
 */
export class Redactor {
  readonly #parts: RedactorParts

  constructor(parts: RedactorParts) {
    this.#parts = parts
  }

  /** Finishes everything that is remembered. Answers the bytes taken out of the log. */
  async finish(): Promise<number> {
    // Somebody waits for this: a process that has nothing else to do must not end before.
    const release = this.#parts.builders.retain()
    try {
      return await this.#finish()
    } finally {
      release()
    }
  }

  async #finish(): Promise<number> {
    let bytes = 0
    const open = this.#parts.catalog.openRedactions()
    for (const position of open) {
      const record = await this.#parts.log.read(position)
      if (record.type !== 'vacuum' && record.type !== 'erase') continue
      bytes += await this.#redactLog(record)
      await this.#redactSegments(record)
    }
    if (open.length > 0) await this.#rewriteFiles(open)
    return bytes
  }

  async #redactLog({ payloads }: VacuumOperation | EraseOperation): Promise<number> {
    const { log, exclusive } = this.#parts
    let bytes = 0
    for (let from = 0; from < payloads.length; from += payloadsPerJob)
      await exclusive(async () => {
        bytes += await log.redact(payloads.slice(from, from + payloadsPerJob))
      })
    return bytes
  }

  /** Log and metadata are rewritten, so that nothing is left in dead parts of their files. */
  async #rewriteFiles(done: readonly number[]): Promise<void> {
    const { log, metadata, catalog } = this.#parts
    await log.compact()
    metadata.db.exec("INSERT INTO documents_fts (documents_fts) VALUES ('optimize')")
    await metadata.fold()
    metadata.db.exec('VACUUM')
    // While a viewer reads, SQLite's log stays, and what was erased in it: the next opening finishes the work.
    if (await metadata.fold()) for (const position of done) catalog.closeRedaction(position)
  }

  async #redactSegments({ payloads }: VacuumOperation | EraseOperation): Promise<void> {
    const labels = new Map<string, number[]>()
    for (const record of await this.#parts.log.readMany(payloads)) {
      if (!('vectorAt' in record) || record.vectorAt !== record.position) continue
      const known = labels.get(record.collection)
      if (known === undefined) labels.set(record.collection, [record.label])
      else known.push(record.label)
    }
    for (const [collection, gone] of labels) await this.#redactCollection(collection, gone)
  }

  /**
   * The segments of the collection that a vector was given to, then those of its forks: their files may be the
   * same. In this order, for a fork that is taken meanwhile gets files from which the vectors are gone already.
   */
  async #redactCollection(collection: string, labels: readonly number[]): Promise<void> {
    const { catalog, manifest, alone } = this.#parts
    const row = catalog.everById(collection)
    if (row === undefined) return
    const goneOf = ({ first_label, next_label }: SegmentRow) =>
      labels.filter((label) => label >= first_label && label < next_label)
    if (manifest.ofCollection(row.key).some((segment) => goneOf(segment).length > 0))
      await alone(row, async (index) => {
        for (const segment of manifest.ofCollection(row.key)) {
          const gone = goneOf(segment)
          if (gone.length > 0) await this.#rebuild(row, index, segment, gone)
        }
      })
    const lowest = labels.reduce((a, b) => Math.min(a, b))
    for (const { id, inherited } of catalog.forksWithLabel(collection, lowest))
      await this.#redactCollection(
        id,
        labels.filter((label) => label < inherited),
      )
  }

  /** Builds a segment again, with zeros where the erased vectors were. */
  async #rebuild(row: CollectionRow, index: VectorIndex, segment: SegmentRow, gone: number[]): Promise<void> {
    const { manifest, vectors, builders } = this.#parts
    const { first_label: firstLabel, next_label: nextLabel } = segment
    const standing = index.segments.find((one) => one.firstLabel === firstLabel)
    const dimension = index.dimension
    if (standing === undefined || dimension === null) return
    const { matrix } = standing.kind === 'sealed' ? standing.sealed.table : standing.exact.table
    const zeroed = new Float32Array(new SharedArrayBuffer(matrix.byteLength))
    zeroed.set(matrix)
    for (const label of gone)
      zeroed.fill(0, (label - firstLabel) * dimension, (label - firstLabel + 1) * dimension)
    const rows = { matrix: zeroed, count: nextLabel - firstLabel, firstLabel }
    const file = vectors.path(segment.file)
    const purpose = { collection: row.id, hnsw: index.hnsw, dimension, file }
    const source = await buildConfigured(builders, rows, purpose)
    const loaded = await SealedSegment.load(source)
    manifest.rebuilt(segment.id, source.bytes, source.digest)
    index.replaceSegment(loaded)
  }
}
