/**
 * Exact distances over a matrix of vectors, as hnswlib gives them: squared L2, or 1 - a·b.
 *
 * A distance is summed in float64, always in the same order, and then rounded to float32. So one pair of
 * vectors has one distance, to the bit, in whichever segment and by whichever path it was found.
 *
 * Vectors in a matrix, and queries against it, are *prepared*: for `cosine` they are normalised already, for
 * the other spaces they are as given. With that, cosine's distance is the inner product's.
 */
import type { Space } from '../../types.ts'
import { countBits } from './label-table.ts'
import type { TopK } from './top-k.ts'

/** Prepared vectors, row after row, and the labels that the rows stand for. */
export interface VectorTable {
  readonly space: Space
  readonly dimension: number
  /** At least `count` rows of `dimension` values. */
  readonly matrix: Float32Array
  readonly count: number
  /** The label of row 0. */
  readonly firstLabel: number
  /** The label of each row, ascending. `null`: row i has the label `firstLabel + i`. */
  readonly labels: Uint32Array | null
}

/**
 * Which labels of a table a scan visits. Labels that the table does not hold are passed over, so one selection
 * serves every segment of a collection.
 *
 * - `labels`: just these, ascending.
 * - `bits`: those whose bit is set; label `base + i` has bit `i & 31` of word `i >>> 5`.
 * - `accept`: those that it answers `true` for; the slowest of the three.
 */
export type Selection =
  | { readonly labels: Uint32Array }
  | { readonly bits: Uint32Array; readonly base: number }
  | { readonly accept: (label: number) => boolean }

/**
 * Writes the vector, normalised, into the matrix at `offset`. This is hnswlib-node's arithmetic: float32 at
 * every step, summed one by one; a vector whose norm is 0 stays as it is.
 */
export function normalise(vector: Float32Array, into: Float32Array, offset: number): void {
  let sum = 0
  for (let i = 0; i < vector.length; i++) sum = Math.fround(sum + Math.fround(vector[i]! * vector[i]!))
  const norm = Math.fround(Math.sqrt(sum))
  if (norm > 0) for (let i = 0; i < vector.length; i++) into[offset + i] = vector[i]! / norm
  else into.set(vector, offset)
}

/** The vector as matrices hold it and as searches want it: a normalised copy for cosine, else itself. */
export function prepare(space: Space, vector: Float32Array): Float32Array {
  if (space !== 'cosine') return vector
  const prepared = new Float32Array(vector.length)
  normalise(vector, prepared, 0)
  return prepared
}

/** The distance between a prepared query and the prepared vector that begins at `offset` of the matrix. */
export function distanceAt(
  space: Space,
  query: Float32Array,
  matrix: Float32Array,
  offset: number,
  dimension: number,
): number {
  return space === 'l2'
    ? Math.fround(squaredDistance(query, matrix, offset, dimension))
    : Math.fround(1 - innerProduct(query, matrix, offset, dimension))
}

/**
 * Pushes the distances of all rows, or of the selected ones, into `nearest`. Handing the same `nearest` to the
 * scans of several tables merges their answers.
 */
export function scan(table: VectorTable, query: Float32Array, nearest: TopK, selection?: Selection): TopK {
  const rows = selection === undefined ? null : rowsOf(table, selection)
  if (table.space === 'l2') scanSquaredDistance(table, query, nearest, rows)
  else scanInnerProduct(table, query, nearest, rows)
  return nearest
}

/** The row of a label; -1 when the table does not hold it. */
export function rowOf(table: VectorTable, label: number): number {
  if (table.labels !== null) {
    const row = firstAtOrAbove(table.labels, label)
    return row < table.count && table.labels[row] === label ? row : -1
  }
  const row = label - table.firstLabel
  return row >= 0 && row < table.count ? row : -1
}

// One loop for each metric: a loop that chooses per row could not inline its kernel.

function scanSquaredDistance(
  table: VectorTable,
  query: Float32Array,
  nearest: TopK,
  rows: Uint32Array | null,
): void {
  const { matrix, dimension, labels, firstLabel } = table
  const count = rows === null ? table.count : rows.length
  let worst = nearest.worst()
  for (let i = 0; i < count; i++) {
    const row = rows === null ? i : rows[i]!
    const distance = Math.fround(squaredDistance(query, matrix, row * dimension, dimension))
    if (distance > worst) continue
    nearest.push(distance, labels === null ? firstLabel + row : labels[row]!)
    worst = nearest.worst()
  }
}

function scanInnerProduct(
  table: VectorTable,
  query: Float32Array,
  nearest: TopK,
  rows: Uint32Array | null,
): void {
  const { matrix, dimension, labels, firstLabel } = table
  const count = rows === null ? table.count : rows.length
  let worst = nearest.worst()
  for (let i = 0; i < count; i++) {
    const row = rows === null ? i : rows[i]!
    const distance = Math.fround(1 - innerProduct(query, matrix, row * dimension, dimension))
    if (distance > worst) continue
    nearest.push(distance, labels === null ? firstLabel + row : labels[row]!)
    worst = nearest.worst()
  }
}

// Eight values a turn on four sums: more sums do not pay, fewer wait for each other's additions.

function innerProduct(query: Float32Array, matrix: Float32Array, offset: number, dimension: number): number {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let i = 0
  for (const end = dimension & ~7; i < end; i += 8) {
    const at = offset + i
    a += query[i]! * matrix[at]!
    b += query[i + 1]! * matrix[at + 1]!
    c += query[i + 2]! * matrix[at + 2]!
    d += query[i + 3]! * matrix[at + 3]!
    a += query[i + 4]! * matrix[at + 4]!
    b += query[i + 5]! * matrix[at + 5]!
    c += query[i + 6]! * matrix[at + 6]!
    d += query[i + 7]! * matrix[at + 7]!
  }
  for (; i < dimension; i++) a += query[i]! * matrix[offset + i]!
  return a + b + (c + d)
}

function squaredDistance(
  query: Float32Array,
  matrix: Float32Array,
  offset: number,
  dimension: number,
): number {
  let a = 0
  let b = 0
  let c = 0
  let d = 0
  let i = 0
  for (const end = dimension & ~7; i < end; i += 8) {
    const at = offset + i
    const s = query[i]! - matrix[at]!
    const t = query[i + 1]! - matrix[at + 1]!
    const u = query[i + 2]! - matrix[at + 2]!
    const v = query[i + 3]! - matrix[at + 3]!
    const w = query[i + 4]! - matrix[at + 4]!
    const x = query[i + 5]! - matrix[at + 5]!
    const y = query[i + 6]! - matrix[at + 6]!
    const z = query[i + 7]! - matrix[at + 7]!
    a += s * s
    b += t * t
    c += u * u
    d += v * v
    a += w * w
    b += x * x
    c += y * y
    d += z * z
  }
  for (; i < dimension; i++) {
    const s = query[i]! - matrix[offset + i]!
    a += s * s
  }
  return a + b + (c + d)
}

/** The rows of the selected labels, ascending. */
function rowsOf(table: VectorTable, selection: Selection): Uint32Array {
  if ('labels' in selection) return rowsOfLabels(table, selection.labels)
  if ('bits' in selection) return rowsOfBits(table, selection.bits, selection.base)
  const rows = new Uint32Array(table.count)
  let found = 0
  for (let row = 0; row < table.count; row++) if (selection.accept(labelOf(table, row))) rows[found++] = row
  return rows.subarray(0, found)
}

function rowsOfLabels(table: VectorTable, labels: Uint32Array): Uint32Array {
  if (table.count === 0) return new Uint32Array(0)
  const from = firstAtOrAbove(labels, table.firstLabel)
  const to = firstAtOrAbove(labels, labelOf(table, table.count - 1) + 1)
  const rows = new Uint32Array(to - from)
  let found = 0
  for (let i = from; i < to; i++) {
    const row = rowOf(table, labels[i]!)
    if (row >= 0) rows[found++] = row
  }
  return rows.subarray(0, found)
}

function rowsOfBits(table: VectorTable, bits: Uint32Array, base: number): Uint32Array {
  const from = Math.max(0, table.firstLabel - base)
  const to = Math.min(bits.length * 32, table.count === 0 ? 0 : labelOf(table, table.count - 1) + 1 - base)
  const rows = new Uint32Array(Math.min(table.count, countBits(bits, from, to)))
  let found = 0
  for (let word = from >>> 5; word * 32 < to; word++)
    for (let rest = bits[word]!; rest !== 0; rest &= rest - 1) {
      const bit = word * 32 + (31 - Math.clz32(rest & -rest))
      if (bit < from || bit >= to) continue
      const row = rowOf(table, bit + base)
      if (row >= 0) rows[found++] = row
    }
  return rows.subarray(0, found)
}

function labelOf(table: VectorTable, row: number): number {
  return table.labels === null ? table.firstLabel + row : table.labels[row]!
}

function firstAtOrAbove(ascending: Uint32Array, value: number): number {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (ascending[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}
