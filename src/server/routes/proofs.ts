/** Proofs and checkpoints, and the head of the log. */
import { json } from '../http/answer.ts'
import { wrongValue } from '../http/http-error.ts'
import type { JsonSchema, Route } from '../http/route.ts'

const read = { role: 'read', scope: 'store' } as const
const position: JsonSchema = { type: 'integer', minimum: 0 }

export const proofRoutes: readonly Route[] = [
  {
    method: 'GET',
    url: '/api/v2/proof',
    access: read,
    id: 'inclusion_proof',
    tag: 'Proof',
    summary: 'Proves that an operation record stands in the log.',
    query: { position, size: position, content: { type: 'boolean' } },
    strict: true,
    success: { schema: { $ref: 'InclusionProof#' } },
    slow: true,
    handle: async ({ server, query }) => {
      const at = required(query.integer('position'), 'position')
      const size = query.integer('size')
      const content = query.flag('content')
      const options = { ...(size !== undefined && { size }), ...(content !== undefined && { content }) }
      return json(await server.store.client.proof(at, options))
    },
  },
  {
    method: 'GET',
    url: '/api/v2/consistency',
    access: read,
    id: 'consistency_proof',
    tag: 'Proof',
    summary: 'Proves that the log at one position continues the one at an earlier position.',
    query: { from: position, to: position },
    strict: true,
    success: { schema: { $ref: 'ConsistencyProof#' } },
    slow: true,
    handle: async ({ server, query }) => {
      const from = required(query.integer('from'), 'from')
      return json(await server.store.client.consistency(from, query.integer('to')))
    },
  },
  {
    method: 'GET',
    url: '/api/v2/checkpoint',
    access: read,
    id: 'checkpoint',
    tag: 'Proof',
    summary: 'The head of the log; signed where the server has a key.',
    strict: true,
    success: { schema: { $ref: 'IssuedCheckpoint#' } },
    slow: true,
    handle: async ({ server }) => json(await server.store.client.checkpoint(server.signingKey)),
  },
  {
    method: 'GET',
    url: '/api/v2/log_position',
    access: read,
    id: 'log_position',
    tag: 'Proof',
    summary: 'The newest position of the log.',
    strict: true,
    success: { schema: { $ref: 'LogPosition#' } },
    handle: async ({ server }) => json({ position: await server.store.head() }),
  },
]

function required(value: number | undefined, name: string): number {
  if (value !== undefined) return value
  throw wrongValue(`${name}: is missing`)
}
