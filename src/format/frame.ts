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
 * - No byte of a frame is outside a check: a flipped bit anywhere makes reading it throw.
 */
import { AnnalsError } from '../errors.ts'
import { digestBytes, sha256 } from './sha256.ts'

/** Persisted: whether salt and payload follow the header. */
export const payloadPresent = 1
/** Persisted: salt and payload were removed for good; nothing follows the header. */
export const payloadErased = 2

/** Bytes of the salt: makes the commitment of a short text unguessable. */
export const saltBytes = 16
const headerAt: number = digestBytes + 1 + 4
const leafPrefix = Buffer.from([0])

/** A frame's parts; the leaf fits the header. */
export interface FrameParts {
  leaf: Buffer
  header: Buffer
  /** `payloadPresent` or `payloadErased`. */
  state: number
  /** Salt and payload; empty when erased. */
  salted: Buffer
}

/** The leaf that a header adds to the tree: SHA-256(0x00 | header). */
export function leafOf(header: Uint8Array): Buffer {
  return sha256(Buffer.concat([leafPrefix, header]))
}

/** The frame of a header, and of the salt and payload that it commits to. */
export function joinFrame(header: Buffer, salted: Buffer): { bytes: Buffer; leaf: Buffer } {
  const leaf = leafOf(header)
  const bytes = Buffer.allocUnsafe(headerAt + header.length + salted.length)
  leaf.copy(bytes, 0)
  bytes[digestBytes] = payloadPresent
  bytes.writeUInt32BE(header.length, digestBytes + 1)
  header.copy(bytes, headerAt)
  salted.copy(bytes, headerAt + header.length)
  return { bytes, leaf }
}

/** Takes a frame apart. Throws `log_damaged` unless the digest of its header fits and its lengths do. */
export function splitFrame(position: number, bytes: Buffer): FrameParts {
  if (bytes.length < headerAt) throw damaged(position, `its frame has only ${bytes.length} bytes`)
  const headerEnd = headerAt + bytes.readUInt32BE(digestBytes + 1)
  if (headerEnd > bytes.length) throw damaged(position, 'its header is cut short')
  const leaf = bytes.subarray(0, digestBytes)
  const header = bytes.subarray(headerAt, headerEnd)
  if (!leafOf(header).equals(leaf)) throw damaged(position, 'the digest of its header does not fit')
  const state = bytes[digestBytes]!
  const salted = bytes.subarray(headerEnd)
  if (state !== payloadPresent && !(state === payloadErased && salted.length === 0))
    throw damaged(position, `its payload state ${state} does not fit`)
  return { leaf, header, state, salted }
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

/** What damage of a frame is reported as. */
export function damaged(position: number, what: string): AnnalsError {
  return new AnnalsError('log_damaged', `The operation log is damaged at position ${position}: ${what}.`, {
    position,
    hint: 'Restore from a backup, or open with recovery "point-in-time" (keeps all before the damage) or "salvage" (skips it and writes a report).',
  })
}
