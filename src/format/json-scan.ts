/** What stands in a JSON text that `JSON.parse` loses, does not mind, or has no limit for. */
import { type ExactNumber, exactNumber } from '../exact-number.ts'
import { limits } from '../limits.ts'
import { JsonKeys } from './json-keys.ts'
import { JsonRefused } from './json-refused.ts'

/**
 * Whether the array under `key` holds vectors, whose components are plain numbers however they are written.
 * `depth` is 1 for a key of the outermost object; `above` is the key that this object stands under, if any.
 */
export type HoldsVectors = (key: string, depth: number, above: string | number | undefined) => boolean

/** A number that `JSON.parse` loses, and the keys and indexes that lead to it. */
export interface Find {
  path: (string | number)[]
  number: ExactNumber
}

const quote = 0x22
const comma = 0x2c
const plus = 0x2b
const minus = 0x2d
const dot = 0x2e
const zero = 0x30
const nine = 0x39
const upperE = 0x45
const openBracket = 0x5b
const backslash = 0x5c
const closeBracket = 0x5d
const lowerE = 0x65
const openBrace = 0x7b
const closeBrace = 0x7d

/** Integers of fewer characters are safe ones. */
const unsafeLengthMin = 16
/** Strings longer than this are gone past by the native search. */
const shortStringBytes = 32

/**
 * Goes over the bytes of a JSON text once, at most twice where vectors were looked for in vain.
 *
 * What holds: the scan goes by the syntax as long as the text is valid. On other texts it may find anything; they
 * are for `JSON.parse` to refuse.
 */
export class JsonScan {
  /** The first key that stood twice in its object. */
  duplicate: string | null = null
  readonly finds: Find[] = []

  readonly #bytes: Buffer
  readonly #holdsVectors: HoldsVectors
  readonly #keys: JsonKeys
  /** How many objects and arrays are open; for each the index under way, or -1 in an object. */
  #depth = 0
  readonly #indexes: number[] = []
  #at = 0
  #expectsKey = false

  constructor(bytes: Buffer, holdsVectors: HoldsVectors) {
    this.#bytes = bytes
    this.#holdsVectors = holdsVectors
    this.#keys = new JsonKeys(bytes)
  }

  run(): void {
    const bytes = this.#bytes
    while (this.#at < bytes.length) {
      const byte = bytes[this.#at]!
      if (byte === quote) this.#string()
      else if (isDigit(byte) || byte === minus) this.#number()
      else if (byte === openBrace || byte === openBracket) this.#open(byte === openBrace)
      else {
        if (byte === comma) this.#next()
        else if (byte === closeBrace || byte === closeBracket) this.#close()
        this.#at++
      }
    }
  }

  #open(isObject: boolean): void {
    if (!isObject && this.#skipsVectors()) return
    this.#checkDepth(this.#depth + 1)
    this.#indexes[this.#depth] = isObject ? -1 : 0
    this.#keys.open()
    this.#depth++
    this.#expectsKey = isObject
    this.#at++
  }

  #close(): void {
    if (this.#depth === 0) return
    this.#depth--
    this.#keys.close()
    this.#expectsKey = false
  }

  #next(): void {
    if (this.#depth === 0) return
    const top = this.#depth - 1
    this.#expectsKey = this.#indexes[top] === -1
    if (!this.#expectsKey) this.#indexes[top]!++
  }

  #checkDepth(depth: number): void {
    if (depth > limits.jsonDepthMax)
      throw new JsonRefused('malformed', `The text is nested more than ${limits.jsonDepthMax} levels deep.`)
  }

  /** The key or index under way at a level; `undefined` where there is no such level. */
  #step(level: number): string | number | undefined {
    const index = this.#indexes[level]
    if (index === undefined) return undefined
    return index === -1 ? this.#keys.newest(level) : index
  }

  /** Goes past an array of vectors; not where strings or objects stand in it, which the scan has to see. */
  #skipsVectors(): boolean {
    const key = this.#step(this.#depth - 1)
    if (typeof key !== 'string' || !this.#holdsVectors(key, this.#depth, this.#step(this.#depth - 2)))
      return false
    const bytes = this.#bytes
    let open = 0
    for (let at = this.#at; at < bytes.length; at++) {
      const byte = bytes[at]!
      // Digits and what stands between them come before all brackets.
      if (byte < openBracket && byte !== quote) continue
      if (byte === openBracket) this.#checkDepth(this.#depth + ++open)
      else if (byte === quote || byte === openBrace) return false
      else if (byte === closeBracket && --open === 0) {
        this.#at = at + 1
        return true
      }
    }
    return false
  }

  #string(): void {
    const start = this.#at + 1
    const end = endOfString(this.#bytes, start)
    this.#at = end + 1
    if (!this.#expectsKey) return
    this.#expectsKey = false
    if (this.#keys.add(start, end)) this.duplicate ??= this.#keys.newest(this.#depth - 1)
  }

  #number(): void {
    const bytes = this.#bytes
    const start = this.#at
    let end = start + 1
    let isFloat = bytes[start] === minus && bytes[end] === zero
    for (; end < bytes.length; end++) {
      const byte = bytes[end]!
      if (isDigit(byte)) continue
      if (!isInsideFloat(byte)) break
      isFloat = true
    }
    this.#at = end
    if (!isFloat && end - start < unsafeLengthMin) return
    const number = exactNumber(bytes.toString('latin1', start, end))
    if (typeof number !== 'number')
      this.finds.push({ path: Array.from({ length: this.#depth }, (_, level) => this.#step(level)!), number })
    else if (Math.abs(number) === Number.POSITIVE_INFINITY)
      throw new JsonRefused('malformed', 'A number in the text is out of range.')
  }
}

/** Where the quote stands that ends a string; the end of the text where none does. */
function endOfString(bytes: Buffer, start: number): number {
  let at = start
  for (const near = Math.min(start + shortStringBytes, bytes.length); at < near; at++) {
    const byte = bytes[at]!
    if (byte === quote) return at
    if (byte === backslash) at++
  }
  for (;;) {
    const end = bytes.indexOf(quote, at)
    if (end === -1) return bytes.length
    if (!isEscaped(bytes, at, end)) return end
    at = end + 1
  }
}

/** Whether an odd number of backslashes stands before `end`; none before `start` counts. */
function isEscaped(bytes: Buffer, start: number, end: number): boolean {
  let first = end
  while (first > start && bytes[first - 1] === backslash) first--
  return (end - first) % 2 === 1
}

function isDigit(byte: number): boolean {
  return byte >= zero && byte <= nine
}

function isInsideFloat(byte: number): boolean {
  return byte === dot || byte === lowerE || byte === upperE || byte === plus || byte === minus
}
