/**
 * Log format 0, used before the first release (docs/format-0.md). Keys are those of format 1;
 * every value is
 *
 *     SHA-256(json) as 64 hexadecimal digits | line feed | json
 *
 * but for the store record, which is JSON alone: `{ "format": 0, "storeId", "createdAt" }`. The head record
 * holds `{ "head", "committedAt" }`. An operation record holds its position, its commit, and the whole record
 * or collection after it; vectors are base64 of little-endian float32. There were no labels, no uris, no links
 * between versions and no tree: what format 1 has of these is decided when the log is migrated.
 *
 * What holds: nothing here changes any more, and reading is a pure function of the bytes.
 */
import { AnnalsError } from '../../errors.ts'
import type { Fact } from '../../fact.ts'
import type { Commit, Metadata } from '../../types.ts'
import { sha256 } from '../sha256.ts'

/** What the store record of format 0 says. */
export interface Store0 {
  storeId: string
  createdAt: number
}

/** One operation of another log, with the commit that it belonged to there. */
export interface CommittedFact {
  position: number
  commit: Commit
  fact: Fact
}

interface Operation0 {
  position: number
  first: number
  count: number
  time: number
  actor?: string
  reason?: string
  op: string
  tenant?: string
  database?: string
  databaseId?: string
  collection?: string
  name?: string
  configuration?: unknown
  id?: string
  vector?: string
  document?: string
  metadata?: Metadata
}

const digits = 64
const lineFeed = 0x0a

/** Whether a store record is one of format 0: any later one begins with a digest, and is no JSON. */
export function isStoreRecord0(bytes: Buffer): boolean {
  if (bytes[0] !== 0x7b) return false
  try {
    return (JSON.parse(bytes.toString('utf8')) as { format?: unknown }).format === 0
  } catch {
    return false
  }
}

export function decodeStore0(bytes: Buffer): Store0 {
  const { storeId, createdAt } = JSON.parse(bytes.toString('utf8')) as Store0
  return { storeId, createdAt }
}

/** The newest position. Throws `log_damaged`. */
export function decodeHead0(bytes: Buffer | undefined): number {
  return (checkedJson(bytes, 'head record') as { head: number }).head
}

/** Reads the operation record at `position` of a log in format 0. Throws `log_damaged`. */
export function upcast0(position: number, bytes: Buffer | undefined): CommittedFact {
  const operation = checkedJson(bytes, `record at position ${position}`) as Operation0
  if (operation.position !== position) throw damaged(`record at position ${position}`)
  const { first, count, time, actor = null, reason = null } = operation
  const commit = { first, count, committedAt: time, actor, reason, idempotencyKey: null }
  return { position, commit, fact: factOf(operation) }
}

function factOf(operation: Operation0): Fact {
  const { op, tenant = '', database = '', databaseId = '', collection = '', id = '' } = operation
  switch (op) {
    case 'tenant':
      return { type: 'create-tenant', tenant }
    case 'database':
      return { type: 'create-database', databaseId, tenant, database }
    case 'collection':
      return { type: 'create-collection', collection, state: collectionState(operation) }
    case 'drop':
      return { type: 'delete-collection', collection, state: collectionState(operation) }
    case 'delete':
      return { type: 'delete', collection, recordId: id }
    case 'put': {
      const { vector = '', document = null, metadata = null } = operation
      return {
        type: 'put',
        collection,
        recordId: id,
        vector: floats(vector),
        document,
        uri: null,
        metadata,
        whole: true,
      }
    }
    default:
      throw damaged(`record at position ${operation.position} (operation ${op})`)
  }
}

function collectionState(operation: Operation0): Extract<Fact, { state: unknown }>['state'] {
  const { tenant = '', database = '', name = '', metadata = null, configuration } = operation
  return { tenant, database, name, metadata, configuration: configuration as never }
}

function floats(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64')
  const vector = new Float32Array(bytes.length / 4)
  for (let index = 0; index < vector.length; index++) vector[index] = bytes.readFloatLE(4 * index)
  return vector
}

function checkedJson(bytes: Buffer | undefined, what: string): unknown {
  if (bytes === undefined || bytes.length <= digits || bytes[digits] !== lineFeed) throw damaged(what)
  const json = bytes.subarray(digits + 1)
  if (sha256(json).toString('hex') !== bytes.toString('latin1', 0, digits)) throw damaged(what)
  return JSON.parse(json.toString('utf8'))
}

function damaged(what: string): AnnalsError {
  return new AnnalsError('log_damaged', `The ${what} of a log in format 0 is missing or damaged.`, {
    hint: 'The store was left as it is. Restore a backup of it, or open it with the version that wrote it.',
  })
}
