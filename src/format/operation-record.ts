/**
 * The frame of one operation record, as it stands under its key in the log:
 *
 *     leaf (32) | payload state (1) | header length (4, big-endian) | header | salt (16) | payload
 *
 * What holds:
 * - `leaf` = SHA-256(0x00 | header): the frame's digest and its leaf in the RFC 6962 tree.
 * - The header ends in the commitment SHA-256(salt | payload), so the tree commits to the payload without
 *   holding it: erasing salt and payload leaves every leaf and every proof as they were.
 * - The header holds the position, so a frame under a wrong key is noticed.
 * - No byte of a frame is outside a check: a flipped bit anywhere makes `decodeFrame` throw.
 */
import { AnnalsError } from '../errors.ts'
import type {
  CollectionConfiguration,
  CollectionOperation,
  Commit,
  DatabaseOperation,
  Metadata,
  OperationRecord,
  OperationType,
  RecordOperation,
} from '../types.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import { digestBytes, sha256 } from './sha256.ts'
import { uuidFromBytes, uuidToBytes } from './uuid.ts'
import { logFormatVersion } from './version.ts'

/** Persisted: a number is never given another meaning. */
export const operationTypeNumbers: Readonly<Record<OperationType, number>> = {
  'create-tenant': 1,
  'create-database': 2,
  'delete-database': 3,
  'create-collection': 4,
  'modify-collection': 5,
  'delete-collection': 6,
  add: 7,
  update: 8,
  delete: 9,
  'create-tag': 10,
  'delete-tag': 11,
  'set-retention': 12,
  vacuum: 13,
  erase: 14,
  lost: 255,
}
/** What only says something about one record; all else is needed to make sense of the log. */
const erasableTypes: ReadonlySet<unknown> = new Set([
  operationTypeNumbers.add,
  operationTypeNumbers.update,
  operationTypeNumbers.delete,
])
const operationTypes = new Map(
  Object.entries(operationTypeNumbers).map(([name, number]) => [number, name as OperationType]),
)

/** Persisted: whether salt and payload follow the header. */
export const payloadPresent = 1
/** Persisted: salt and payload were removed for good; nothing follows the header. */
export const payloadErased = 2

/** Bytes of the salt: makes the commitment of a short text unguessable. */
export const saltBytes = 16
const headerAt: number = digestBytes + 1 + 4
const leafPrefix = Buffer.from([0])

/** A frame and the leaf that it adds to the tree. */
export interface EncodedFrame {
  bytes: Buffer
  leaf: Buffer
}

/** A frame read back, with all of its digests checked. */
export interface DecodedFrame {
  record: OperationRecord
  leaf: Buffer
}

/** What every header says beside commit and position; 0 and `null` where a type has no use for it. */
interface Subject {
  collection: string | null
  recordId: string | null
  label: number
  previous: number
  vectorAt: number
  documentAt: number
}

/** The frame for `record`. `salt` must be 16 fresh random bytes. */
export function encodeFrame(record: OperationRecord, salt: Uint8Array): EncodedFrame {
  const payload = encodeCbor(payloadOf(record))
  const salted = Buffer.concat([salt, payload])
  const header = encodeHeader(record, sha256(salted))
  const leaf = sha256(Buffer.concat([leafPrefix, header]))
  const bytes = Buffer.allocUnsafe(headerAt + header.length + salted.length)
  leaf.copy(bytes, 0)
  bytes[digestBytes] = payloadPresent
  bytes.writeUInt32BE(header.length, digestBytes + 1)
  header.copy(bytes, headerAt)
  salted.copy(bytes, headerAt + header.length)
  return { bytes, leaf }
}

/** A frame whose digests have vouched for it, before its payload is decoded. */
export interface CheckedFrame {
  leaf: Buffer
  fields: unknown[]
  /** `undefined`: erased. */
  payload: Buffer | undefined
}

/**
 * Checks the frame that stands at `position`: throws `log_damaged`, naming the position, unless every digest
 * fits. Of the payload nothing is decoded.
 */
export function checkFrame(position: number, bytes: Buffer): CheckedFrame {
  const { leaf, header, rest, state } = splitFrame(position, bytes)
  const fields = decodeCbor(header)
  if (!Array.isArray(fields) || fields[1] !== position)
    throw damaged(
      position,
      `the frame under it belongs to position ${Array.isArray(fields) ? fields[1] : '?'}`,
    )
  if (fields[0] > logFormatVersion) throw tooNew(position, fields[0])
  if (state === payloadErased && !erasableTypes.has(fields[2]))
    throw damaged(position, 'its payload is missing')
  const payload = state === payloadErased ? undefined : checkedPayload(position, rest, fields[15])
  return { leaf, fields, payload }
}

/** Checks the frame that stands at `position`, and reads it. */
export function decodeFrame(position: number, bytes: Buffer): DecodedFrame {
  const { leaf, fields, payload } = checkFrame(position, bytes)
  return { record: recordFrom(fields, payload && decodeCbor(payload)), leaf }
}

/** The header of one operation record, without what stands in its payload. */
export interface RecordHeader {
  position: number
  type: OperationType
  commit: Commit
  /** UUID of the collection; `null` for what concerns none. */
  collection: string | null
  recordId: string | null
  /** SHA-256(salt | payload). */
  commitment: Buffer
}

/** The parts of a frame that the tree commits to, and what they commit to; the payload is not looked at. */
export function decodeLeaf(
  position: number,
  bytes: Buffer,
): { leaf: Buffer; header: Buffer; content: Buffer | null } {
  const { leaf, header, rest, state } = splitFrame(position, bytes)
  const content = state === payloadErased ? null : rest
  if (headerPosition(header) !== position)
    throw damaged(position, `the frame under it belongs to position ${headerPosition(header)}`)
  return { leaf, header, content }
}

/** The leaf that a header adds to the tree: SHA-256(0x00 | header). */
export function leafOf(header: Uint8Array): Buffer {
  return sha256(Buffer.concat([leafPrefix, header]))
}

/**
 * Reads a header that a digest has vouched for.
 * Throws `format_unsupported` for one of a later version.
 */
export function decodeHeader(header: Uint8Array): RecordHeader {
  const fields = decodeCbor(header) as unknown[]
  const [version, position, number, first, count, committedAt, actor, reason, idempotencyKey] = fields
  const type = operationTypes.get(number as number)
  if ((version as number) > logFormatVersion) throw tooNew(position as number, version)
  if (type === undefined) throw tooNew(position as number, `with operation type ${number}`)
  return {
    position: position as number,
    type,
    commit: { first, count, committedAt, actor, reason, idempotencyKey } as Commit,
    collection: fields[9] === null ? null : uuidFromBytes(fields[9] as Uint8Array),
    recordId: fields[10] as string | null,
    commitment: Buffer.from(fields[15] as Uint8Array),
  }
}

function headerPosition(header: Uint8Array): unknown {
  const fields = decodeCbor(header)
  return Array.isArray(fields) ? fields[1] : undefined
}

/** Whether the frame still has its salt and payload. */
export function hasPayload(bytes: Buffer): boolean {
  return bytes[digestBytes] === payloadPresent
}

/** The same frame without its salt and payload; header, leaf and commitment stay as they are. */
export function erasedFrame(bytes: Buffer): Buffer {
  const headerEnd = headerAt + bytes.readUInt32BE(digestBytes + 1)
  const erased = Buffer.from(bytes.subarray(0, headerEnd))
  erased[digestBytes] = payloadErased
  return erased
}

function splitFrame(position: number, bytes: Buffer) {
  if (bytes.length < headerAt) throw damaged(position, `its frame has only ${bytes.length} bytes`)
  const headerEnd = headerAt + bytes.readUInt32BE(digestBytes + 1)
  if (headerEnd > bytes.length) throw damaged(position, 'its header is cut short')
  const leaf = bytes.subarray(0, digestBytes)
  const header = bytes.subarray(headerAt, headerEnd)
  if (!sha256(Buffer.concat([leafPrefix, header])).equals(leaf))
    throw damaged(position, 'the digest of its header does not fit')
  const state = bytes[digestBytes]
  const rest = bytes.subarray(headerEnd)
  if (state !== payloadPresent && !(state === payloadErased && rest.length === 0))
    throw damaged(position, `its payload state ${state} does not fit`)
  return { leaf, header, rest, state }
}

function checkedPayload(position: number, salted: Buffer, commitment: unknown): Buffer {
  if (!(commitment instanceof Uint8Array) || !sha256(salted).equals(commitment))
    throw damaged(position, 'the digest of its payload does not fit')
  return salted.subarray(saltBytes)
}

function encodeHeader(record: OperationRecord, commitment: Buffer): Buffer {
  const { commit } = record
  const subject = subjectOf(record)
  return encodeCbor([
    logFormatVersion,
    record.position,
    operationTypeNumbers[record.type],
    commit.first,
    commit.count,
    commit.committedAt,
    commit.actor,
    commit.reason,
    commit.idempotencyKey,
    subject.collection === null ? null : uuidToBytes(subject.collection),
    subject.recordId,
    subject.label,
    subject.previous,
    subject.vectorAt,
    subject.documentAt,
    commitment,
  ])
}

function subjectOf(record: OperationRecord): Subject {
  switch (record.type) {
    case 'add':
    case 'update':
    case 'delete':
      return record
    case 'create-collection':
    case 'modify-collection':
    case 'delete-collection':
      return { ...noSubject, collection: record.collection, previous: record.previous }
    case 'set-retention':
    case 'vacuum':
    case 'erase':
      return { ...noSubject, collection: record.scope }
    default:
      return noSubject
  }
}

const noSubject: Subject = {
  collection: null,
  recordId: null,
  label: 0,
  previous: 0,
  vectorAt: 0,
  documentAt: 0,
}

function payloadOf(record: OperationRecord): unknown {
  switch (record.type) {
    case 'add':
    case 'update':
    case 'delete': {
      const { state } = record
      return state && [state.vector, state.document, state.uri, jsonOf(state.metadata)]
    }
    case 'create-collection':
    case 'modify-collection':
    case 'delete-collection': {
      const { name, tenant, database, metadata, configuration } = record.state
      return [name, tenant, database, jsonOf(metadata), JSON.stringify(configuration)]
    }
    case 'create-tenant':
      return [record.tenant]
    case 'create-database':
    case 'delete-database':
      return [record.databaseId, record.tenant, record.database]
    case 'create-tag':
    case 'delete-tag':
      return [record.name, record.at]
    case 'set-retention':
      return [JSON.stringify(record.retention)]
    case 'vacuum':
      return [record.horizon, record.versions, record.payloads]
    case 'erase':
      return [record.ids, record.payloads]
    case 'lost':
      return null
  }
}

// Metadata is JSON text inside the payload: it keeps every key (CBOR maps would rename `__proto__`), and the
// same text stands in SQLite.
function jsonOf(metadata: Metadata | null): string | null {
  return metadata === null ? null : JSON.stringify(metadata)
}

// The digests have vouched for these bytes, so their shape is what `encodeHeader` and `payloadOf` wrote.
function recordFrom(fields: unknown[], payload: unknown): OperationRecord {
  const [, position, number, first, count, committedAt, actor, reason, idempotencyKey] = fields
  const type = operationTypes.get(number as number)
  if (type === undefined) throw tooNew(position as number, `with operation type ${number}`)
  const commit = { first, count, committedAt, actor, reason, idempotencyKey } as Commit
  const base = { position: position as number, commit }
  switch (type) {
    case 'add':
    case 'update':
    case 'delete':
      return { ...base, type, ...recordSubject(fields), state: recordState(payload) }
    case 'create-collection':
    case 'modify-collection':
    case 'delete-collection':
      return { ...base, type, ...collectionSubject(fields), state: collectionState(payload) }
    case 'create-tenant':
      return { ...base, type, tenant: (payload as [string])[0] }
    case 'create-database':
    case 'delete-database': {
      const [databaseId, tenant, database] = payload as [string, string, string]
      return { ...base, type, databaseId, tenant, database } satisfies DatabaseOperation
    }
    case 'create-tag':
    case 'delete-tag': {
      const [name, at] = payload as [string, number]
      return { ...base, type, name, at }
    }
    case 'set-retention':
    case 'vacuum':
    case 'erase':
      return { ...base, ...careFrom(type, fields[9], payload as unknown[]) } as OperationRecord
    case 'lost':
      return { ...base, type }
  }
}

/** What the store does to its own history: retention, vacuum, erasure. */
function careFrom(
  type: 'set-retention' | 'vacuum' | 'erase',
  collection: unknown,
  payload: unknown[],
): object {
  const scope = collection === null ? null : uuidFromBytes(collection as Uint8Array)
  if (type === 'set-retention') return { type, scope, retention: JSON.parse(payload[0] as string) }
  if (type === 'erase') return { type, scope, ids: payload[0], payloads: payload[1] }
  return { type, scope, horizon: payload[0], versions: payload[1], payloads: payload[2] }
}

function recordSubject(fields: unknown[]): Omit<RecordOperation, 'position' | 'commit' | 'type' | 'state'> {
  const [label, previous, vectorAt, documentAt] = fields.slice(11, 15) as [number, number, number, number]
  const collection = uuidFromBytes(fields[9] as Uint8Array)
  return { collection, recordId: fields[10] as string, label, previous, vectorAt, documentAt }
}

function collectionSubject(fields: unknown[]): Pick<CollectionOperation, 'collection' | 'previous'> {
  return { collection: uuidFromBytes(fields[9] as Uint8Array), previous: fields[12] as number }
}

function recordState(payload: unknown): RecordOperation['state'] {
  if (!Array.isArray(payload)) return null
  const [vector, document, uri, metadata] = payload as [Float32Array | null, ...(string | null)[]]
  return { vector, document: document ?? null, uri: uri ?? null, metadata: parsed<Metadata>(metadata) }
}

function collectionState(payload: unknown): CollectionOperation['state'] {
  const [name, tenant, database, metadata, configuration] = payload as string[]
  return {
    name: name!,
    tenant: tenant!,
    database: database!,
    metadata: parsed<Metadata>(metadata),
    configuration: JSON.parse(configuration!) as CollectionConfiguration,
  }
}

function parsed<T>(json: string | null | undefined): T | null {
  return json == null ? null : (JSON.parse(json) as T)
}

function damaged(position: number, what: string): AnnalsError {
  return new AnnalsError('log_damaged', `The operation log is damaged at position ${position}: ${what}.`, {
    position,
    hint: 'Restore from a backup, or open with recovery "point-in-time" (keeps all before the damage) or "salvage" (skips it and writes a report).',
  })
}

function tooNew(position: number, what: unknown): AnnalsError {
  return new AnnalsError(
    'format_unsupported',
    `The operation record at position ${position} was written in a newer format (${what}); this version reads up to ${logFormatVersion}.`,
    { position, hint: 'Open the store with a newer version of annals.' },
  )
}
