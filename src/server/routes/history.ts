/** What Chroma has not: the past, what changed, who did it. */

import type { LogLine } from '../../audit/log-entries.ts'
import type { OperationType } from '../../types.ts'
import { diffHeaders } from '../../wire/write-headers.ts'
import { filterOptions, possibleIds, queryPayload } from '../chroma/record-payloads.ts'
import { eventsType, json, linesType } from '../http/answer.ts'
import { changeEvents } from '../http/change-events.ts'
import { placeOf } from '../http/context.ts'
import { liveCollection, readableCollection } from '../http/reading.ts'
import type { Call, JsonSchema, Route } from '../http/route.ts'
import { isVisibleTo } from '../http/store-wide.ts'
import { events, lines } from '../http/streams.ts'
import { asOfParameter, collectionUrl, databaseUrl, pointSchema } from './common.ts'

const read = { role: 'read', scope: 'database' } as const
const text: JsonSchema = { type: 'string' }
const between = { from: pointSchema, to: pointSchema }

/** What the differences of a collection and of a database have in common. */
const difference = {
  method: 'GET',
  access: read,
  tag: 'History',
  query: between,
  strict: true,
  success: { type: linesType, schema: { $ref: 'Difference#' } },
  errors: [404, 410],
} as const

const feedOptions = {
  after: {
    type: 'integer',
    minimum: 0,
    description: 'Changes after this position; default 0, the beginning.',
  },
  live: { type: 'boolean', description: 'Goes on with what is yet to come; default true.' },
}

/** What the change feeds of a collection and of a database have in common. */
const feed = {
  method: 'GET',
  access: read,
  tag: 'History',
  query: feedOptions,
  strict: true,
  success: {
    type: eventsType,
    description:
      'Events `change` with a Change as data and its position as id; `end` when nothing follows; `error` with an error body. `Last-Event-ID` goes on after that position.',
    schema: { $ref: 'Change#' },
  },
  errors: [404],
  endless: true,
} as const

export const historyRoutes: readonly Route[] = [
  {
    method: 'GET',
    url: `${collectionUrl}/history`,
    access: read,
    id: 'record_history',
    tag: 'History',
    summary: 'Every version that one record ever had, one a line.',
    query: { id: text, order: { type: 'string', enum: ['asc', 'desc'] }, ...asOfParameter },
    strict: true,
    success: { type: linesType, schema: { $ref: 'RecordVersion#' } },
    errors: [404, 410],
    handle: async (call) => {
      const id = call.query.required('id')
      const order = call.query.oneOf('order', ['asc', 'desc'])
      const { collection, headers } = await readableCollection(call)
      return { ...(await lines(collection.history(id, { ...(order !== undefined && { order }) }))), headers }
    },
  },
  {
    ...difference,
    url: `${collectionUrl}/diff`,
    id: 'collection_diff',
    summary: 'The net difference of a collection between two points, one record a line.',
    handle: async (call) => {
      const { from, to, headers } = await bounds(call)
      const { collection } = await liveCollection(call)
      return { ...(await lines(collection.diff(from, to))), headers }
    },
  },
  {
    ...difference,
    url: `${databaseUrl}/diff`,
    id: 'database_diff',
    summary: 'The net difference of all collections of a database between two points.',
    handle: async (call) => {
      const { from, to, headers } = await bounds(call)
      return { ...(await lines(scoped(call).diff(from, to))), headers }
    },
  },
  {
    method: 'POST',
    url: `${collectionUrl}/explain_query`,
    access: read,
    id: 'explain_query',
    tag: 'History',
    summary: 'How the answer to a query differs between two points, and which operations caused it.',
    query: between,
    strict: true,
    body: { $ref: 'QueryRequestPayload#' },
    success: { schema: { $ref: 'QueryExplanation#' } },
    errors: [404, 410],
    handle: async (call) => {
      const { ids, where, whereDocument, queryEmbeddings, nResults, include } = queryPayload(call.body)
      const { from, to, headers } = await bounds(call)
      const { collection } = await liveCollection(call)
      const possible = possibleIds(ids)
      const query = {
        queryEmbeddings,
        nResults,
        include,
        ...(possible !== undefined && { ids: possible }),
        ...filterOptions(where, whereDocument),
      }
      return { ...json(await collection.explainQuery(query, from, to)), headers }
    },
  },
  {
    method: 'GET',
    url: `${databaseUrl}/log`,
    access: read,
    id: 'read_log',
    tag: 'History',
    summary: 'The operation log of a database as a person reads it, one operation a line.',
    query: {
      after: pointSchema,
      until: pointSchema,
      collection: text,
      id: text,
      actor: text,
      type: { type: 'array', items: text, description: 'May be repeated.' },
    },
    strict: true,
    success: { type: linesType, schema: { $ref: 'LogLine#' } },
    errors: [404],
    handle: (call) => {
      const { query } = call
      const given = {
        after: query.point('after'),
        until: query.point('until'),
        collection: query.text('collection'),
        id: query.text('id'),
        actor: query.text('actor'),
        type: query.texts('type') as OperationType[] | undefined,
      }
      const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
      return lines(visible(call, scoped(call).log(options)))
    },
  },
  {
    ...feed,
    url: `${databaseUrl}/changes`,
    id: 'database_changes',
    summary: 'What happens in a database, as server-sent events.',
    query: { ...feedOptions, collection: text },
    handle: (call) => {
      const collection = call.query.text('collection')
      const client = scoped(call)
      const open = (options: object) =>
        client.changes({ ...options, ...(collection !== undefined && { collection }) })
      return events(changeEvents(call, open))
    },
  },
  {
    ...feed,
    url: `${collectionUrl}/changes`,
    id: 'collection_changes',
    summary: 'What happens in a collection, as server-sent events.',
    handle: async (call) => {
      const { collection } = await liveCollection(call)
      return events(changeEvents(call, (options) => collection.changes(options)))
    },
  },
]

function scoped({ server, params }: Call) {
  return server.store.client.scope(placeOf(params))
}

async function* visible({ request }: Call, log: AsyncIterable<LogLine>): AsyncGenerator<LogLine> {
  for await (const line of log) if (isVisibleTo(request.identity, line)) yield line
}

/** The two points of a difference, as positions; the answer names them. */
async function bounds({ server, query }: Call) {
  const position = (name: string): Promise<number> => server.store.position(query.requiredPoint(name))
  const from = await position('from')
  const to = await position('to')
  return { from, to, headers: { [diffHeaders.from]: String(from), [diffHeaders.to]: String(to) } }
}
