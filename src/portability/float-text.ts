/**
 * float32 in decimal: the fewest digits from which the same bits come back. As a double, 0.1 in float32 prints
 * as 0.10000000149011612; as text of a vector, 0.1 is enough.
 */

/** Powers of ten that a double holds exactly. */
const powersOfTen: readonly number[] = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`))

/** Six digits always fit between two neighbouring float32; with nine every float32 has a text of its own. */
const digitsMin = 6
const digitsMax = 9

/**
 * The double that prints with the fewest digits among those that are `value` when rounded to float32.
 * `value` must be a float32.
 */
export function shortestFloat32(value: number): number {
  const magnitude = Math.abs(value)
  if (!(magnitude >= 1e-10 && magnitude < 1e6)) return value === 0 ? value : shortestExtreme(value)
  const first = digitsMin - 1 - Math.floor(Math.log10(magnitude))
  const last = first + digitsMax - digitsMin
  for (let places = first; places <= last; places++) {
    // A division of two exact doubles is rounded once: the quotient is the double that the text stands for.
    const power = powersOfTen[places]!
    const candidate = Math.round(value * power) / power
    if (Math.fround(candidate) === value) return candidate
  }
  return value
}

/** The same by way of text: slower, for values that the powers of ten do not reach, and those of few bits. */
function shortestExtreme(value: number): number {
  for (let digits = 1; digits <= digitsMax; digits++) {
    const candidate = Number(value.toPrecision(digits))
    if (Math.fround(candidate) === value) return candidate
  }
  return value
}

/** A vector of float32 values as a JSON array; the same bits come back, those of -0 too. */
export function vectorToJson(vector: ArrayLike<number>): string {
  const values = new Array<number>(vector.length)
  let hasNegativeZero = false
  for (let index = 0; index < values.length; index++) {
    const value = shortestFloat32(vector[index]!)
    values[index] = value
    if (value === 0 && Object.is(value, -0)) hasNegativeZero = true
  }
  if (!hasNegativeZero) return JSON.stringify(values)
  // JSON.stringify drops the sign of -0, JSON.parse keeps it.
  return `[${values.map((value) => (Object.is(value, -0) ? '-0' : String(value))).join(',')}]`
}
