/** JSON schemas of Chroma's collections, their configuration and schema, under Chroma's names. */
import type { JsonSchema } from '../http/route.ts'
import {
  anything,
  array,
  boolean,
  closed,
  count,
  enumeration,
  integer,
  map,
  nullable,
  number,
  object,
  ref,
  string,
  uuid,
} from './schema-words.ts'

const maybeCount = nullable(count)
const changeableHnsw = {
  'ef_search?': maybeCount,
  'max_neighbors?': maybeCount,
  'num_threads?': maybeCount,
  'batch_size?': maybeCount,
  'sync_threshold?': maybeCount,
  'resize_factor?': nullable(number),
}
const hnsw = { 'ef_construction?': maybeCount, ...changeableHnsw }

/** A type of values and its indexes, each `{ enabled, config }`. */
function valueType(indexes: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const entries = Object.entries(indexes).map(([name, config]) => [
    `${name}?`,
    nullable(object({ enabled: boolean, config })),
  ])
  return object(Object.fromEntries(entries) as Record<string, JsonSchema>)
}

export const chromaCollectionSchemas: Readonly<Record<string, JsonSchema>> = {
  Space: enumeration('l2', 'cosine', 'ip'),
  EmbeddingFunctionConfiguration: {
    oneOf: [
      object({ type: enumeration('legacy', 'unknown') }),
      object({ type: enumeration('known'), name: string, config: anything }),
    ],
  },
  HnswConfiguration: closed({ 'space?': nullable(ref('Space')), ...hnsw }),
  HnswIndexConfig: closed(hnsw),
  UpdateHnswConfiguration: closed(changeableHnsw),
  SpannConfiguration: {
    ...closed({
      'space?': nullable(ref('Space')),
      'search_nprobe?': maybeCount,
      'write_nprobe?': maybeCount,
      'ef_construction?': maybeCount,
      'ef_search?': maybeCount,
      'max_neighbors?': maybeCount,
      'reassign_neighbor_count?': maybeCount,
      'split_threshold?': maybeCount,
      'merge_threshold?': maybeCount,
    }),
    description: 'Becomes an HNSW index with the same space.',
  },
  CollectionConfiguration: object({
    'hnsw?': nullable(ref('HnswConfiguration')),
    'spann?': nullable(ref('SpannConfiguration')),
    'embedding_function?': nullable(ref('EmbeddingFunctionConfiguration')),
  }),
  UpdateCollectionConfiguration: object({
    'hnsw?': nullable(ref('UpdateHnswConfiguration')),
    'spann?': nullable(map(anything)),
    'embedding_function?': nullable(ref('EmbeddingFunctionConfiguration')),
  }),
  VectorIndexConfig: closed({
    'space?': nullable(ref('Space')),
    'embedding_function?': nullable(ref('EmbeddingFunctionConfiguration')),
    'source_key?': nullable(string),
    'hnsw?': nullable(ref('HnswIndexConfig')),
    'spann?': nullable(map(anything)),
  }),
  ValueTypes: object({
    'string?': nullable(valueType({ fts_index: closed({}), string_inverted_index: closed({}) })),
    'float_list?': nullable(valueType({ vector_index: ref('VectorIndexConfig') })),
    'sparse_vector?': nullable(valueType({ sparse_vector_index: map(anything) })),
    'int?': nullable(valueType({ int_inverted_index: closed({}) })),
    'float?': nullable(valueType({ float_inverted_index: closed({}) })),
    'bool?': nullable(valueType({ bool_inverted_index: closed({}) })),
  }),
  Schema: object({
    defaults: ref('ValueTypes'),
    keys: map(ref('ValueTypes')),
    'cmek?': nullable(map(anything)),
    'source_attached_function_id?': nullable(string),
  }),
  Collection: object({
    id: uuid,
    name: string,
    configuration_json: ref('CollectionConfiguration'),
    'metadata?': nullable(ref('HashMap')),
    'schema?': nullable(ref('Schema')),
    'dimension?': nullable(integer),
    tenant: string,
    database: string,
    log_position: { type: 'integer', description: 'Position of its newest operation record.' },
    version: integer,
  }),
  CreateCollectionPayload: object({
    name: string,
    'get_or_create?': boolean,
    'metadata?': nullable(ref('HashMap')),
    'configuration?': nullable(ref('CollectionConfiguration')),
    'schema?': nullable(ref('Schema')),
  }),
  ForkCollectionPayload: object({ new_name: string }),
  ForkCountResponse: object({ count }),
  IndexStatusResponse: object({
    op_indexing_progress: number,
    num_unindexed_ops: count,
    num_indexed_ops: count,
    total_ops: count,
  }),
  UpdateCollectionPayload: object({
    'new_name?': nullable(string),
    'new_metadata?': nullable(ref('HashMap')),
    'new_configuration?': nullable(ref('UpdateCollectionConfiguration')),
  }),
  UpdateCollectionResponse: object({}),
  DeleteCollectionResponse: object({}),
  Vec: array(ref('Collection')),
}
