import type { Space } from '../../types.ts'
import { normalise, type VectorTable } from './distance.ts'

/** Room for so many rows is made at first; it is doubled … */
const rowsAtFirst = 64
/** … until it grows by this many rows at a time: every step copies all rows before it, and stalls for that long. */
const rowsPerStep = 16_384

/**
 * Vectors that are searched exactly: the newest of a collection, or those of a sealed segment whose file is
 * being built again.
 *
 * What holds:
 * - Rows are prepared vectors in label order without gaps, on a `SharedArrayBuffer`, so that a worker builds
 *   from them without a copy. A row that was handed out never changes: growing makes a new buffer.
 */
export class GrowingSegment {
  readonly #space: Space
  readonly #dimension: number
  readonly #resizeFactor: number
  #firstLabel: number
  #matrix: Float32Array
  #count = 0

  constructor(space: Space, dimension: number, firstLabel: number, resizeFactor: number) {
    this.#space = space
    this.#dimension = dimension
    this.#firstLabel = firstLabel
    this.#resizeFactor = resizeFactor
    this.#matrix = shared(0)
  }

  get firstLabel(): number {
    return this.#firstLabel
  }

  /** The label that comes next. */
  get nextLabel(): number {
    return this.#firstLabel + this.#count
  }

  get count(): number {
    return this.#count
  }

  /** What its rows take: room for rows to come takes none before it is written to. */
  get memoryBytes(): number {
    return this.#count * this.#dimension * Float32Array.BYTES_PER_ELEMENT
  }

  /** The rows as they stand now; later rows do not show in it. */
  get table(): VectorTable {
    const { matrix, count, firstLabel } = this.rows(this.#firstLabel, this.nextLabel)
    return { space: this.#space, dimension: this.#dimension, matrix, count, firstLabel, labels: null }
  }

  /** Copies the vector of the label `nextLabel` in; `null` for one that is gone leaves zeros. */
  append(vector: Float32Array | null): void {
    const offset = this.#count * this.#dimension
    this.#reserve(this.#count + 1)
    if (vector !== null && this.#space === 'cosine') normalise(vector, this.#matrix, offset)
    else if (vector !== null) this.#matrix.set(vector, offset)
    this.#count += 1
  }

  /** The rows of the labels `[from, to)`, without a copy. */
  rows(from: number, to: number): { matrix: Float32Array; count: number; firstLabel: number } {
    const start = (from - this.#firstLabel) * this.#dimension
    const end = (to - this.#firstLabel) * this.#dimension
    return { matrix: this.#matrix.subarray(start, end), count: to - from, firstLabel: from }
  }

  /** Drops the labels below `label`: they are sealed now. */
  dropBefore(label: number): void {
    const kept = this.rows(Math.min(label, this.nextLabel), this.nextLabel)
    const matrix = shared(kept.matrix.length)
    matrix.set(kept.matrix)
    this.#matrix = matrix
    this.#firstLabel = kept.firstLabel
    this.#count = kept.count
  }

  #reserve(rows: number): void {
    if (rows * this.#dimension <= this.#matrix.length) return
    const capacity = this.#matrix.length / this.#dimension
    const step = Math.max(rowsAtFirst, Math.min(capacity, rowsPerStep))
    const larger = Math.max(rows, capacity + step, Math.ceil(capacity * this.#resizeFactor))
    const matrix = shared(larger * this.#dimension)
    matrix.set(this.#matrix.subarray(0, this.#count * this.#dimension))
    this.#matrix = matrix
  }
}

function shared(length: number): Float32Array {
  return new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT))
}
