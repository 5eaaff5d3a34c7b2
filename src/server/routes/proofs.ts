/** Proofs and checkpoints, and what a backup or a follower elsewhere copies. */
import { itemHead } from '../../format/backup-file.ts'
import type { LogFrame } from '../../log/operation-log.ts'
import { bytesType, json } from '../http/answer.ts'
import { wrongValue } from '../http/http-error.ts'
import type { Call, JsonSchema, Route } from '../http/route.ts'
import { bytes } from '../http/streams.ts'
import { pointSchema } from './common.ts'

const read = { role: 'read', scope: 'store' } as const
const admin = { role: 'admin', scope: 'store' } as const
const position: JsonSchema = { type: 'integer', minimum: 0 }
const range = { after: position, until: position }
const binary = { type: bytesType, schema: { type: 'string', format: 'binary' } }

/** Bytes that are sent together: a frame by itself is too small to be worth a system call. */
const pieceBytes = 65_536

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
  {
    method: 'GET',
    url: '/api/v2/backup',
    access: admin,
    id: 'backup_range',
    tag: 'Backup',
    summary: 'Which part of the log a backup copies, its points as positions.',
    query: { from: pointSchema, until: pointSchema },
    strict: true,
    success: { schema: { $ref: 'BackupRange#' } },
    errors: [404],
    slow: true,
    handle: async ({ server, query }) =>
      json(await server.store.backupRange(query.point('from'), query.point('until'))),
  },
  {
    method: 'GET',
    url: '/api/v2/backup/leaves',
    access: admin,
    id: 'backup_leaves',
    tag: 'Backup',
    summary: "Leaves of the log's Merkle tree, 32 bytes each.",
    query: range,
    strict: true,
    success: binary,
    handle: async (call) => {
      const { after, until } = await copied(call)
      return bytes(gathered(call.server.store.leaves(after, until), (leaf) => [leaf]))
    },
  },
  {
    method: 'GET',
    url: '/api/v2/backup/frames',
    access: admin,
    id: 'backup_frames',
    tag: 'Backup',
    summary: 'Frames of the log: a CBOR sequence of `[position, bytes]`, as in the chunks of a backup.',
    query: range,
    strict: true,
    success: binary,
    handle: async (call) => {
      const { after, until } = await copied(call)
      const item = ({ position, bytes }: LogFrame) => [itemHead(position, bytes.length), bytes]
      return bytes(gathered(call.server.store.frames(after, until), item))
    },
  },
]

async function copied({ server, query }: Call): Promise<{ after: number; until: number }> {
  const head = await server.store.head()
  const { after = 0, until = head } = { after: query.integer('after'), until: query.integer('until') }
  if (after > until || until > head)
    throw wrongValue(`until: must lie from ${after} to ${head}, got ${until}`)
  return { after, until }
}

/** Gathers small parts into pieces that are worth sending. */
async function* gathered<T>(
  items: AsyncIterable<T>,
  partsOf: (item: T) => Uint8Array[],
): AsyncGenerator<Uint8Array, void, undefined> {
  let parts: Uint8Array[] = []
  let length = 0
  for await (const item of items) {
    for (const part of partsOf(item)) {
      parts.push(part)
      length += part.length
    }
    if (length < pieceBytes) continue
    yield Buffer.concat(parts)
    parts = []
    length = 0
  }
  if (length > 0) yield Buffer.concat(parts)
}

function required(value: number | undefined, name: string): number {
  if (value !== undefined) return value
  throw wrongValue(`${name}: is missing`)
}
