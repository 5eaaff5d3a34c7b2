/**
 * Metadata as the JSON text that stands in the log and in the tables. See docs/format.md.
 *
 * What holds:
 * - A number with a point or an exponent is a float, any other an integer of 64 bits.
 * - Reading a text and writing it again gives the same text. Without whole floats and bigints it is the text that
 *   `JSON.stringify` writes.
 */

import { isWholeFloat } from '../metadata-form.ts'
import type { Metadata, MetadataUpdate, MetadataValue } from '../types.ts'
import { parseExactJson } from './exact-json.ts'

/** The text; `null` where there is no metadata. */
export function metadataText(metadata: MetadataUpdate | null): string {
  if (isPlain(metadata)) return JSON.stringify(metadata)
  const entries = Object.entries(metadata ?? {}).map(
    ([key, value]) => `${JSON.stringify(key)}:${valueText(value)}`,
  )
  return `{${entries.join(',')}}`
}

/** The text of one value; values that differ in type or content have different texts. */
export function valueText(value: MetadataValue | null): string {
  if (Array.isArray(value)) return `[${value.map(valueText).join(',')}]`
  return typeof value === 'bigint' || isWholeFloat(value) ? String(value) : JSON.stringify(value)
}

/**
 * Where `JSON.parse` could lose a number of our own texts, which have no space in them: an integer that may be
 * unsafe, or a whole float. Finds too much in strings, which does no harm.
 */
const maybeInexact = /[:,[]-?(?:9\d{15}|\d{17})|\.0[,\]}]|\de\+/

/** Reads what `metadataText` wrote: exact numbers come back as they were. */
export function parseMetadataText(text: string): Metadata {
  return (maybeInexact.test(text) ? parseExactJson(Buffer.from(text)) : JSON.parse(text)) as Metadata
}

function isPlain(metadata: MetadataUpdate | null): boolean {
  for (const key in metadata) {
    const value = metadata[key]
    if (Array.isArray(value) ? !value.every(isPlainScalar) : !isPlainScalar(value)) return false
  }
  return true
}

function isPlainScalar(value: unknown): boolean {
  return typeof value !== 'bigint' && !isWholeFloat(value)
}
