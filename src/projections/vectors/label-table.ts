/** Marks a label that lives. */
const alive = 0

/**
 * Where every label of a collection was born and where it died: what decides whether a vector counts, now or
 * at a position of the past.
 *
 * What holds:
 * - Labels are given in log order, so `born` ascends; labels that no longer exist count as never born.
 * - A set for a past position never changes once made: later deaths lie after it, later births too.
 */
export class LabelTable {
  #born = new Float64Array(1024)
  #died = new Float64Array(1024)
  #live = new Uint32Array(32)
  #count = 0
  /** The newest sets asked for, most recent last. */
  readonly #past = new Map<number, Uint32Array>()

  /** The label that comes next: one above the highest. */
  get next(): number {
    return this.#count
  }

  get memoryBytes(): number {
    return 16 * this.#born.length + 4 * this.#live.length
  }

  /** The live labels: label `i` has bit `i & 31` of word `i >>> 5`. Not to be written to. */
  get live(): Uint32Array {
    return this.#live
  }

  /** Takes in a label; those skipped since the last one count as never born. */
  add(label: number, born: number): void {
    this.#reserve(label + 1)
    const before = this.#count === 0 ? 0 : this.#born[this.#count - 1]!
    for (let skipped = this.#count; skipped < label; skipped++)
      this.#bury(skipped, before, Math.max(1, before))
    this.#born[label] = born
    this.#died[label] = alive
    this.#live[label >>> 5]! |= 1 << (label & 31)
    this.#count = Math.max(this.#count, label + 1)
  }

  /** Notes where a label died. No-op for one that is dead or unknown. */
  die(label: number, position: number): void {
    if (label >= this.#count || this.#died[label] !== alive) return
    this.#bury(label, this.#born[label]!, position)
  }

  isLive(label: number): boolean {
    return label < this.#count && this.#died[label] === alive
  }

  /** The labels that were live at position `at`, in the form of `live`. */
  liveAt(at: number): Uint32Array {
    const known = this.#past.get(at)
    if (known !== undefined) return known
    const bits = new Uint32Array(this.#live.length)
    for (let label = 0; label < this.#count && this.#born[label]! <= at; label++) {
      const died = this.#died[label]!
      if (died === alive || died > at) bits[label >>> 5]! |= 1 << (label & 31)
    }
    this.#past.set(at, bits)
    for (const oldest of this.#past.keys()) {
      if (this.#past.size <= 4) break
      this.#past.delete(oldest)
    }
    return bits
  }

  #bury(label: number, born: number, died: number): void {
    this.#born[label] = born
    this.#died[label] = died
    this.#live[label >>> 5]! &= ~(1 << (label & 31))
  }

  #reserve(count: number): void {
    if (count <= this.#born.length) return
    const capacity = Math.max(count, 2 * this.#born.length)
    this.#born = grown(this.#born, new Float64Array(capacity))
    this.#died = grown(this.#died, new Float64Array(capacity))
    this.#live = grown(this.#live, new Uint32Array(Math.ceil(capacity / 32)))
  }
}

/** How many labels of `[from, to)` are in the set. */
export function countBits(bits: Uint32Array, from: number, to: number): number {
  let count = 0
  const end = Math.min(to, bits.length * 32)
  for (let label = from; label < end; ) {
    if ((label & 31) === 0 && label + 32 <= end) {
      count += bitsSet(bits[label >>> 5]!)
      label += 32
    } else {
      count += (bits[label >>> 5]! >>> (label & 31)) & 1
      label += 1
    }
  }
  return count
}

/** The labels of `[from, to)` that are in `bits` and not in `without`, ascending. */
export function labelsWithout(
  bits: Uint32Array,
  without: Uint32Array,
  from: number,
  to: number,
): Uint32Array {
  const labels: number[] = []
  const end = Math.min(to, bits.length * 32)
  for (let word = from >>> 5; word << 5 < end; word++) {
    let rest = bits[word]! & ~(without[word] ?? 0)
    for (; rest !== 0; rest &= rest - 1) {
      const label = (word << 5) + (31 - Math.clz32(rest & -rest))
      if (label >= from && label < end) labels.push(label)
    }
  }
  return Uint32Array.from(labels)
}

/** A set of labels in the form of `LabelTable.live`, from a list. */
export function bitsOf(labels: readonly number[], count: number): Uint32Array {
  const bits = new Uint32Array(Math.ceil(count / 32))
  for (const label of labels) bits[label >>> 5]! |= 1 << (label & 31)
  return bits
}

// Counts the bits of a 32-bit word side by side: Warren, Hacker's Delight, 5-1.
function bitsSet(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555)
  const nibbles = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333)
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24
}

function grown<A extends Float64Array | Uint32Array>(old: A, larger: A): A {
  larger.set(old)
  return larger
}
