import type { HnswConfiguration, RecordOperation } from '../../types.ts'
import { GrowingSegment } from './growing-segment.ts'
import { LabelTable, labelsWithout } from './label-table.ts'
import type { SealedSegment } from './sealed-segment.ts'

/** A segment as a search meets it. */
export type Segment =
  | { kind: 'sealed'; firstLabel: number; nextLabel: number; sealed: SealedSegment }
  | { kind: 'exact'; firstLabel: number; nextLabel: number; exact: GrowingSegment }

/** Finds the label of the vector that the update at `position` replaced. */
export type SupersededLabel = (position: number) => number | undefined

/**
 * The vectors of one loaded collection.
 *
 * What holds:
 * - The segments and the growing segment cover all labels, disjointly and in order.
 * - Every label that is not live is marked dead in its graph, so a search without a filter needs none.
 * - Everything here changes in the turn in which the metadata changes.
 */
export class VectorIndex {
  readonly labels: LabelTable = new LabelTable()
  readonly #supersededLabel: SupersededLabel
  #hnsw: HnswConfiguration
  #dimension: number | null
  #segments: Segment[] = []
  #growing: GrowingSegment | null = null

  constructor(hnsw: HnswConfiguration, dimension: number | null, supersededLabel: SupersededLabel) {
    this.#hnsw = hnsw
    this.#dimension = dimension
    this.#supersededLabel = supersededLabel
  }

  get hnsw(): HnswConfiguration {
    return this.#hnsw
  }

  /** Takes over what may change of the configuration. */
  set hnsw(hnsw: HnswConfiguration) {
    this.#hnsw = hnsw
  }

  /** `null` until the first vector came in. */
  get dimension(): number | null {
    return this.#dimension
  }

  /** All segments in label order, the growing one last. */
  get segments(): readonly Segment[] {
    const growing = this.#growing
    if (growing === null || growing.count === 0) return this.#segments
    const { firstLabel, nextLabel } = growing
    return [...this.#segments, { kind: 'exact', firstLabel, nextLabel, exact: growing }]
  }

  /** The first label that no sealed (or being rebuilt) segment covers. */
  get sealedUpTo(): number {
    return this.#segments.at(-1)?.nextLabel ?? 0
  }

  /** Bytes that this collection holds, the native ones estimated. */
  get memoryBytes(): number {
    const segments = this.segments.reduce(
      (sum, one) => sum + (one.kind === 'sealed' ? one.sealed.memoryBytes : one.exact.memoryBytes),
      0,
    )
    return this.labels.memoryBytes + segments
  }

  /** Applies one operation on a record of this collection. */
  apply(record: RecordOperation): void {
    const { type, position, label, vectorAt, state } = record
    if (type === 'delete') {
      this.#die(label, position)
      return
    }
    if (vectorAt !== position || state?.vector == null) return
    if (type === 'update') {
      const old = this.#supersededLabel(position)
      if (old !== undefined) this.#die(old, position)
    }
    this.#growingFor(state.vector.length, label).append(state.vector)
    this.labels.add(label, position)
  }

  /** Puts a segment behind those that are there; `labels` must be complete by then. */
  addSegment(segment: Segment): void {
    if (segment.kind === 'sealed') this.buryDead(segment.sealed)
    this.#segments.push(segment)
  }

  /** Appends the vector of an unsealed label while loading; `null` when it is gone for good. */
  load(label: number, vector: Float32Array | null): void {
    if (this.#dimension !== null) this.#growingFor(this.#dimension, label).append(vector)
  }

  /** The rows of growing labels, for a builder. */
  growingRows(from: number, to: number): { matrix: Float32Array; count: number; firstLabel: number } {
    return this.#growing!.rows(from, to)
  }

  /** The newest vectors up to the segment's end are sealed: from now on the segment answers for them. */
  adoptSealed(sealed: SealedSegment): void {
    this.addSegment({ kind: 'sealed', firstLabel: sealed.firstLabel, nextLabel: sealed.nextLabel, sealed })
    this.#growing?.dropBefore(sealed.nextLabel)
  }

  /** The same labels in a file that was built again. */
  replaceSegment(sealed: SealedSegment): void {
    const at = this.#segments.findIndex(({ firstLabel }) => firstLabel === sealed.firstLabel)
    if (at === -1) return
    this.buryDead(sealed)
    this.#segments = this.#segments.with(at, {
      kind: 'sealed',
      firstLabel: sealed.firstLabel,
      nextLabel: sealed.nextLabel,
      sealed,
    })
  }

  /** Segments that were built again, in other sizes maybe, take the place of those that they cover. */
  replaceSegments(sealed: readonly SealedSegment[]): void {
    for (const one of sealed) {
      this.buryDead(one)
      const { firstLabel, nextLabel } = one
      const covered = (other: Segment) => other.firstLabel >= firstLabel && other.nextLabel <= nextLabel
      for (const old of this.#segments) if (covered(old) && old.kind === 'sealed') old.sealed.release()
      this.#segments = this.#segments.filter((other) => !covered(other))
      this.#segments.push({ kind: 'sealed', firstLabel, nextLabel, sealed: one })
    }
    this.#segments.sort((a, b) => a.firstLabel - b.firstLabel)
  }

  /** Makes dead in a segment that is to join what is dead in the index. */
  buryDead(sealed: SealedSegment): void {
    const all = new Uint32Array(Math.ceil(sealed.nextLabel / 32)).fill(0xffff_ffff)
    const dead = labelsWithout(all, this.labels.live, sealed.firstLabel, sealed.nextLabel)
    for (const label of dead) sealed.markDead(label)
  }

  /** Gives native memory back at once. Nothing may be asked afterwards. */
  release(): void {
    for (const segment of this.#segments) if (segment.kind === 'sealed') segment.sealed.release()
    this.#segments = []
    this.#growing = null
  }

  #die(label: number, position: number): void {
    this.labels.die(label, position)
    const segment = this.#segments.find((one) => label >= one.firstLabel && label < one.nextLabel)
    if (segment?.kind === 'sealed') segment.sealed.markDead(label)
  }

  #growingFor(dimension: number, label: number): GrowingSegment {
    this.#dimension ??= dimension
    this.#growing ??= new GrowingSegment(
      this.#hnsw.space,
      dimension,
      this.sealedUpTo,
      this.#hnsw.resize_factor,
    )
    // Labels that recovery had to skip keep their rows, so that rows and labels stay in step.
    while (this.#growing.nextLabel < label) this.#growing.append(null)
    return this.#growing
  }
}
