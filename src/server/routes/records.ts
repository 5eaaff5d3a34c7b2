import type { ReadableCollection } from '../../client/collection-api.ts'
import { limits } from '../../limits.ts'
import { foldRecords } from '../chroma/fold.ts'
import { getAnswer, queryAnswer } from '../chroma/record-answers.ts'
import {
  columnsFor,
  columnsOf,
  deletePayload,
  filterOptions,
  getOptions,
  getPayload,
  possibleIds,
  queryPayload,
  recordsPayload,
} from '../chroma/record-payloads.ts'
import { type Answer, json } from '../http/answer.ts'
import { wrongValue } from '../http/http-error.ts'
import { liveCollection, readableCollection } from '../http/reading.ts'
import type { Call, Route } from '../http/route.ts'
import { asOfParameter, collectionUrl, partialParameter, readLevelParameter } from './common.ts'

const read = { role: 'read', scope: 'database' } as const
const write = { role: 'write', scope: 'database' } as const

/** Chroma's calls on the records of one collection. */
export const recordRoutes: readonly Route[] = [
  {
    method: 'POST',
    url: `${collectionUrl}/add`,
    access: write,
    id: 'collection_add',
    tag: 'Record',
    summary: 'Add records; ids that exist are skipped.',
    body: { $ref: 'AddCollectionRecordsPayload#' },
    success: { status: 201, schema: { $ref: 'AddCollectionRecordsResponse#' } },
    errors: [404, 501],
    writes: true,
    handle: (call) => put('add', call),
  },
  {
    method: 'POST',
    url: `${collectionUrl}/update`,
    access: write,
    id: 'collection_update',
    tag: 'Record',
    summary: 'Change records; unknown ids are skipped.',
    body: { $ref: 'UpdateCollectionRecordsPayload#' },
    success: { schema: { $ref: 'UpdateCollectionRecordsResponse#' } },
    errors: [404, 501],
    writes: true,
    handle: (call) => put('update', call),
  },
  {
    method: 'POST',
    url: `${collectionUrl}/upsert`,
    access: write,
    id: 'collection_upsert',
    tag: 'Record',
    summary: 'Add what is new and change what exists.',
    query: partialParameter,
    body: { $ref: 'UpsertCollectionRecordsPayload#' },
    success: { schema: { $ref: 'UpsertCollectionRecordsResponse#' } },
    errors: [404, 501],
    writes: true,
    handle: (call) => put('upsert', call),
  },
  {
    method: 'POST',
    url: `${collectionUrl}/delete`,
    access: write,
    id: 'collection_delete',
    tag: 'Record',
    summary: 'Delete records by id, by filter, or by both.',
    body: { $ref: 'DeleteCollectionRecordsPayload#' },
    success: { schema: { $ref: 'DeleteCollectionRecordsResponse#' } },
    errors: [404],
    writes: true,
    handle: remove,
  },
  {
    method: 'POST',
    url: `${collectionUrl}/get`,
    access: read,
    id: 'collection_get',
    tag: 'Record',
    summary: 'Records by id and filter, in insertion order.',
    query: asOfParameter,
    body: { $ref: 'GetRequestPayload#' },
    success: { schema: { $ref: 'GetResponse#' } },
    errors: [404, 410],
    handle: get,
  },
  {
    method: 'POST',
    url: `${collectionUrl}/query`,
    access: read,
    id: 'collection_query',
    tag: 'Record',
    summary: 'The nearest records to each vector, nearest first.',
    query: {
      limit: { type: 'integer', minimum: 0, description: 'Accepted and without effect, as in Chroma.' },
      offset: { type: 'integer', minimum: 0, description: 'Accepted and without effect, as in Chroma.' },
      ...asOfParameter,
    },
    body: { $ref: 'QueryRequestPayload#' },
    success: { schema: { $ref: 'QueryResponse#' } },
    errors: [404, 410],
    handle: query,
  },
  {
    method: 'GET',
    url: `${collectionUrl}/count`,
    access: read,
    id: 'collection_count',
    tag: 'Record',
    summary: 'How many records there are.',
    query: { ...readLevelParameter, ...asOfParameter },
    success: { schema: { $ref: 'u32#' } },
    errors: [404, 410],
    handle: async (call) => {
      call.query.oneOf('read_level', ['index_and_wal', 'index_only', 'index_and_bounded_wal'])
      const { collection, headers } = await readableCollection(call)
      return { ...json(await collection.count()), headers }
    },
  },
]

async function put(kind: 'add' | 'update' | 'upsert', call: Call): Promise<Answer> {
  const needsVectors = kind === 'add' || (kind === 'upsert' && call.query.flag('partial') !== true)
  const given = recordsPayload(kind, call.body, needsVectors)
  const { collection } = await liveCollection(call)
  if (given.length === 0) return json({})
  const records = foldRecords(kind, given)
  const receipt = await collection[kind](columnsOf(records), call.write)
  return json({}, receipt)
}

async function remove(call: Call): Promise<Answer> {
  const { ids, where, whereDocument, limit } = deletePayload(call.body)
  const { collection } = await liveCollection(call)
  const filtered = where !== undefined || whereDocument !== undefined
  if (limit !== null && !filtered) throw wrongValue('limit: needs a where or where_document beside it')
  if (ids === null && !filtered) return json({ deleted: 0 })
  if (ids?.length === 0) throw wrongValue('ids: must name at least one record')
  const possible = possibleIds(ids)
  if (possible?.length === 0) return json({ deleted: filtered ? 0 : ids!.length })
  const receipt = await collection.delete(
    {
      ...(possible !== undefined && { ids: possible }),
      ...filterOptions(where, whereDocument),
      ...(limit !== null && { limit }),
    },
    call.write,
  )
  return json({ deleted: filtered ? receipt.count : ids!.length }, receipt)
}

async function get(call: Call): Promise<Answer> {
  const payload = getPayload(call.body)
  const { collection, headers } = await readableCollection(call)
  const result = await collection.get(getOptions(payload))
  return { ...(await getAnswer(result, payload.include)), headers }
}

async function query(call: Call): Promise<Answer> {
  const { ids, where, whereDocument, queryEmbeddings, nResults, include } = queryPayload(call.body)
  const { collection, headers } = await readableCollection(call)
  const possible = possibleIds(ids)
  const result = await collection.query({
    queryEmbeddings,
    nResults: await resultsOf(collection, nResults),
    ...(possible !== undefined && { ids: possible }),
    ...filterOptions(where, whereDocument),
    include: columnsFor(include),
  })
  return { ...(await queryAnswer(result, include)), headers }
}

/** Asking for more than there is is no error, as long as what there is can be answered. */
async function resultsOf(collection: ReadableCollection, asked: number): Promise<number> {
  if (asked <= limits.resultsMax) return asked
  return Math.min(asked, Math.max(await collection.count(), 1))
}
