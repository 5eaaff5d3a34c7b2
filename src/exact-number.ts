/**
 * Numbers that a JavaScript number cannot tell apart from others: whole floats, and integers beyond 2^53 - 1.
 *
 * What holds of a number inside the store:
 * - A `number` is a safe integer when it is whole, else a float.
 * - A `WholeFloat` is a float whose value is whole: `2.0`, `-0.0`, `1e300`.
 * - A `bigint` is a 64-bit integer that is not a safe one.
 * So each value has one form, and two forms are never the same value of the same type.
 */

/** The integers that 64 bits with a sign hold. */
export const int64Min: bigint = -(2n ** 63n)
export const int64Max: bigint = 2n ** 63n - 1n
/** Characters of the longest of them; longer texts, which may go on for megabytes, need no reading. */
const int64LengthMax = 20

/**
 * A float whose value is a whole number, which as a plain `number` would pass for an integer.
 *
 * @example
 * String(new WholeFloat(2)) // '2.0'
 */
export class WholeFloat {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }

  /** Where exactness does not matter it computes and compares like its value: `new WholeFloat(2) < 3`. */
  valueOf(): number {
    return this.value
  }

  /** Its text as a JSON number, which says that it is a float. */
  toString(): string {
    return floatText(this.value)
  }

  /** For `JSON.stringify`, which has no way to write `2.0`. */
  toJSON(): number {
    return this.value
  }
}

/** A number as it stands in a JSON text. */
export type ExactNumber = number | bigint | WholeFloat

/**
 * What the text of a JSON number says, exactly: whole numbers without fraction and exponent are integers as far
 * as 64 bits reach, all else is a float (`-0` too, which no integer can be). A float beyond the range is infinite.
 */
export function exactNumber(text: string): ExactNumber {
  const value = Number(text)
  if (!Number.isInteger(value)) return value
  if (isFloatText(text) || Object.is(value, -0)) return new WholeFloat(value)
  if (Number.isSafeInteger(value)) return value
  const integer = text.length <= int64LengthMax ? BigInt(text) : null
  return integer !== null && integer >= int64Min && integer <= int64Max ? integer : new WholeFloat(value)
}

/** A float as a JSON number that says so: `2.0`, `-0.0`, `1e+300`; `null` where it is not finite. */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return 'null'
  if (Object.is(value, -0)) return '-0.0'
  const text = String(value)
  return isFloatText(text) ? text : `${text}.0`
}

/**
 * Floats as a JSON array, each as `floatText` writes it. Stretches without whole values go through `JSON.stringify`,
 * which is far faster.
 *
 * @example
 * floatsText([0.5, 1, 0.25]) // '[0.5,1.0,0.25]'
 */
export function floatsText(values: readonly number[]): string {
  const pieces: string[] = []
  let from = 0
  for (let at = 0; at <= values.length; at++) {
    const isEnd = at === values.length
    if (!isEnd && !Number.isInteger(values[at])) continue
    if (at > from) pieces.push(JSON.stringify(values.slice(from, at)).slice(1, -1))
    if (!isEnd) pieces.push(floatText(values[at]!))
    from = at + 1
  }
  return `[${pieces.join(',')}]`
}

function isFloatText(text: string): boolean {
  return text.includes('.') || text.includes('e') || text.includes('E')
}

/** A copy with plain numbers in place of whole floats, at any depth: for what does not tell `2.0` from `2`. */
export function plainNumbers(value: unknown): unknown {
  if (value instanceof WholeFloat) return value.value
  if (Array.isArray(value)) return value.map(plainNumbers)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plainNumbers(entry)]))
}
