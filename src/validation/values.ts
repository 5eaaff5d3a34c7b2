/**
 * Checks for single values from callers who may not use TypeScript. Each answers the value in the form the
 * store works with, or throws an error that names the place, the value and the rule.
 */
import { AnnalsError, show } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Vector } from '../types.ts'

/** An `invalid_argument` for a value at a place: `ids[2]: must be a string, got 7`. */
export function invalid(place: string, rule: string, value: unknown, hint?: string): AnnalsError {
  return new AnnalsError('invalid_argument', `${place}: ${rule}, got ${show(value)}.`, {
    fate: 'not_written',
    ...(hint !== undefined && { hint }),
  })
}

/** A plain object; anything else, arrays and class instances included, is refused. */
export function checkObject(value: unknown, place: string): Record<string, unknown> {
  if (isPlainObject(value)) return value
  throw invalid(place, 'must be a plain object', value)
}

/** Whether it was written as `{ … }` (or parsed, or made without a prototype): no Map, Promise or Date. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // Another realm's Object.prototype is not ours, but it too has nothing above it.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** Refuses keys that are not listed: an option that would be ignored is an error. */
export function checkKeys(value: object, known: readonly string[], place: string): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key))
  if (unknown === undefined) return
  throw new AnnalsError('unsupported_option', `${place}: the option ${show(unknown)} is not known.`, {
    fate: 'not_written',
    hint: `Known are: ${known.join(', ')}.`,
  })
}

/** Text that can be stored and read back exactly. */
export function checkText(value: unknown, place: string, lengthMax: number): string {
  if (typeof value !== 'string') throw invalid(place, 'must be a string', value)
  if (value.length > lengthMax)
    throw new AnnalsError(
      'limit_exceeded',
      `${place}: ${value.length} characters; at most ${lengthMax} are allowed.`,
      {
        fate: 'not_written',
      },
    )
  if (!value.isWellFormed())
    throw invalid(place, 'must be well-formed Unicode, without lone surrogates', value)
  return value
}

/** A copy without holes, which `map` and its kin would pass over: what was left out is `undefined`. */
export function checkArray(value: unknown, place: string): unknown[] {
  if (Array.isArray(value)) return Array.from(value)
  throw invalid(place, 'must be an array', value)
}

/** A whole number of at least `min` and at most `max`. */
export function checkInteger(
  value: unknown,
  place: string,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  throw invalid(place, `must be a whole number ${range}`, value)
}

/** The id of a record. */
export function checkId(value: unknown, place: string): string {
  const id = checkText(value, place, limits.idLengthMax)
  if (id === '') throw invalid(place, 'an id must not be empty', value)
  if (id.includes('\0')) throw invalid(place, 'an id must not contain NUL', value)
  return id
}

/** Ids, each at most once. */
export function checkIds(value: unknown, place = 'ids'): string[] {
  const ids = checkArray(value, place).map((id, index) => checkId(id, `${place}[${index}]`))
  const seen = new Map<string, number>()
  ids.forEach((id, index) => {
    const first = seen.get(id)
    if (first !== undefined)
      throw new AnnalsError(
        'invalid_argument',
        `${place}: the id ${show(id)} stands at ${first} and again at ${index}; an id may appear once in a call.`,
        { fate: 'not_written' },
      )
    seen.set(id, index)
  })
  return ids
}

/** One vector as float32, exactly as given; refuses what float32 cannot hold. */
export function checkVector(value: unknown, place: string): Float32Array {
  const given = value instanceof Float32Array || Array.isArray(value) ? (value as Vector) : null
  if (given === null) throw invalid(place, 'must be an array of numbers or a Float32Array', value)
  if (given.length === 0) throw invalid(place, 'must not be empty', value)
  if (given.length > limits.dimensionMax)
    throw new AnnalsError(
      'limit_exceeded',
      `${place}: ${given.length} dimensions; at most ${limits.dimensionMax}.`,
      {
        fate: 'not_written',
      },
    )
  // A bigint would make the conversion throw, a string would pass it.
  const mistyped = Array.isArray(given) ? firstOther(given) : -1
  // A copy: the caller may go on writing to what was given.
  const vector = mistyped === -1 ? new Float32Array(given) : null
  const odd = vector === null ? mistyped : vector.findIndex((component) => !Number.isFinite(component))
  if (vector !== null && odd === -1) return vector
  throw invalid(`${place}[${odd}]`, 'must be a finite number that float32 can hold', given[odd])
}

/** Where the first element stands that is no number, holes included; -1 where there is none. */
function firstOther(given: readonly unknown[]): number {
  for (let index = 0; index < given.length; index++) if (typeof given[index] !== 'number') return index
  return -1
}

/** Chroma's rule for the names of tenants, databases and collections. */
export function checkName(value: unknown, place: string): string {
  const name = checkText(value, place, limits.nameLengthMax)
  const fits = /^[a-zA-Z0-9][a-zA-Z0-9._-]*[a-zA-Z0-9]$/.test(name) && name.length >= limits.nameLengthMin
  if (fits && !name.includes('..') && !/^\d{1,3}(\.\d{1,3}){3}$/.test(name)) return name
  throw invalid(
    place,
    `must have ${limits.nameLengthMin} to ${limits.nameLengthMax} characters from [a-zA-Z0-9._-], begin and end with a letter or digit, hold no ".." and be no IPv4 address`,
    value,
  )
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** A UUID, answered in lower case. */
export function checkUuid(value: unknown, place: string): string {
  const id = checkText(value, place, 36).toLowerCase()
  if (uuidPattern.test(id)) return id
  throw invalid(place, 'must be a UUID', value)
}
