import { show } from '../../errors.ts'
import { decodeVector } from '../../wire/vector.ts'
import { wrongShape, wrongValue } from '../http/http-error.ts'
import { anyArray } from '../http/shape.ts'

/** Rows of an add or upsert: each an array of numbers, or each base64 of little-endian float32. */
export function embeddingRows(value: unknown, place: string): Float32Array[] {
  const rows = anyArray(value, place)
  const read = typeof rows[0] === 'string' ? decoded : numbers
  return rows.map((row, index) => read(row, `${place}[${index}]`))
}

/** Rows of an update: the same, and `null` where the vector stays. */
export function optionalEmbeddingRows(value: unknown, place: string): (Float32Array | null)[] {
  const rows = anyArray(value, place)
  const read = typeof rows.find((row) => row !== null) === 'string' ? decoded : numbers
  return rows.map((row, index) => (row === null ? null : read(row, `${place}[${index}]`)))
}

/** Vectors of a query: numbers only. */
export function queryRows(value: unknown, place: string): Float32Array[] {
  return anyArray(value, place).map((row, index) => numbers(row, `${place}[${index}]`))
}

function numbers(value: unknown, place: string): Float32Array {
  if (!Array.isArray(value)) throw wrongShape(`${place}: expected an array of numbers, got ${show(value)}`)
  const vector = new Float32Array(value.length)
  for (let index = 0; index < vector.length; index++) {
    const component: unknown = value[index]
    if (typeof component !== 'number')
      throw wrongShape(`${place}[${index}]: expected a number, got ${show(component)}`)
    vector[index] = component
  }
  return vector
}

function decoded(value: unknown, place: string): Float32Array {
  if (typeof value !== 'string') throw wrongShape(`${place}: expected base64, got ${show(value)}`)
  const vector = decodeVector(value)
  if (vector === null) throw wrongValue(`${place}: is not base64 of whole float32 values: ${show(value)}`)
  return vector
}
