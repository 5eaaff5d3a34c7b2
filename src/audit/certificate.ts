/**
 * Certificates of erasures: which records were let go, by whom and when, and that the log is the same log as
 * before apart from that. They verify without the store, against a checkpoint that somebody trusts.
 */

import { decodeCbor } from '../format/cbor.ts'
import { saltBytes } from '../format/frame.ts'
import { forkSourceAt } from '../format/operation-record.ts'
import type { ErasedInFork, HoldingBackup, WriteReceipt } from '../types.ts'
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
  /** What was erased in other collections of the fork family by the same operation; absent where nothing was. */
  forks?: ErasedInFork[]
  /**
   * The creations of forks, with their content: a fork's records stand on positions that belong to the collection
   * that it was taken of. Absent where no fork is concerned.
   */
  lineage?: InclusionProof[]
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
  forks: ErasedInFork[]
  /** Positions where the forks among the collections, and among those that they were taken of, were created. */
  lineage: number[]
}

/** Gathers the proofs of an erasure that stands in the log already. */
export async function certify(prover: Prover, facts: ErasureFacts): Promise<ErasureCertificate> {
  const { collection, ids, payloads: positions, before, position: size, forks } = facts
  const operation = await prover.inclusion(size, { size, content: true })
  const erased: InclusionProof[] = []
  for (const position of positions) erased.push(await prover.inclusion(position, { size, content: true }))
  const lineage: InclusionProof[] = []
  for (const position of facts.lineage)
    lineage.push(await prover.inclusion(position, { size, content: true }))
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
    ...(forks.length > 0 && { forks }),
    ...(lineage.length > 0 && { lineage }),
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
  const { before, after, consistency, operation, erased, positions, collection } = certificate
  if (certificate.kind !== 'erasure' || certificate.version !== 1) return false
  if (after.size !== trusted.size || after.root !== trusted.root) return false
  if (!verifyConsistency(consistency, before, after) || !verifyInclusion(operation, after)) return false
  const said = provenOperation(operation)
  if (said.type !== 'erase' || said.position !== after.size || said.collection !== collection) return false
  if (!isSame(contentOf(operation), contentSaid(certificate)) || erased.length !== positions.length)
    return false
  const sources = sourcesIn(certificate)
  if (sources === null) return false
  return erased.every((proof, index) => isErased(proof, positions[index]!, certificate, sources))
}

function contentSaid({ ids, positions, forks }: ErasureCertificate): unknown {
  if (forks === undefined) return [ids, positions]
  return [ids, positions, forks.map(({ collection, ids: inFork }) => [collection, inFork])]
}

/** Of each fork, what it was taken of, as its creation says; `null` where one does not prove what it should. */
function sourcesIn({ lineage = [], after }: ErasureCertificate): Map<string, string> | null {
  const sources = new Map<string, string>()
  for (const proof of lineage) {
    if (!verifyInclusion(proof, after)) return null
    const { type, collection } = provenOperation(proof)
    const source = (contentOf(proof) as unknown[])[forkSourceAt]
    if (type !== 'create-collection' || collection === null || typeof source !== 'string') return null
    sources.set(collection, source)
  }
  return sources
}

function isErased(
  proof: InclusionProof,
  position: number,
  { after, collection, ids, forks = [] }: ErasureCertificate,
  sources: ReadonlyMap<string, string>,
): boolean {
  if (proof.position !== position || proof.content !== null || !verifyInclusion(proof, after)) return false
  const { collection: of, id } = provenOperation(proof)
  if (id === null) return false
  return [{ collection, ids }, ...forks].some(
    (part) => part.ids.includes(id) && isOrComesFrom(part.collection, of, sources),
  )
}

function isOrComesFrom(collection: string, of: string | null, sources: ReadonlyMap<string, string>): boolean {
  let at: string | undefined = collection
  // No chain of forks is longer than the forks that are proven.
  for (let step = 0; step <= sources.size && at !== undefined; step++) {
    if (at === of) return true
    at = sources.get(at)
  }
  return false
}

// The commitment in the header has vouched for these bytes by then.
function contentOf({ content }: InclusionProof): unknown {
  return content === null ? null : decodeCbor(Buffer.from(content, 'hex').subarray(saltBytes))
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
