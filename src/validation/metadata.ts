import { AnnalsError } from '../errors.ts'
import { int64Max, int64Min, WholeFloat } from '../exact-number.ts'
import { limits } from '../limits.ts'
import { isWholeFloat } from '../metadata-form.ts'
import type { MetadataScalar, MetadataUpdate, MetadataValue } from '../types.ts'
import { checkText, invalid, isPlainObject } from './values.ts'

/** Keys that Chroma keeps its own columns under. */
const reservedKeys = ['chroma:document', 'chroma:uri']

/**
 * Metadata as a caller gives it: flat, with strings, finite numbers, integers of 64 bits, booleans and arrays of one
 * of these; one float makes floats of all numbers of an array. `null` values are kept where `allowNull` says so:
 * there they remove the key. Empty arrays are left out. The numbers are exact: see `exact-number.ts`.
 */
export function checkMetadata(
  value: unknown,
  place: string,
  { allowNull }: { allowNull: boolean },
): MetadataUpdate {
  if (!isPlainObject(value)) throw invalid(place, 'must be an object with plain values', value)
  const entries = Object.entries(value)
  if (entries.length > limits.metadataKeysMax)
    throw tooLarge(place, `${entries.length} keys`, limits.metadataKeysMax)
  const checked: [string, MetadataValue | null][] = []
  for (const [key, entry] of entries) {
    checkKey(key, place)
    const at = `${place}.${key}`
    if (entry === null && allowNull) checked.push([key, null])
    else if (Array.isArray(entry)) {
      if (entry.length > 0) checked.push([key, checkElements(entry, at)])
      else if (allowNull) checked.push([key, null])
    } else checked.push([key, checkScalar(entry, at)])
  }
  const metadata = Object.fromEntries(checked)
  const size = metadataSize(metadata)
  if (size > limits.metadataLengthMax) throw tooLarge(place, `${size} characters`, limits.metadataLengthMax)
  return metadata
}

/** About as many characters as the metadata has as JSON. */
export function metadataSize(metadata: MetadataUpdate | null): number {
  let size = 2
  for (const [key, value] of Object.entries(metadata ?? {})) {
    size += key.length + 4
    for (const scalar of Array.isArray(value) ? value : [value])
      size += typeof scalar === 'string' ? scalar.length + 3 : 8
  }
  return size
}

/** Merges an update into metadata: `null` removes a key, all else replaces it; `null` when no key is left. */
export function mergeMetadata(
  old: Record<string, MetadataValue> | null,
  update: MetadataUpdate | null,
): Record<string, MetadataValue> | null {
  const merged = new Map(Object.entries(old ?? {}))
  for (const [key, value] of Object.entries(update ?? {})) {
    if (value === null) merged.delete(key)
    else merged.set(key, value)
  }
  return merged.size === 0 ? null : Object.fromEntries(merged)
}

function checkKey(key: string, place: string): void {
  checkText(key, `${place}: the key`, limits.metadataKeyLengthMax)
  if (key === '') throw invalid(place, 'a key must not be empty', key)
  if (key.includes('\0')) throw invalid(place, 'a key must not contain NUL', key)
  if (key.startsWith('#') || key.startsWith('$'))
    throw invalid(place, 'a key must not begin with # or $', key)
  if (reservedKeys.includes(key)) throw invalid(place, 'this key is reserved', key)
}

function checkElements(values: unknown[], place: string): MetadataScalar[] {
  const checked = values.map((value, index) => checkScalar(value, `${place}[${index}]`))
  const odd = checked.findIndex((value) => typeName(value) !== typeName(checked[0]!))
  if (odd !== -1)
    throw invalid(
      `${place}[${odd}]`,
      `an array holds values of one type, here ${typeName(checked[0]!)}`,
      values[odd],
    )
  return checked.some(isFloat) ? checked.map((value, index) => asFloat(value, `${place}[${index}]`)) : checked
}

/** Integers and floats are one type here. */
function typeName(value: MetadataScalar): string {
  return typeof value === 'bigint' || isWholeFloat(value) ? 'number' : typeof value
}

function isFloat(value: MetadataScalar): boolean {
  return isWholeFloat(value) || (typeof value === 'number' && !Number.isInteger(value))
}

/** An array of numbers is of integers or of floats altogether. */
function asFloat(value: MetadataScalar, place: string): MetadataScalar {
  if (isFloat(value)) return value
  const float = Number(value)
  if (BigInt(float) === BigInt(value)) return wholeFloat(float)
  throw invalid(place, 'beside floats, must be an integer that a float can hold', value)
}

/** As the types have it: to them it is a number. */
function wholeFloat(value: number): MetadataScalar {
  return new WholeFloat(value) as unknown as number
}

function checkScalar(value: unknown, place: string): MetadataScalar {
  if (typeof value === 'string') return checkText(value, place, limits.metadataLengthMax)
  if (typeof value === 'boolean') return value
  if (typeof value === 'bigint') return checkInt64(value, place)
  if (isWholeFloat(value) && Number.isInteger(value.value)) return wholeFloat(value.value)
  if (typeof value !== 'number')
    throw invalid(
      place,
      'must be a string, number, boolean or an array of one of these',
      value,
      nestedHint(value),
    )
  if (!Number.isFinite(value)) throw invalid(place, 'must be a finite number', value)
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    throw invalid(
      place,
      'a whole number must lie between -(2^53 - 1) and 2^53 - 1',
      value,
      'Beyond, a number does not say which integer is meant: give a bigint.',
    )
  return value
}

function checkInt64(value: bigint, place: string): number | bigint {
  if (value < int64Min || value > int64Max) throw invalid(place, 'must be an integer of 64 bits', value)
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}

function nestedHint(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null
    ? 'Metadata is flat: flatten it, or store it as a JSON string.'
    : undefined
}

function tooLarge(place: string, what: string, max: number): AnnalsError {
  return new AnnalsError('limit_exceeded', `${place}: ${what}; at most ${max} are allowed.`, {
    fate: 'not_written',
  })
}
