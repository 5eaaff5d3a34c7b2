/** JSON on the wire: exact numbers both ways, as Chroma's clients and other languages write and expect them. */
import { floatsText, plainNumbers, WholeFloat } from '../exact-number.ts'
import { parseExactJson } from '../format/exact-json.ts'
import { shortestFloat32 } from '../portability/float-text.ts'

export { type JsonReason, JsonRefused } from '../format/json-refused.ts'

/**
 * Parses the body of a request or response. As `JSON.parse`, but:
 *
 * - A float whose value is whole (`2.0`, `1e3`, `-0`) is a `WholeFloat`; integers beyond 2^53 - 1 are bigints as far
 *   as 64 bits with a sign reach, and `WholeFloat`s beyond, as in Chroma. `plainNumbers` makes plain numbers of
 *   whole floats where they do not matter.
 * - What stands in arrays under the outermost keys `embeddings` and `query_embeddings`, and under `query` in a
 *   `$knn`, is a plain number always; -0.0 keeps its sign.
 * - Nesting has a limit, and a key that stands twice in an object is refused.
 *
 * @throws JsonRefused with the reason `malformed` (400) or `duplicate-key` (422).
 */
export function parseJson(bytes: Uint8Array): unknown {
  return parseExactJson(bytes, holdsVectors)
}

function holdsVectors(key: string, depth: number, above: string | number | undefined): boolean {
  if (depth === 1) return key === 'embeddings' || key === 'query_embeddings'
  return key === 'query' && above === '$knn'
}

/** Where `JSON.parse` could take one integer for another; finds too much in strings, which does no harm. */
const maybeUnsafe = /[:,[\s]-?\d{16}/

/**
 * Parses an answer for callers in process: as `JSON.parse`, with plain numbers, but integers beyond 2^53 - 1 are
 * bigints.
 *
 * @throws SyntaxError, or JsonRefused where the text holds long integers.
 */
export function parsePlainJson(text: string): unknown {
  if (!maybeUnsafe.test(text)) return JSON.parse(text)
  return plainNumbers(parseExactJson(Buffer.from(text), holdsVectors))
}

/**
 * The value as JSON text, as `JSON.stringify` writes it, but exact: whole floats as `2.0`, bigints as integers, the
 * sign of -0 kept (`-0.0`). Numbers that are not finite are null, Dates ISO 8601. Typed arrays hold floats: all
 * their elements are written as such (`1.0`), a Float32Array's with the fewest digits that give the same bits back.
 *
 * @example
 * writeJson({ year: new WholeFloat(2), id: 2n ** 53n }) // '{"year":2.0,"id":9007199254740992}'
 */
export function writeJson(value: unknown): string {
  return isPlain(value) ? (JSON.stringify(value) ?? 'null') : composed(value)
}

/** Whether `JSON.stringify` writes it exactly. */
function isPlain(value: unknown): boolean {
  if (typeof value === 'number') return value !== 0 || !Object.is(value, -0)
  if (typeof value !== 'object' || value === null) return typeof value !== 'bigint'
  if (Array.isArray(value)) return value.every(isPlain)
  if (value instanceof Date) return true
  if (value instanceof WholeFloat || ArrayBuffer.isView(value)) return false
  for (const key in value) if (!isPlain((value as Record<string, unknown>)[key])) return false
  return true
}

function composed(value: unknown): string {
  if (typeof value === 'number') return '-0.0'
  if (typeof value === 'bigint' || value instanceof WholeFloat) return String(value)
  if (value instanceof Float32Array) return floatsText(Array.from(value, shortestFloat32))
  if (ArrayBuffer.isView(value)) return floatsText(Array.from(value as Float64Array))
  if (Array.isArray(value)) return `[${value.map(writeJson).join(',')}]`
  const entries = Object.entries(value as object).filter(([, entry]) => entry !== undefined)
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${writeJson(entry)}`).join(',')}}`
}
