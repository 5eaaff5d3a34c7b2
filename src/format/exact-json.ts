/**
 * JSON read without losing a number. `JSON.parse` does the bulk; one scan over the bytes finds what it would lose
 * (whole floats, integers beyond 2^53 - 1) or not mind (a key twice, a float beyond the range, deep nesting), and
 * the exact numbers are put in place.
 */
import { isAscii, isUtf8 } from 'node:buffer'
import { messageOf } from '../errors.ts'
import { JsonRefused } from './json-refused.ts'
import { type Find, type HoldsVectors, JsonScan } from './json-scan.ts'

/**
 * Parses UTF-8 JSON as `JSON.parse` does, but exactly: see `exactNumber`. -0.0 in vectors stays a plain -0.
 *
 * @throws JsonRefused `malformed` for invalid UTF-8 or JSON, nesting beyond `limits.jsonDepthMax` and floats beyond
 *   the range of a double; else `duplicate-key` where an object has a key twice, however it is escaped.
 */
export function parseExactJson(bytes: Uint8Array, holdsVectors: HoldsVectors = () => false): unknown {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!isUtf8(buffer)) throw new JsonRefused('malformed', 'The text is not valid UTF-8.')
  const scan = new JsonScan(buffer, holdsVectors)
  scan.run()
  const root = { value: parsed(buffer) }
  if (scan.duplicate !== null)
    throw new JsonRefused(
      'duplicate-key',
      `The key ${JSON.stringify(scan.duplicate)} stands twice in an object.`,
    )
  for (const find of scan.finds) put(root, find)
  return root.value
}

function parsed(buffer: Buffer): unknown {
  try {
    return JSON.parse(buffer.toString(isAscii(buffer) ? 'latin1' : 'utf8')) as unknown
  } catch (error) {
    throw new JsonRefused('malformed', messageOf(error), error)
  }
}

/** `JSON.parse` makes every key a property of its own, `__proto__` too, so that assigning replaces just that. */
function put(root: object, { path, number }: Find): void {
  let node = root as Record<string | number, unknown>
  let key: string | number = 'value'
  for (const next of path) {
    node = node[key] as Record<string | number, unknown>
    key = next
  }
  node[key] = number
}
