/** Collections on the wire: the bodies that create and change them, and how they are answered. */
import type { CollectionChanges, CollectionDetails, NewCollection } from '../../client/store-access.ts'
import type { EmbeddingFunctionConfiguration, HnswConfiguration } from '../../types.ts'
import { wrongValue } from '../http/http-error.ts'
import { flag, name, object, optional } from '../http/shape.ts'
import { configurationShape, updateShape } from './configuration-wire.ts'
import { metadata } from './metadata.ts'
import { schemaJson, schemaPayload } from './schema-wire.ts'

type Json = Record<string, unknown>

/** What a collection is created from; configuration and schema are two ways to say it. */
export function createPayload(body: unknown): NewCollection {
  const given = object(body, 'body')
  const configuration = optional(configurationShape)(given.configuration, 'configuration')
  const schema = optional(schemaPayload)(given.schema, 'schema')
  if (schema !== null && configuration?.hnsw !== undefined)
    throw wrongValue('Both configuration and schema name a vector index: give one of them')
  const hnsw = configuration?.hnsw ?? schema?.hnsw
  return {
    name: name(given.name, 'name'),
    metadata: optional(metadata)(given.metadata, 'metadata'),
    configuration: hnsw === undefined ? undefined : { hnsw },
    embeddingFunction: configuration?.embeddingFunction ?? schema?.embeddingFunction ?? null,
    getOrCreate: optional(flag)(given.get_or_create, 'get_or_create') ?? false,
  }
}

/** What of a collection changes. */
export function changesPayload(body: unknown): CollectionChanges {
  const given = object(body, 'body')
  const configuration = optional(updateShape)(given.new_configuration, 'new_configuration')
  return {
    name: optional(name)(given.new_name, 'new_name') ?? undefined,
    metadata: optional(metadata)(given.new_metadata, 'new_metadata'),
    hnsw: configuration?.hnsw,
    embeddingFunction: configuration?.embeddingFunction,
  }
}

/** A collection as Chroma answers it. */
export function collectionJson(details: CollectionDetails): Json {
  const { configuration, ...own } = details
  const { hnsw } = configuration
  const embeddingFunction = embeddingFunctionJson(configuration.embedding_function)
  return {
    id: own.id,
    name: own.name,
    configuration_json: { hnsw: hnswJson(hnsw), spann: null, embedding_function: embeddingFunction },
    metadata: own.metadata,
    schema: schemaJson(hnsw, embeddingFunction),
    dimension: own.dimension,
    tenant: own.tenant,
    database: own.database,
    log_position: own.lastPosition,
    version: 0,
  }
}

/** Chroma keeps to itself what describes the machine; it stands in the schema. */
function hnswJson({ num_threads: _, batch_size: __, ...shown }: HnswConfiguration): Json {
  return shown
}

function embeddingFunctionJson(given: EmbeddingFunctionConfiguration | null): Json | null {
  if (given === null) return null
  const { type, name, config } = given
  if (type === 'known') return { type, name, config }
  return name === '' ? { type } : { type, name }
}
