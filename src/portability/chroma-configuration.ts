/**
 * What Chroma writes down about a collection, in the terms of this store. Three generations of it exist: legacy
 * metadata (`hnsw:space`), the column `config_json_str`, and the column `schema_str`.
 */
import { AnnalsError, show } from '../errors.ts'
import type { HnswConfiguration, Metadata } from '../types.ts'
import { checkConfiguration, legacyHnsw } from '../validation/configuration.ts'
import { checkMetadata } from '../validation/metadata.ts'
import { reasonOf } from './exchange-record.ts'
import type { ImportedFunction } from './exchange-types.ts'

type Json = Record<string, unknown>

/** What is not taken over: it describes the machine that the collection was created on. */
const machineKeys: ReadonlySet<string> = new Set(['num_threads', '_type'])

/** Keys of Chroma's first configurations. */
const oldNames: Readonly<Record<string, string>> = { M: 'max_neighbors' }

/** What a collection is created with, and what of Chroma's could not be taken over. */
export interface ImportedConfiguration {
  metadata: Metadata | null
  hnsw: Partial<HnswConfiguration>
  embeddingFunction: ImportedFunction | null
  notes: string[]
}

/**
 * Reads a collection's configuration, as Chroma would understand it: a vector index that is written down counts,
 * and legacy metadata only where none is. What this store does not take is left out and noted.
 *
 * @param configuration `config_json_str`, parsed, or `configuration_json` of a server
 * @param schema `schema_str`, parsed; `null` where there is none
 */
export function importConfiguration(
  configuration: unknown,
  schema: unknown,
  metadata: Readonly<Record<string, unknown>>,
): ImportedConfiguration {
  const notes: string[] = []
  const config = objectOf(configuration)
  const index = vectorIndex(config, objectOf(schema), metadata)
  if (index.spann) notes.push('Its SPANN index becomes an HNSW index; only the space is taken over.')
  return {
    metadata: importMetadata(metadata, notes),
    hnsw: importHnsw(index.hnsw, notes),
    embeddingFunction: importFunction(index.embeddingFunction ?? config.embedding_function, notes),
    notes,
  }
}

interface VectorIndex {
  hnsw: Json
  spann: boolean
  embeddingFunction?: unknown
}

function vectorIndex(config: Json, schema: Json, metadata: Readonly<Record<string, unknown>>): VectorIndex {
  const kinds = { ...config, ...objectOf(config.vector_index) }
  if (isObject(kinds.hnsw)) return { hnsw: kinds.hnsw, spann: false }
  if (isObject(kinds.spann)) return { hnsw: spaceOf(kinds.spann), spann: true }
  const written = schemaIndex(schema)
  if (written !== null) return written
  // The first kind of configuration was never read by the index: its metadata was.
  return { hnsw: { ...objectOf(config.hnsw_configuration), ...legacyHnsw(metadata) }, spann: false }
}

/** The vector index on `#embedding` in a schema. */
function schemaIndex(schema: Json): VectorIndex | null {
  const key = objectOf(objectOf(schema.keys)['#embedding'])
  const index = objectOf(objectOf(objectOf(key.float_list).vector_index).config)
  if (Object.keys(index).length === 0) return null
  const { embedding_function: embeddingFunction } = index
  if (isObject(index.spann) && !isObject(index.hnsw))
    return { hnsw: spaceOf(index), spann: true, embeddingFunction }
  return { hnsw: { ...spaceOf(index), ...objectOf(index.hnsw) }, spann: false, embeddingFunction }
}

function spaceOf({ space }: Json): Json {
  return space == null ? {} : { space }
}

/** One option after the other, so that one that is refused does not take the others along. */
function importHnsw(given: Json, notes: string[]): Partial<HnswConfiguration> {
  const taken: Json = {}
  for (const [oldName, value] of Object.entries(given)) {
    const name = oldNames[oldName] ?? oldName
    if (value == null || machineKeys.has(name)) continue
    try {
      checkConfiguration({ hnsw: { [name]: value } }, null, undefined, null)
      taken[name] = value
    } catch (error) {
      notes.push(`Left out of the configuration: ${reasonOf(error)}`)
    }
  }
  return taken as Partial<HnswConfiguration>
}

/** Metadata of a collection, without the keys that are refused here; `null` when none is left. */
function importMetadata(given: Readonly<Record<string, unknown>>, notes: string[]): Metadata | null {
  const taken: [string, Metadata[string]][] = []
  for (const [key, value] of Object.entries(given)) {
    try {
      const checked = checkMetadata({ [key]: value }, 'metadata', { allowNull: false }) as Metadata
      taken.push(...Object.entries(checked))
    } catch (error) {
      notes.push(`Left out of the collection's metadata: ${reasonOf(error)}`)
    }
  }
  return taken.length === 0 ? null : Object.fromEntries(taken)
}

/**
 * Stands for the function that a collection was created with, so that the collection here writes down the same.
 * It makes no vectors: whoever opens the collection hands in the real one.
 */
function importFunction(given: unknown, notes: string[]): ImportedFunction | null {
  const { type, name, config } = objectOf(given)
  if (type === 'known' && typeof name === 'string' && name !== '')
    return {
      name,
      getConfig: () => objectOf(config),
      generate: async () => {
        throw new AnnalsError(
          'embedding_function_missing',
          `The embedding function ${show(name)} is known by name only.`,
          { hint: 'Hand it in: getCollection({ name, embeddingFunction }).' },
        )
      },
    }
  if (type === 'legacy') notes.push('Chroma does not say which embedding function it was created with.')
  return null
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectOf(value: unknown): Json {
  return isObject(value) ? value : {}
}
