/**
 * The k nearest of many, in an order that nothing but distances and labels decides.
 *
 * Invariants:
 * - The heap holds at most `k` pairs; its root is the pair that leaves next.
 * - A pair comes before another when its distance is smaller or, at equal distances, its label is. So the
 *   answer depends neither on the order of the pushes nor on how vectors are spread over segments.
 */

/** One vector near a query. */
export interface Neighbor {
  label: number
  distance: number
}

const capacityAtFirst = 64

/**
 * Keeps the `k` nearest of the pairs pushed into it. Labels are uint32; distances are never NaN.
 *
 * @example
 * const nearest = new TopK(2)
 * nearest.push(0.5, 7)
 * nearest.push(0.1, 9)
 * nearest.push(0.3, 8)
 * nearest.sorted() // [{ label: 9, distance: 0.1 }, { label: 8, distance: 0.3 }]
 */
export class TopK {
  readonly k: number
  #size = 0
  #distances: Float64Array
  #labels: Uint32Array

  constructor(k: number) {
    this.k = k
    // k may be far above what there is to find, so the arrays grow with what comes in.
    const capacity = Math.min(k, capacityAtFirst)
    this.#distances = new Float64Array(capacity)
    this.#labels = new Uint32Array(capacity)
  }

  /** How many pairs it holds. */
  get size(): number {
    return this.#size
  }

  /**
   * No pair beyond this distance can enter any more; one at exactly this distance still may, by its label.
   * `Infinity` until k pairs are there.
   */
  worst(): number {
    if (this.#size < this.k) return Number.POSITIVE_INFINITY
    return this.k === 0 ? Number.NEGATIVE_INFINITY : this.#distances[0]!
  }

  /** Takes the pair in if it is among the k nearest so far; the one that it displaces is dropped. */
  push(distance: number, label: number): void {
    if (this.#size < this.k) {
      if (this.#size === this.#labels.length) this.#grow()
      this.#rise(this.#size++, distance, label)
    } else if (this.k > 0 && before(distance, label, this.#distances[0]!, this.#labels[0]!)) {
      this.#sink(distance, label)
    }
  }

  /** The pairs, nearest first. The heap stays as it is. */
  sorted(): Neighbor[] {
    const found: Neighbor[] = []
    for (let i = 0; i < this.#size; i++)
      found.push({ label: this.#labels[i]!, distance: this.#distances[i]! })
    return found.sort(nearestFirst)
  }

  #rise(from: number, distance: number, label: number): void {
    const distances = this.#distances
    const labels = this.#labels
    let at = from
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!before(distances[parent]!, labels[parent]!, distance, label)) break
      distances[at] = distances[parent]!
      labels[at] = labels[parent]!
      at = parent
    }
    distances[at] = distance
    labels[at] = label
  }

  /** Puts the pair in the root's stead. */
  #sink(distance: number, label: number): void {
    const distances = this.#distances
    const labels = this.#labels
    const size = this.#size
    let at = 0
    for (let child = 1; child < size; child = 2 * at + 1) {
      const right = child + 1
      if (right < size && before(distances[child]!, labels[child]!, distances[right]!, labels[right]!))
        child = right
      if (!before(distance, label, distances[child]!, labels[child]!)) break
      distances[at] = distances[child]!
      labels[at] = labels[child]!
      at = child
    }
    distances[at] = distance
    labels[at] = label
  }

  #grow(): void {
    const capacity = Math.min(this.k, this.#labels.length * 2)
    const distances = new Float64Array(capacity)
    const labels = new Uint32Array(capacity)
    distances.set(this.#distances)
    labels.set(this.#labels)
    this.#distances = distances
    this.#labels = labels
  }
}

/** The order of answers, for `Array.prototype.sort`. */
export function nearestFirst(a: Neighbor, b: Neighbor): number {
  return a.distance < b.distance ? -1 : a.distance > b.distance ? 1 : a.label - b.label
}

function before(distance: number, label: number, otherDistance: number, otherLabel: number): boolean {
  return distance < otherDistance || (distance === otherDistance && label < otherLabel)
}
