/** Configurations on the wire: shapes by Chroma's types, without judging the values. */
import { AnnalsError, show } from '../../errors.ts'
import type { EmbeddingFunctionConfiguration } from '../../types.ts'
import { wrongShape, wrongValue } from '../http/http-error.ts'
import { number, object, onlyKeys, optional, type Shape, settings, text, uint32 } from '../http/shape.ts'

type Json = Record<string, unknown>

/** What a configuration says of a collection. */
export interface WireConfiguration {
  hnsw: Json | undefined
  embeddingFunction: EmbeddingFunctionConfiguration | undefined
}

export const configurationShape: Shape<WireConfiguration> = (value, place) => {
  const given = object(value, place)
  const hnsw = optional(hnswShape(hnswFields))(given.hnsw, `${place}.hnsw`)
  const spann = optional(spannShape)(given.spann, `${place}.spann`)
  if (hnsw !== null && spann !== null) throw wrongValue('Multiple vector index configurations provided')
  const embeddingFunction = optional(embeddingFunctionShape)(
    given.embedding_function,
    `${place}.embedding_function`,
  )
  return { hnsw: hnsw ?? spann ?? undefined, embeddingFunction: embeddingFunction ?? undefined }
}

/** What may be changed. */
export const updateShape: Shape<WireConfiguration> = (value, place) => {
  const given = object(value, place)
  const hnsw = optional(hnswShape(updateFields))(given.hnsw, `${place}.hnsw`)
  const embeddingFunction = optional(embeddingFunctionShape)(
    given.embedding_function,
    `${place}.embedding_function`,
  )
  if (optional(object)(given.spann, `${place}.spann`) !== null)
    throw new AnnalsError('unsupported_option', `${place}.spann: this collection has an HNSW index.`, {
      fate: 'not_written',
    })
  return { hnsw: hnsw ?? undefined, embeddingFunction: embeddingFunction ?? undefined }
}

const hnswFields = {
  space: text,
  ef_construction: uint32,
  ef_search: uint32,
  max_neighbors: uint32,
  num_threads: uint32,
  resize_factor: number,
  sync_threshold: uint32,
  batch_size: uint32,
} as const

const { space: _space, ef_construction: _ef, ...updateFields } = hnswFields

/** HNSW options by Chroma's names: others are refused, `null` is as absent. */
function hnswShape(fields: Readonly<Record<string, Shape<unknown>>>): Shape<Json> {
  return (value, place) => {
    const given = object(value, place)
    onlyKeys(given, Object.keys(fields), place)
    for (const [key, entry] of Object.entries(given)) optional(fields[key]!)(entry, `${place}.${key}`)
    checkSpace(given.space, place)
    return settings(given, place)
  }
}

/** The vector index of a schema has no space of its own: it stands beside. */
export const schemaHnswShape: Shape<Json> = hnswShape(
  Object.fromEntries(Object.entries(hnswFields).filter(([key]) => key !== 'space')),
)

const spannFields = [
  'space',
  'search_nprobe',
  'write_nprobe',
  'ef_construction',
  'ef_search',
  'max_neighbors',
  'reassign_neighbor_count',
  'split_threshold',
  'merge_threshold',
]

/** A SPANN configuration becomes an HNSW one with its space, as on Chroma's local server. */
const spannShape: Shape<Json> = (value, place) => {
  const given = object(value, place)
  onlyKeys(given, spannFields, place)
  for (const key of spannFields.slice(1)) optional(uint32)(given[key], `${place}.${key}`)
  checkSpace(given.space, place)
  return given.space == null ? {} : { space: given.space }
}

/** The space may be missing. */
export function checkSpace(space: unknown, place: string): void {
  if (space == null || ['l2', 'cosine', 'ip'].includes(space as string)) return
  throw wrongShape(`${place}.space: unknown variant ${show(space)}, expected one of l2, cosine, ip`)
}

export const embeddingFunctionShape: Shape<EmbeddingFunctionConfiguration> = (value, place) => {
  const given = object(value, place)
  switch (given.type) {
    case 'legacy':
    case 'unknown':
      return { type: given.type, name: typeof given.name === 'string' ? given.name : '', config: {} }
    case 'known':
      if (given.config === undefined) throw wrongShape(`${place}: missing field config`)
      return {
        type: 'known',
        name: text(given.name, `${place}.name`),
        config: settings(given.config, `${place}.config`),
      }
    default:
      throw wrongShape(
        `${place}.type: unknown variant ${show(given.type)}, expected known, legacy or unknown`,
      )
  }
}
