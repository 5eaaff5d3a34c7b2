/**
 * Readers of JSON as Chroma's wire types it: a value of the wrong shape is a 422 that names its place. What a
 * value says is checked elsewhere, and is a 400.
 */

import { show } from '../../errors.ts'
import { plainNumbers } from '../../exact-number.ts'
import { limits } from '../../limits.ts'
import { wrongShape, wrongValue } from './http-error.ts'

/** Reads one value at a place. */
export type Shape<T> = (value: unknown, place: string) => T

const uint32Max = 0xffff_ffff

function expected(what: string, value: unknown, place: string): Error {
  return wrongShape(`${place}: invalid type: expected ${what}, got ${show(value)}`)
}

/** An object, as JSON made it. */
export function object(value: unknown, place: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw expected('an object', value, place)
}

/** An object of options or settings, which do not tell `2.0` from `2` and hold no integer beyond 2^53 - 1. */
export function settings(value: unknown, place: string): Record<string, unknown> {
  const given = object(value, place)
  refuseBigints(given, place)
  return plainNumbers(given) as Record<string, unknown>
}

function refuseBigints(value: unknown, place: string): void {
  if (typeof value === 'bigint') throw wrongValue(`${place}: ${value} is too large`)
  if (typeof value !== 'object' || value === null) return
  for (const [key, entry] of Object.entries(value)) refuseBigints(entry, `${place}.${key}`)
}

/** Any JSON number, as a plain one. */
export function number(value: unknown, place: string): number {
  const plain = typeof value === 'bigint' ? Number(value) : plainNumbers(value)
  if (typeof plain === 'number') return plain
  throw expected('a number', value, place)
}

/** A string. */
export function text(value: unknown, place: string): string {
  if (typeof value === 'string') return value
  throw expected('a string', value, place)
}

/** `true` or `false`. */
export function flag(value: unknown, place: string): boolean {
  if (typeof value === 'boolean') return value
  throw expected('a boolean', value, place)
}

/** An unsigned 32-bit integer. */
export function uint32(value: unknown, place: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= uint32Max) return value
  throw expected('an unsigned 32-bit integer', value, place)
}

/** An unsigned 64-bit integer, as far as a number is exact. */
export function uint64(value: unknown, place: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw expected('an unsigned integer', value, place)
}

/** An array of anything. */
export function anyArray(value: unknown, place: string): unknown[] {
  if (Array.isArray(value)) return value
  throw expected('an array', value, place)
}

/** An array whose elements have a shape. */
export function list<T>(shape: Shape<T>): Shape<T[]> {
  return (value, place) => anyArray(value, place).map((entry, index) => shape(entry, `${place}[${index}]`))
}

/** `null` and what is absent are `null`. */
export function optional<T>(shape: Shape<T>): Shape<T | null> {
  return (value, place) => (value === undefined || value === null ? null : shape(value, place))
}

/** The name of a tenant, database or collection: one that is too long is as wrong as any other. */
export function name(value: unknown, place: string): string {
  const given = text(value, place)
  if (given.length <= limits.nameLengthMax) return given
  throw wrongValue(`${place}: has ${given.length} characters; at most ${limits.nameLengthMax} are allowed`)
}

/** One of some words. */
export function oneOf<T extends string>(words: readonly T[]): Shape<T> {
  return (value, place) => {
    const found = words.find((word) => word === value)
    if (found !== undefined) return found
    throw wrongShape(`${place}: unknown variant ${show(value)}, expected one of ${words.join(', ')}`)
  }
}

/** Refuses keys that are not listed, where Chroma does. */
export function onlyKeys(given: Record<string, unknown>, known: readonly string[], place: string): void {
  const unknown = Object.keys(given).find((key) => !known.includes(key))
  if (unknown === undefined) return
  throw wrongShape(`${place}: unknown field ${show(unknown)}, expected one of ${known.join(', ')}`)
}
