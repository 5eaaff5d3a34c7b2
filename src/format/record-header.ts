/**
 * The header of an operation record: a CBOR array of sixteen fields (docs/format.md, "The header"), which says who,
 * what and when, and commits to the payload. It stays when the payload is erased.
 */
import { AnnalsError } from '../errors.ts'
import type { Commit, OperationRecord, OperationType } from '../types.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import { damaged, payloadErased, splitFrame } from './frame.ts'
import { operationTypeNumbers, operationTypes } from './operation-type.ts'
import { uuidFromBytes, uuidToBytes } from './uuid.ts'
import { logFormatVersion } from './version.ts'

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

/** What every header says beside commit and position; 0 and `null` where a type has no use for it. */
interface Subject {
  collection: string | null
  recordId: string | null
  label: number
  previous: number
  vectorAt: number
  documentAt: number
}

/** The bytes of a record's header; `commitment` is SHA-256(salt | payload). */
export function encodeHeader(record: OperationRecord, commitment: Buffer): Buffer {
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

/** The parts of a frame that the tree commits to, and what they commit to; the payload is not looked at. */
export function decodeLeaf(
  position: number,
  bytes: Buffer,
): { leaf: Buffer; header: Buffer; content: Buffer | null } {
  const { leaf, header, state, salted } = splitFrame(position, bytes)
  const content = state === payloadErased ? null : salted
  if (headerPosition(header) !== position)
    throw damaged(position, `the frame under it belongs to position ${headerPosition(header)}`)
  return { leaf, header, content }
}

/** For what a later version wrote. */
export function tooNew(position: number, what: unknown): AnnalsError {
  return new AnnalsError(
    'format_unsupported',
    `The operation record at position ${position} was written in a newer format (${what}); this version reads up to ${logFormatVersion}.`,
    { position, hint: 'Open the store with a newer version of annals.' },
  )
}
