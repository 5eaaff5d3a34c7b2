/** The two forms in which metadata is answered: with plain numbers to callers in process, or with exact ones. */
import { WholeFloat } from './exact-number.ts'
import type { Metadata, MetadataScalar, MetadataValue } from './types.ts'

/** Puts metadata that the store holds into the form of an answer. */
export type MetadataForm = (metadata: Metadata | null) => Metadata | null

/** With whole floats as they are, for what writes them down again: `2.0` must not come back as `2`. */
export const exactMetadata: MetadataForm = (metadata) => metadata

/** With plain numbers: a whole float as the number that it is equal to. Shares what need not change. */
export const plainMetadata: MetadataForm = (metadata) => {
  if (metadata === null || !hasWholeFloat(metadata)) return metadata
  return Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, plainValue(value)]))
}

/** Whether a value of metadata is a whole float, which its type does not say. */
export function isWholeFloat(value: unknown): value is WholeFloat {
  return value instanceof WholeFloat
}

function hasWholeFloat(metadata: Metadata): boolean {
  for (const key in metadata) {
    const value: unknown = metadata[key]
    if (typeof value === 'object' && (Array.isArray(value) ? value.some(isWholeFloat) : isWholeFloat(value)))
      return true
  }
  return false
}

function plainValue(value: MetadataValue): MetadataValue {
  return Array.isArray(value) ? value.map(plainScalar) : plainScalar(value)
}

function plainScalar(value: MetadataScalar): MetadataScalar {
  return isWholeFloat(value) ? value.value : value
}
