/** JSON schemas of Chroma's calls on records, and of its system calls, under Chroma's names. */

import type { JsonSchema } from '../http/route.ts'
import {
  anything,
  array,
  boolean,
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

const numbers = array(number)
const texts = nullable(array(nullable(string)))
const metadatas = nullable(array(nullable(ref('HashMap'))))
const selection = {
  'ids?': nullable(array(string)),
  'where?': { description: 'A filter on metadata.' },
  'where_document?': { description: 'A filter on documents.' },
}

const getColumns = {
  ids: array(string),
  'embeddings?': nullable(array(numbers)),
  'documents?': texts,
  'uris?': texts,
  'metadatas?': metadatas,
  include: array(ref('Include')),
}

function records(embeddings: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return object(
    { ids: array(string), ...embeddings, 'documents?': texts, 'metadatas?': metadatas, 'uris?': texts },
    'Columns of equal length.',
  )
}

/** One column for each query, each with one entry for each neighbour. */
function columns(entries: JsonSchema): JsonSchema {
  return nullable(array(array(entries)))
}

export const chromaRecordSchemas: Readonly<Record<string, JsonSchema>> = {
  ErrorResponse: object(
    {
      error: { type: 'string', description: "Chroma's name for the error." },
      message: string,
      'code?': { type: 'string', description: 'The stable code of the error: see docs/errors.md.' },
      'fate?': enumeration('not_written', 'durable', 'indeterminate'),
      'hint?': string,
      'position?': count,
    },
    'Every error.',
  ),
  HeartbeatResponse: object({ 'nanosecond heartbeat': count }),
  HealthCheckResponse: object({ is_executor_ready: boolean, is_log_client_ready: boolean }),
  ChecklistResponse: object({ max_batch_size: count, supports_base64_encoding: boolean }),
  GetUserIdentityResponse: object({ user_id: string, tenant: string, databases: array(string) }),
  CreateTenantPayload: object({ name: string }),
  GetTenantResponse: object({ name: string, 'resource_name?': nullable(string) }),
  UpdateTenantPayload: object({ resource_name: string }),
  CreateDatabasePayload: object({ name: string }),
  Database: object({ id: uuid, name: string, tenant: string }),
  u32: { type: 'integer', format: 'int32', minimum: 0 },
  ReadLevel: enumeration('index_and_wal', 'index_only', 'index_and_bounded_wal'),
  Include: enumeration('distances', 'documents', 'embeddings', 'metadatas', 'uris'),
  IncludeList: array(ref('Include')),
  HashMap: map({
    oneOf: [boolean, integer, number, string, array(boolean), array(number), array(string), { type: 'null' }],
  }),
  EmbeddingsPayload: {
    oneOf: [array(numbers), array(string)],
    description: 'Numbers, or base64 of float32.',
  },
  UpdateEmbeddingsPayload: { oneOf: [array(nullable(numbers)), array(nullable(string))] },
  AddCollectionRecordsPayload: records({ embeddings: ref('EmbeddingsPayload') }),
  AddCollectionRecordsResponse: object({}),
  UpdateCollectionRecordsPayload: records({ 'embeddings?': nullable(ref('UpdateEmbeddingsPayload')) }),
  UpdateCollectionRecordsResponse: object({}),
  UpsertCollectionRecordsPayload: records({ embeddings: ref('EmbeddingsPayload') }),
  UpsertCollectionRecordsResponse: object({}),
  DeleteCollectionRecordsPayload: object({ ...selection, 'limit?': nullable(count) }),
  DeleteCollectionRecordsResponse: object({ 'deleted?': count }),
  GetRequestPayload: object({
    ...selection,
    'include?': ref('IncludeList'),
    'limit?': nullable(count),
    'offset?': nullable(count),
  }),
  GetResponse: object(getColumns),
  QueryRequestPayload: object({
    ...selection,
    query_embeddings: array(numbers),
    'n_results?': nullable(count),
    'include?': ref('IncludeList'),
  }),
  QueryResponse: object({
    ids: array(array(string)),
    'embeddings?': columns(nullable(numbers)),
    'documents?': columns(nullable(string)),
    'uris?': columns(nullable(string)),
    'metadatas?': columns(nullable(ref('HashMap'))),
    'distances?': columns(nullable(number)),
    include: array(ref('Include')),
  }),
  ConditionalGetRequestPayload: object({
    ...selection,
    'include?': ref('IncludeList'),
    'limit?': nullable(count),
    'offset?': nullable(count),
    'read_token?': nullable(count),
  }),
  ConditionalGetResponse: object({ ...getColumns, read_token: count }),
  ConditionalCommitPayload: object({
    'read_token?': nullable(count),
    'read_ids?': array(string),
    operations: array({
      oneOf: [
        object({ operation: enumeration('add'), payload: ref('AddCollectionRecordsPayload') }),
        object({ operation: enumeration('update'), payload: ref('UpdateCollectionRecordsPayload') }),
        object({ operation: enumeration('upsert'), payload: ref('UpsertCollectionRecordsPayload') }),
        object({ operation: enumeration('delete'), payload: ref('DeleteCollectionRecordsPayload') }),
      ],
    }),
  }),
  ConditionalCommitResult: object({ first_inserted_record_offset: nullable(count), record_count: count }),
  SearchPayload: object({
    'filter?': nullable(map(anything)),
    'rank?': nullable(map(anything)),
    'group_by?': nullable(object({ 'keys?': array(string), 'aggregate?': nullable(map(anything)) })),
    'limit?': nullable(object({ 'limit?': nullable(count), 'offset?': nullable(count) })),
    'select?': nullable(object({ 'keys?': array(string) })),
  }),
  SearchRequestPayload: object({
    searches: array(ref('SearchPayload')),
    'read_level?': nullable(ref('ReadLevel')),
  }),
  SearchResponse: object({
    ids: array(array(string)),
    documents: array(nullable(array(nullable(string)))),
    embeddings: array(nullable(array(nullable(numbers)))),
    metadatas: array(nullable(array(nullable(ref('HashMap'))))),
    scores: array(nullable(array(nullable(number)))),
    select: array(array(string)),
  }),
  AttachFunctionRequest: object({
    name: string,
    function_id: string,
    output_collection: string,
    'params?': anything,
  }),
  AttachFunctionResponse: object({ attached_function: map(anything), created: boolean }),
  GetAttachedFunctionResponse: object({ attached_function: map(anything) }),
  DetachFunctionRequest: object({ 'delete_output?': boolean }),
  DetachFunctionResponse: object({ success: boolean }),
}
