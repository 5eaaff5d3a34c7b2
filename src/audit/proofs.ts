/**
 * Proofs as data that leaves the store, and their verification, which needs no store. Hashes are lower-case
 * hexadecimal. docs/proofs.md says how to verify them by hand.
 */
import { AnnalsError } from '../errors.ts'
import { leafOf } from '../format/frame.ts'
import { decodeHeader } from '../format/record-header.ts'
import { digestBytes, sha256 } from '../format/sha256.ts'
import type { OperationType } from '../types.ts'
import { isContinuation, pathLeadsTo } from './merkle-proof.ts'

/** The state of a log that somebody vouches for: its number of operation records, and the tree over them. */
export interface TreeHead {
  /** Operation records in the tree: the newest position when it was taken. */
  size: number
  /** RFC 6962 root over positions 1 to `size`, hexadecimal. */
  root: string
}

/** Shows that an operation record stands in the log at a position. */
export interface InclusionProof {
  kind: 'inclusion'
  /** Of this shape: 1. */
  version: 1
  storeId: string
  epoch: number
  /** The operation record's place: leaf `position - 1` of the tree. */
  position: number
  /** The tree that it is proven to be in. */
  size: number
  root: string
  /** SHA-256(0x00 | header). */
  leaf: string
  /** The header that was hashed: who, what and when, and the commitment to the payload; CBOR. */
  header: string
  /** Salt (16 bytes) and payload, when they were asked for and are not erased: SHA-256 of them stands in the header. */
  content: string | null
  /** Hashes of the siblings from the leaf up to the root. */
  path: string[]
}

/** Shows that a tree continues an earlier one: nothing in it was changed, removed or reordered. */
export interface ConsistencyProof {
  kind: 'consistency'
  version: 1
  storeId: string
  epoch: number
  from: TreeHead
  to: TreeHead
  path: string[]
}

/** What a verified proof says. */
export interface ProvenOperation {
  position: number
  type: OperationType
  committedAt: Date
  actor: string | null
  reason: string | null
  /** First position and number of operation records of its commit. */
  commit: { first: number; count: number }
  /** UUID of the collection; `null` for what concerns none. */
  collection: string | null
  /** The record's id; `null` for what concerns none. */
  id: string | null
  /** SHA-256(salt | payload), hexadecimal. */
  commitment: string
}

/**
 * Whether the proof shows that its operation record stands in the trusted tree. What is trusted comes from a
 * checkpoint that was verified, never from the proof itself. Any proof that is not exactly right, or not even a
 * proof, is `false`; nothing is thrown. After RFC 9162, 2.1.3.2.
 *
 * @example
 * const trusted = verifyCheckpoint(note, publicKey)
 * if (trusted !== null && verifyInclusion(proof, trusted)) console.log(provenOperation(proof).actor)
 */
export function verifyInclusion(proof: InclusionProof, trusted: TreeHead): boolean {
  const root = hashOf(trusted?.root)
  const leaf = hashOf(proof?.leaf)
  const header = bytesOf(proof?.header)
  const path = pathOf(proof?.path)
  if (root === null || leaf === null || header === null || path === null) return false
  const { position, size, content } = proof
  if (!isCount(position) || position < 1 || !isCount(size)) return false
  if (size !== trusted.size || proof.root !== trusted.root) return false
  if (!leafOf(header).equals(leaf)) return false
  if (!pathLeadsTo(root, { index: position - 1, size, leaf, path })) return false
  return saysPosition(header, position) && (content === null || fitsCommitment(header, content))
}

/**
 * Whether the proof shows that the tree `to` continues the tree `from`; both come from checkpoints that were
 * verified. `false` for everything else; nothing is thrown. After RFC 9162, 2.1.4.2.
 */
export function verifyConsistency(proof: ConsistencyProof, from: TreeHead, to: TreeHead): boolean {
  const path = pathOf(proof?.path)
  const first = headOf(from)
  const second = headOf(to)
  if (path === null || first === null || second === null) return false
  if (!sameHead(proof.from, from) || !sameHead(proof.to, to)) return false
  return isContinuation(first, second, path)
}

/**
 * What a proof's header says. Believe it only after `verifyInclusion`.
 * Throws `invalid_argument` when the header cannot be read, `format_unsupported` when it is of a later version.
 */
export function provenOperation(proof: InclusionProof): ProvenOperation {
  const header = bytesOf(proof?.header)
  if (header === null || !leafOf(header).equals(hashOf(proof.leaf) ?? Buffer.alloc(0)))
    throw new AnnalsError(
      'invalid_argument',
      'The proof has no header, or its leaf is not that of its header.',
    )
  const { position, type, commit, collection, recordId, commitment } = decodeHeader(header)
  const { first, count, committedAt, actor, reason } = commit
  return {
    position,
    type,
    committedAt: new Date(committedAt),
    actor,
    reason,
    commit: { first, count },
    collection,
    id: recordId,
    commitment: commitment.toString('hex'),
  }
}

// The header has been vouched for by then: its leaf leads to the trusted root.
function saysPosition(header: Buffer, position: number): boolean {
  try {
    return decodeHeader(header).position === position
  } catch {
    return false
  }
}

function fitsCommitment(header: Buffer, content: unknown): boolean {
  const bytes = bytesOf(content)
  return bytes !== null && sha256(bytes).equals(decodeHeader(header).commitment)
}

function headOf(head: TreeHead): { size: number; root: Buffer } | null {
  const root = hashOf(head?.root)
  return root === null || !isCount(head.size) ? null : { size: head.size, root }
}

function sameHead(a: TreeHead, b: TreeHead): boolean {
  return a?.size === b.size && a.root === b.root
}

function pathOf(path: unknown): Buffer[] | null {
  if (!Array.isArray(path) || path.length > 2 * 53) return null
  const hashes = path.map(hashOf)
  return hashes.every((hash) => hash !== null) ? hashes : null
}

function hashOf(hex: unknown): Buffer | null {
  const bytes = bytesOf(hex)
  return bytes?.length === digestBytes ? bytes : null
}

function bytesOf(hex: unknown): Buffer | null {
  if (typeof hex !== 'string' || hex.length % 2 !== 0 || !/^[0-9a-f]*$/.test(hex)) return null
  return Buffer.from(hex, 'hex')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
