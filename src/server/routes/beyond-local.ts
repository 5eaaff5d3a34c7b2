/** What Chroma has in its cloud only, and this server has too. */

import { validateTransaction } from '../../commands/validate-transaction.ts'
import { plainNumbers } from '../../exact-number.ts'
import { getAnswer, searchAnswer } from '../chroma/record-answers.ts'
import { getOptions, getPayload } from '../chroma/record-payloads.ts'
import { commitPayload, readToken } from '../chroma/transaction-wire.ts'
import { json } from '../http/answer.ts'
import { liveCollection, readableCollection } from '../http/reading.ts'
import type { Route } from '../http/route.ts'
import { anyArray, object, oneOf, optional } from '../http/shape.ts'
import { asOfParameter, collectionUrl, partialParameter } from './common.ts'

const read = { role: 'read', scope: 'database' } as const
const readLevels = ['index_and_wal', 'index_only', 'index_and_bounded_wal'] as const

export const beyondLocalRoutes: readonly Route[] = [
  {
    method: 'POST',
    url: `${collectionUrl}/search`,
    access: read,
    id: 'collection_search',
    tag: 'Record',
    summary: 'Candidates, scored by an expression, grouped, a page of them; several searches at once.',
    query: asOfParameter,
    body: { $ref: 'SearchRequestPayload#' },
    success: { schema: { $ref: 'SearchResponse#' } },
    errors: [404, 410],
    handle: async (call) => {
      const given = object(call.body, 'body')
      const searches = anyArray(given.searches, 'searches').map((search, index) =>
        object(plainNumbers(search), `searches[${index}]`),
      )
      const readLevel = optional(oneOf(readLevels))(given.read_level, 'read_level') ?? undefined
      const { collection, headers } = await readableCollection(call)
      const result = await collection.search(searches as never, readLevel === undefined ? {} : { readLevel })
      return { ...(await searchAnswer(result)), headers }
    },
  },
  {
    method: 'POST',
    url: `${collectionUrl}/conditional/get`,
    access: read,
    id: 'collection_conditional_get',
    tag: 'Record',
    summary: 'A read in a transaction; later reads and the commit give its token back.',
    body: { $ref: 'ConditionalGetRequestPayload#' },
    success: { schema: { $ref: 'ConditionalGetResponse#' } },
    errors: [404, 412],
    handle: async (call) => {
      const payload = getPayload(call.body)
      const token = readToken(call.body)
      const { collection } = await liveCollection(call)
      const { result, position } = await collection.transactions.read(getOptions(payload), token)
      return getAnswer(result, payload.include, position)
    },
  },
  {
    method: 'POST',
    url: `${collectionUrl}/conditional/commit`,
    access: { role: 'write', scope: 'database' },
    id: 'collection_conditional_commit',
    tag: 'Record',
    summary: 'Writes together what a transaction has buffered, unless what it read has changed.',
    query: partialParameter,
    body: { $ref: 'ConditionalCommitPayload#' },
    success: { schema: { $ref: 'ConditionalCommitResult#' } },
    errors: [404, 412],
    writes: true,
    handle: async (call) => {
      const given = commitPayload(call.body, call.query.flag('partial') === true)
      const { collection } = await liveCollection(call)
      const receipt = await collection.transactions.commit(validateTransaction(given), call.write)
      const { first_inserted_record_offset, record_count } = receipt
      return json({ first_inserted_record_offset, record_count }, receipt)
    },
  },
]
