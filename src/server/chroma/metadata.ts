import { show } from '../../errors.ts'
import { isWholeFloat } from '../../metadata-form.ts'
import type { Metadata, MetadataUpdate } from '../../types.ts'
import { notImplemented, wrongShape } from '../http/http-error.ts'
import { object, type Shape } from '../http/shape.ts'

/** Metadata of a collection or of a record that is added: no `null` in it. */
export const metadata: Shape<Metadata> = (value, place) => checked(value, place, false) as Metadata

/** Metadata of an update or upsert: `null` removes a key. */
export const metadataUpdate: Shape<MetadataUpdate> = (value, place) => checked(value, place, true)

/** The shape alone: which keys and sizes are allowed is the store's to say. */
function checked(value: unknown, place: string, allowNull: boolean): MetadataUpdate {
  const given = object(value, place)
  for (const [key, entry] of Object.entries(given)) {
    if (isScalar(entry) || (entry === null && allowNull)) continue
    if (Array.isArray(entry)) checkElements(entry, `${place}.${key}`)
    else refuse(entry, `${place}.${key}`)
  }
  return given as MetadataUpdate
}

function isScalar(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeName(value))
}

/** Integers and floats are one type here, however exact. */
function typeName(value: unknown): string {
  return typeof value === 'bigint' || isWholeFloat(value) ? 'number' : typeof value
}

function checkElements(values: unknown[], place: string): void {
  const odd = values.findIndex((value) => !isScalar(value) || typeName(value) !== typeName(values[0]))
  if (odd === -1) return
  throw wrongShape(
    `${place}[${odd}]: an array holds strings, numbers or booleans, all alike: ${show(values[odd])}`,
  )
}

function refuse(value: unknown, place: string): never {
  if (isSparseVector(value)) throw notImplemented(`${place}: sparse vectors are not supported`)
  throw wrongShape(
    `${place}: expected a string, number, boolean or an array of one of these, got ${show(value)}`,
  )
}

function isSparseVector(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'indices' in value && 'values' in value
}
