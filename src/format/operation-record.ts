/** Operation records as frames, and frames as operation records: the payload of each type, and its checks. */
import type {
  CollectionConfiguration,
  CollectionOperation,
  Commit,
  DatabaseOperation,
  EraseOperation,
  ForkOrigin,
  Metadata,
  OperationRecord,
  RecordOperation,
} from '../types.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import { damaged, joinFrame, payloadErased, saltBytes, splitFrame } from './frame.ts'
import { metadataText, parseMetadataText } from './metadata-text.ts'
import { erasableTypes, operationTypes } from './operation-type.ts'
import { encodeHeader, tooNew } from './record-header.ts'
import { sha256 } from './sha256.ts'
import { uuidFromBytes } from './uuid.ts'
import { logFormatVersion } from './version.ts'

/** Where the payload of a fork's creation names the collection that the fork was taken of. */
export const forkSourceAt = 5

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

/** A frame with all of its digests checked, whose payload is decoded when it is asked for. */
export interface InspectedFrame {
  leaf: Buffer
  commit: Commit
  record: () => OperationRecord
}

/** The frame for `record`. `salt` must be 16 fresh random bytes. */
export function encodeFrame(record: OperationRecord, salt: Uint8Array): EncodedFrame {
  const payload = encodeCbor(payloadOf(record))
  const salted = Buffer.concat([salt, payload])
  return joinFrame(encodeHeader(record, sha256(salted)), salted)
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
  const { leaf, header, state, salted } = splitFrame(position, bytes)
  const fields = decodeCbor(header)
  if (!Array.isArray(fields) || fields[1] !== position)
    throw damaged(
      position,
      `the frame under it belongs to position ${Array.isArray(fields) ? fields[1] : '?'}`,
    )
  if (fields[0] > logFormatVersion) throw tooNew(position, fields[0])
  if (state === payloadErased && !erasableTypes.has(fields[2]))
    throw damaged(position, 'its payload is missing')
  const payload = state === payloadErased ? undefined : checkedPayload(position, salted, fields[15])
  return { leaf, fields, payload }
}

/** Checks the frame that stands at `position`, and reads it when it is asked for: what copies it need not. */
export function inspectFrame(position: number, bytes: Buffer): InspectedFrame {
  const { leaf, fields, payload } = checkFrame(position, bytes)
  const [, , , first, count, committedAt, actor, reason, idempotencyKey] = fields
  const commit = { first, count, committedAt, actor, reason, idempotencyKey } as Commit
  return { leaf, commit, record: () => recordFrom(fields, payload && decodeCbor(payload)) }
}

/** Checks the frame that stands at `position`, and reads it. */
export function decodeFrame(position: number, bytes: Buffer): DecodedFrame {
  const { leaf, fields, payload } = checkFrame(position, bytes)
  return { record: recordFrom(fields, payload && decodeCbor(payload)), leaf }
}

function checkedPayload(position: number, salted: Buffer, commitment: unknown): Buffer {
  if (!(commitment instanceof Uint8Array) || !sha256(salted).equals(commitment))
    throw damaged(position, 'the digest of its payload does not fit')
  return salted.subarray(saltBytes)
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
      const state = [name, tenant, database, jsonOf(metadata), JSON.stringify(configuration)]
      if (record.forkedFrom === undefined) return state
      const { source, nextLabel, dimension } = record.forkedFrom
      return [...state, source, nextLabel, dimension]
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
    case 'erase': {
      const { ids, payloads, forks } = record
      if (forks === undefined) return [ids, payloads]
      return [ids, payloads, forks.map(({ collection, ids: inFork }) => [collection, inFork])]
    }
    case 'lost':
      return null
  }
}

// Metadata is JSON text inside the payload: it keeps every key (CBOR maps would rename `__proto__`), and the
// same text stands in SQLite.
function jsonOf(metadata: Metadata | null): string | null {
  return metadata === null ? null : metadataText(metadata)
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
      return { ...base, type, ...collectionSubject(fields), ...collectionContent(payload) }
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
  if (type === 'erase')
    return { type, scope, ids: payload[0], payloads: payload[1], ...erasedInForks(payload[2]) }
  return { type, scope, horizon: payload[0], versions: payload[1], payloads: payload[2] }
}

function erasedInForks(forks: unknown): Pick<EraseOperation, 'forks'> {
  if (forks === undefined) return {}
  return { forks: (forks as [string, string[]][]).map(([collection, ids]) => ({ collection, ids })) }
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
  return { vector, document: document ?? null, uri: uri ?? null, metadata: metadataOf(metadata) }
}

function collectionContent(payload: unknown): Pick<CollectionOperation, 'state' | 'forkedFrom'> {
  const [name, tenant, database, metadata, configuration] = payload as string[]
  const state = {
    name: name!,
    tenant: tenant!,
    database: database!,
    metadata: metadataOf(metadata),
    configuration: JSON.parse(configuration!) as CollectionConfiguration,
  }
  const [source, nextLabel, dimension] = (payload as unknown[]).slice(forkSourceAt)
  if (source === undefined) return { state }
  return { state, forkedFrom: { source, nextLabel, dimension } as ForkOrigin }
}

function metadataOf(json: string | null | undefined): Metadata | null {
  return json == null ? null : parseMetadataText(json)
}
