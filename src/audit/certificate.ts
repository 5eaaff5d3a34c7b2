/**
 * Certificates of erasures: which records were let go, by whom and when, and that the log is the same log as
 * before apart from that. They verify without the store, against a checkpoint that somebody trusts.
 */

import { decodeCbor } from '../format/cbor.ts'
import { saltBytes } from '../format/frame.ts'
import type { HoldingBackup, WriteReceipt } from '../types.ts'
import {
  type ConsistencyProof,
  type InclusionProof,
  provenOperation,
  type TreeHead,
  verifyConsistency,
  verifyInclusion,
} from './proofs.ts'
import type { Prover } from './prover.ts'

/** What an erasure leaves in its stead. Plain data: keep it as JSON. */
export interface ErasureCertificate {
  kind: 'erasure'
  /** Of this shape: 1. */
  version: 1
  storeId: string
  epoch: number
  /** UUID of the collection. */
  collection: string
  ids: string[]
  /** The positions whose payloads were removed: all that any version of the records stood on. */
  positions: number[]
  /** The log before the erasure, and right after its operation record. */
  before: TreeHead
  after: TreeHead
  /** The log after continues the log before: nothing else was changed. */
  consistency: ConsistencyProof
  /** The operation record that says so, with its content. */
  operation: InclusionProof
  /** Each erased record's header is still in the tree, without its content. */
  erased: InclusionProof[]
}

/** What an erasure did. */
export interface Erasure {
  receipt: WriteReceipt
  /** Bytes taken out of the log. */
  bytes: number
  /** What to keep of it; `null` when there was nothing to erase. */
  certificate: ErasureCertificate | null
  /** Backups made through this store that still hold content of the records, as far as it remembers them. */
  backups: HoldingBackup[]
  /**
   * Whether `backups` are all that were made through this store. `false` when a record is older than the list of
   * backups: the list was lost, or the record came into this store by a restore or a replay; or when recovery
   * lost a part of the record's history.
   */
  backupsComplete: boolean
}

/** The facts that an erasure leaves in the log. */
export interface ErasureFacts {
  collection: string
  ids: string[]
  payloads: number[]
  /** The head before the erasure's commit, and the position of its operation record. */
  before: number
  position: number
}

export async function certify(prover: Prover, facts: ErasureFacts): Promise<ErasureCertificate> {
  const { collection, ids, payloads: positions, before, position: size } = facts
  const operation = await prover.inclusion(size, { size, content: true })
  const erased: InclusionProof[] = []
  for (const position of positions) erased.push(await prover.inclusion(position, { size, content: true }))
  const { storeId, epoch } = operation
  return {
    kind: 'erasure',
    version: 1,
    storeId,
    epoch,
    collection,
    ids,
    positions,
    before: await prover.head(before),
    after: await prover.head(size),
    consistency: await prover.consistency(before, size),
    operation,
    erased,
  }
}

/**
 * Whether the certificate holds in the tree `trusted`, which must be its `after`: the erasure stands in the log,
 * names just these records, every position that it names is there without content, and the log before is a part
 * of the log after. What is not exactly right is `false`; nothing is thrown.
 *
 * It proves what the log says. That no copy is left elsewhere, in a backup say, no certificate can prove.
 */
export function verifyErasure(certificate: ErasureCertificate, trusted: TreeHead): boolean {
  try {
    return isErasure(certificate, trusted)
  } catch {
    // Something is not even of the shape: nothing that would have to be believed.
    return false
  }
}

function isErasure(certificate: ErasureCertificate, trusted: TreeHead): boolean {
  const { before, after, consistency, operation, erased, positions, ids, collection } = certificate
  if (certificate.kind !== 'erasure' || certificate.version !== 1) return false
  if (after.size !== trusted.size || after.root !== trusted.root) return false
  if (!verifyConsistency(consistency, before, after) || !verifyInclusion(operation, after)) return false
  const said = provenOperation(operation)
  if (said.type !== 'erase' || said.position !== after.size || said.collection !== collection) return false
  if (!isSame(contentOf(operation), [ids, positions]) || erased.length !== positions.length) return false
  return erased.every((proof, index) => isErased(proof, positions[index]!, certificate))
}

function isErased(
  proof: InclusionProof,
  position: number,
  { after, collection, ids }: ErasureCertificate,
): boolean {
  if (proof.position !== position || proof.content !== null || !verifyInclusion(proof, after)) return false
  const { collection: of, id } = provenOperation(proof)
  return of === collection && id !== null && ids.includes(id)
}

// The commitment in the header has vouched for these bytes by then.
function contentOf({ content }: InclusionProof): unknown {
  return content === null ? null : decodeCbor(Buffer.from(content, 'hex').subarray(saltBytes))
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
