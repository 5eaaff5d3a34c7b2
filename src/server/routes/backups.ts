/** What a backup elsewhere copies of the log, and what it says of itself. */
import { show } from '../../errors.ts'
import { itemHead } from '../../format/backup-file.ts'
import type { LogFrame } from '../../log/operation-log.ts'
import type { AnnouncedBackup } from '../../portability/backup-list.ts'
import { bytesType, json } from '../http/answer.ts'
import { wrongValue } from '../http/http-error.ts'
import type { Call, JsonSchema, Route } from '../http/route.ts'
import { onlyKeys, settings, text, uint64 } from '../http/shape.ts'
import { bytes } from '../http/streams.ts'
import { pointSchema } from './common.ts'

const admin = { role: 'admin', scope: 'store' } as const
const none = { type: 'object' } as const
const position: JsonSchema = { type: 'integer', minimum: 0 }
const range = { after: position, until: position }
const binary = { type: bytesType, schema: { type: 'string', format: 'binary' } }

/** Bytes that are sent together: a frame by itself is too small to be worth a system call. */
const pieceBytes = 65_536

export const backupRoutes: readonly Route[] = [
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
    method: 'POST',
    url: '/api/v2/backup',
    access: admin,
    id: 'announce_backup',
    tag: 'Backup',
    summary: 'Say that a backup begins to copy elsewhere, so that erasures name it.',
    body: { $ref: 'BackupAnnouncement#' },
    success: { schema: none },
    handle: async ({ server, body }) => {
      await server.store.listBackup(announced(body, await server.store.head()))
      return json({})
    },
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

function announced(body: unknown, head: number): AnnouncedBackup & { host: string } {
  const given = settings(body, 'body')
  onlyKeys(given, ['host', 'path', 'createdAt', 'after', 'until'], 'body')
  const short = (key: 'host' | 'path', max: number) => {
    const value = text(given[key], key)
    if (value !== '' && value.length <= max) return value
    throw wrongValue(`${key}: must have 1 to ${max} characters, got ${value.length}`)
  }
  const createdAt = text(given.createdAt, 'createdAt')
  if (Number.isNaN(Date.parse(createdAt)))
    throw wrongValue(`createdAt: must be a time, got ${show(createdAt)}`)
  const [after, until] = [uint64(given.after, 'after'), uint64(given.until, 'until')]
  if (after >= until || until > head)
    throw wrongValue(`until: must lie above ${after} and not above ${head}, got ${until}`)
  return { host: short('host', 255), path: short('path', 4_096), createdAt, after, until }
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
