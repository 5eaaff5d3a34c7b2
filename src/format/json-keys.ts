/** Objects with more keys than this, or with an escape in one, are told apart by what their keys say. */
const comparedKeysMax = 16
const quoteBytes = 1
const backslash = 0x5c

/**
 * The keys of all objects that are open while a JSON text is scanned, as the places where they stand.
 *
 * What holds: levels open and close like brackets, and keys are added to the innermost. Keys without escapes are the
 * same when their bytes are.
 */
export class JsonKeys {
  readonly #bytes: Buffer
  /** Of all levels, outermost first: where each key begins and ends. */
  readonly #starts: number[] = []
  readonly #ends: number[] = []
  #count = 0
  /** For each level: where its keys begin in these lists, and what they say, where bytes do not suffice. */
  readonly #firsts: number[] = []
  readonly #texts: (Set<string> | null)[] = []
  #levels = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  open(): void {
    this.#firsts[this.#levels] = this.#count
    this.#texts[this.#levels] = null
    this.#levels++
  }

  close(): void {
    this.#levels--
    this.#count = this.#firsts[this.#levels]!
  }

  /** Adds a key to the innermost level, and says whether it was there. Its quotes stand around `start` and `end`. */
  add(start: number, end: number): boolean {
    const level = this.#levels - 1
    const first = this.#firsts[level]!
    const added = this.#count++
    this.#starts[added] = start
    this.#ends[added] = end
    const isSimple = added - first < comparedKeysMax && !this.#hasEscape(added)
    if (!isSimple || this.#texts[level] !== null) return this.#addText(level, first, added)
    for (let key = first; key < added; key++) if (this.#isSame(key, added)) return true
    return false
  }

  /** The newest key of a level. */
  newest(level: number): string {
    return this.#text((level + 1 < this.#levels ? this.#firsts[level + 1]! : this.#count) - 1)
  }

  #addText(level: number, first: number, added: number): boolean {
    const texts = this.#texts[level] ?? new Set<string>()
    if (this.#texts[level] === null) for (let key = first; key < added; key++) texts.add(this.#text(key))
    this.#texts[level] = texts
    const size = texts.size
    return texts.add(this.#text(added)).size === size
  }

  #isSame(one: number, other: number): boolean {
    const start = this.#starts[one]!
    const length = this.#ends[one]! - start
    const otherStart = this.#starts[other]!
    if (this.#ends[other]! - otherStart !== length) return false
    const bytes = this.#bytes
    for (let at = 0; at < length; at++) if (bytes[start + at] !== bytes[otherStart + at]) return false
    return true
  }

  #hasEscape(key: number): boolean {
    const bytes = this.#bytes
    for (let at = this.#starts[key]!; at < this.#ends[key]!; at++) if (bytes[at] === backslash) return true
    return false
  }

  /** What a key says; as it stands where it is malformed, which `JSON.parse` will find, too. */
  #text(key: number): string {
    const text = this.#bytes.toString('utf8', this.#starts[key]! - quoteBytes, this.#ends[key]! + quoteBytes)
    try {
      return JSON.parse(text) as string
    } catch {
      return text
    }
  }
}
