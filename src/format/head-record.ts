/**
 * The records beside the operation records: whose log this is, where it ends, and, in a log that is a replay,
 * of what. Each value is `SHA-256(body) | body` with a CBOR array as body.
 */
import { AnnalsError } from '../errors.ts'
import { decodeCbor, encodeCbor } from './cbor.ts'
import { digestBytes, sha256 } from './sha256.ts'
import { uuidFromBytes, uuidToBytes } from './uuid.ts'
import { logFormatVersion } from './version.ts'

/** Whose log this is. */
export interface StoreRecord {
  /** UUID, given once, at creation. */
  storeId: string
  /** Raised by every recovery that gives up operation records, so that two histories are never confused. */
  epoch: number
  /** Unix time in ms. */
  createdAt: number
}

/** Where the log ends. Written in the same batch as the operation records that it counts. */
export interface HeadRecord {
  head: number
  /** Of the newest commit, Unix time in ms. */
  committedAt: number
  /** The frontier of the Merkle tree over all positions, largest subtree first. */
  peaks: Buffer[]
}

/** Of which log this one is a replay. Written in the same batch as the operation records that it covers. */
export interface OriginRecord {
  storeId: string
  epoch: number
  /** How far the source has been replayed: its last position. */
  position: number
  /** The head of this log then. A head that has moved on since says that somebody else has written here. */
  head: number
  /** Whether frames were copied as they stood, or operations decided anew in this log. */
  kind: 'copied' | 'decided'
}

/** Persisted: a number is never given another meaning. */
const originKinds: readonly OriginRecord['kind'][] = ['copied', 'decided']

/** The store record, sealed by its digest. */
export function encodeStoreRecord({ storeId, epoch, createdAt }: StoreRecord): Buffer {
  return sealed([logFormatVersion, uuidToBytes(storeId), epoch, createdAt])
}

/** Throws `log_damaged` or, for a log of a later version, `format_unsupported`. */
export function decodeStoreRecord(bytes: Buffer): StoreRecord {
  const [version, id, epoch, createdAt] = unsealed(bytes, 'store') as [number, Uint8Array, number, number]
  if (version > logFormatVersion)
    throw new AnnalsError(
      'format_unsupported',
      `The store was written in log format ${version}; this version of annals reads up to ${logFormatVersion}.`,
      { hint: 'Open it with a newer version of annals.' },
    )
  return { storeId: uuidFromBytes(id), epoch, createdAt }
}

/** The head record, sealed by its digest. */
export function encodeHeadRecord({ head, committedAt, peaks }: HeadRecord): Buffer {
  return sealed([head, committedAt, Buffer.concat(peaks)])
}

/** Throws `log_damaged`. */
export function decodeHeadRecord(bytes: Buffer): HeadRecord {
  const [head, committedAt, joined] = unsealed(bytes, 'head') as [number, number, Uint8Array]
  const all = Buffer.from(joined)
  const peaks = Array.from({ length: all.length / digestBytes }, (_, index) =>
    all.subarray(index * digestBytes, (index + 1) * digestBytes),
  )
  return { head, committedAt, peaks }
}

/** The origin record, sealed by its digest. */
export function encodeOriginRecord({ storeId, epoch, position, head, kind }: OriginRecord): Buffer {
  return sealed([uuidToBytes(storeId), epoch, position, head, originKinds.indexOf(kind)])
}

/** Throws `log_damaged`. */
export function decodeOriginRecord(bytes: Buffer): OriginRecord {
  const fields = unsealed(bytes, 'origin') as [Uint8Array, number, number, number, number]
  const [id, epoch, position, head, kind] = fields
  return { storeId: uuidFromBytes(id), epoch, position, head, kind: originKinds[kind]! }
}

function sealed(fields: unknown[]): Buffer {
  const body = encodeCbor(fields)
  return Buffer.concat([sha256(body), body])
}

function unsealed(bytes: Buffer, which: string): unknown {
  const body = bytes.subarray(digestBytes)
  if (!sha256(body).equals(bytes.subarray(0, digestBytes)))
    throw new AnnalsError('log_damaged', `The operation log's ${which} record is damaged.`, {
      hint: 'Restore from a backup, or open with recovery "point-in-time" or "salvage".',
    })
  return decodeCbor(body)
}
