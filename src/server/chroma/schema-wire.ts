/**
 * Chroma's collection schema. Every metadata key, the document and the embedding are indexed here, always: a
 * schema that says so is accepted and its vector index counts; one that wants anything else is refused.
 */
import { show } from '../../errors.ts'
import type { HnswConfiguration } from '../../types.ts'
import { notImplemented, wrongShape, wrongValue } from '../http/http-error.ts'
import { flag, object, onlyKeys, optional, type Shape, text } from '../http/shape.ts'
import {
  checkSpace,
  embeddingFunctionShape,
  schemaHnswShape,
  type WireConfiguration,
} from './configuration-wire.ts'

type Json = Record<string, unknown>

const documentKey = '#document'
const embeddingKey = '#embedding'
/** `defaults` stands under no key. */
const everyKey = null

/** Which indexes each type of value can have. */
const indexesOf: Readonly<Record<string, readonly string[]>> = {
  string: ['fts_index', 'string_inverted_index'],
  float_list: ['vector_index'],
  sparse_vector: ['sparse_vector_index'],
  int: ['int_inverted_index'],
  float: ['float_inverted_index'],
  bool: ['bool_inverted_index'],
}

/** What a schema says of the vector index; everything else in it must be as it is here anyway. */
export const schemaPayload: Shape<WireConfiguration> = (value, place) => {
  const given = object(value, place)
  for (const required of ['defaults', 'keys'])
    if (given[required] === undefined) throw wrongShape(`${place}: missing field ${required}`)
  if (given.cmek != null)
    throw notImplemented(`${place}.cmek: encryption with customers' keys is not supported`)
  const defaults = vectorIndex(given.defaults, everyKey, `${place}.defaults`)
  const keys = object(given.keys, `${place}.keys`)
  let own: WireConfiguration | undefined
  for (const [key, types] of Object.entries(keys)) {
    if (key.startsWith('#') && key !== documentKey && key !== embeddingKey)
      throw wrongValue(`${place}.keys: a key cannot begin with #: ${show(key)}`)
    const index = vectorIndex(types, key, `${place}.keys[${show(key)}]`)
    if (key === embeddingKey) own = index
  }
  return {
    hnsw: own?.hnsw ?? defaults?.hnsw,
    embeddingFunction: own?.embeddingFunction ?? defaults?.embeddingFunction,
  }
}

/** Checks the indexes of one key, and answers what is said of a vector index. */
function vectorIndex(value: unknown, key: string | null, place: string): WireConfiguration | undefined {
  const types = object(value, place)
  let found: WireConfiguration | undefined
  for (const [type, indexes] of Object.entries(indexesOf)) {
    const given = optional(object)(types[type], `${place}.${type}`)
    for (const name of given === null ? [] : indexes) {
      const at = `${place}.${type}.${name}`
      const index = optional(object)(given?.[name], at)
      if (index === null) continue
      const enabled = flag(index.enabled, `${at}.enabled`)
      const config = object(index.config, `${at}.config`)
      checkIndex(name, key, enabled, at)
      if (name === 'vector_index') found = vectorConfig(config, `${at}.config`)
    }
  }
  return found
}

/** The one key on which an index stands, of those that do not stand on every key. */
const homes: Readonly<Record<string, string>> = { vector_index: embeddingKey, fts_index: documentKey }

function checkIndex(name: string, key: string | null, enabled: boolean, place: string): void {
  if (name === 'sparse_vector_index') {
    if (enabled && key === everyKey) throw wrongValue(`${place}: can only be enabled on a key`)
    if (enabled) throw notImplemented(`${place}: sparse vectors are not supported`)
    return
  }
  const home = homes[name]
  const belongs = home === undefined ? key !== documentKey : key === home
  if (belongs === enabled) return
  const where = home === undefined ? 'on metadata' : `on ${home}`
  throw enabled
    ? wrongValue(`${place}: can only be enabled ${where}`)
    : notImplemented(`${place}: cannot be switched off here`)
}

function vectorConfig(config: Json, place: string): WireConfiguration {
  onlyKeys(config, ['space', 'embedding_function', 'source_key', 'hnsw', 'spann'], place)
  const source = optional(text)(config.source_key, `${place}.source_key`)
  if (source !== null && source !== documentKey)
    throw wrongValue(`${place}.source_key: a vector index can only source from ${documentKey}`)
  checkSpace(config.space, place)
  const hnsw = optional(schemaHnswShape)(config.hnsw, `${place}.hnsw`)
  if (hnsw !== null && config.spann != null)
    throw wrongValue(`${place}: both spann and hnsw configurations cannot be present at the same time`)
  if (config.spann != null) object(config.spann, `${place}.spann`)
  const given = { ...hnsw, ...(config.space != null && { space: config.space }) }
  const embeddingFunction = optional(embeddingFunctionShape)(
    config.embedding_function,
    `${place}.embedding_function`,
  )
  return {
    hnsw: Object.keys(given).length === 0 ? undefined : given,
    embeddingFunction: embeddingFunction ?? undefined,
  }
}

/** The schema of a collection, as Chroma answers it: what holds for every collection here, and its vector index. */
export function schemaJson({ space, ...hnsw }: HnswConfiguration, embeddingFunction: Json | null): Json {
  const vector = (enabled: boolean, more: Json) => ({
    float_list: { vector_index: { enabled, config: { space, ...more, hnsw } } },
  })
  const known = embeddingFunction === null ? {} : { embedding_function: embeddingFunction }
  return {
    defaults: {
      string: strings({ fullText: false, inverted: true }),
      ...vector(false, known),
      sparse_vector: { sparse_vector_index: { enabled: false, config: {} } },
      int: { int_inverted_index: { enabled: true, config: {} } },
      float: { float_inverted_index: { enabled: true, config: {} } },
      bool: { bool_inverted_index: { enabled: true, config: {} } },
    },
    keys: {
      [documentKey]: { string: strings({ fullText: true, inverted: false }) },
      [embeddingKey]: vector(true, { ...known, source_key: documentKey }),
    },
  }
}

function strings({ fullText, inverted }: { fullText: boolean; inverted: boolean }): Json {
  return {
    fts_index: { enabled: fullText, config: {} },
    string_inverted_index: { enabled: inverted, config: {} },
  }
}
