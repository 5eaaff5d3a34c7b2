import { isPlainObject } from '../validation/values.ts'

/**
 * A copy of plain data that shares no object and no array with it: what a caller does to its own afterwards changes
 * nothing here.
 */
export function plainCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainCopy)
  if (!isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, plainCopy(entry)]))
}
