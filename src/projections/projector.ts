import { setImmediate as nextTurn } from 'node:timers/promises'
import { endsCommit } from '../commit-end.ts'
import { limits } from '../limits.ts'
import { MerkleFrontier } from '../log/merkle-tree.ts'
import type { OperationLog } from '../log/operation-log.ts'
import { type Observable, Subject } from '../rxjs.ts'
import type { OperationRecord } from '../types.ts'
import type { MetadataProjection } from './metadata/metadata-projection.ts'
import type { VectorStore } from './vectors/vector-store.ts'

/**
 * Feeds the log to the projections, in order, and tells everybody who listens.
 *
 * What holds:
 * - Metadata and vectors are changed in the same turn of the event loop, so a read that does not wait in between
 *   sees both or neither; subscribers are told after both.
 * - `position` is the end of a commit, also while a fork is applied in parts.
 */
export class Projector {
  readonly #log: OperationLog
  readonly #metadata: MetadataProjection
  readonly #vectors: VectorStore
  readonly #writable: () => Promise<void>
  readonly #commits = new Subject<readonly OperationRecord[]>()
  #position: number
  #isApplying = false
  #isClosed = false

  /** `writable` settles when the metadata's file can be written to; while its log is folded, records wait. */
  constructor(
    log: OperationLog,
    metadata: MetadataProjection,
    vectors: VectorStore,
    writable: () => Promise<void>,
  ) {
    this.#log = log
    this.#metadata = metadata
    this.#vectors = vectors
    this.#writable = writable
    this.#position = metadata.position
  }

  /** Whatever was applied, right after it became visible; in order, without gaps. */
  get commits(): Observable<readonly OperationRecord[]> {
    return this.#commits
  }

  /** The end of the last commit that every projection has applied. */
  get position(): number {
    return this.#position
  }

  /**
   * Applies what the log has just appended: the records up to its head, with the leaves that they added to its
   * tree. Whole commits at a time, up to `perTurn` records or one commit in a turn of the event loop; a fork in
   * parts.
   */
  async apply(
    records: readonly OperationRecord[],
    leaves: readonly Buffer[],
    perTurn: number = limits.appliedPerTurn,
  ): Promise<void> {
    this.#isApplying = true
    try {
      if (records.length > limits.groupRecordsMax && records.some(beginsFork)) await this.#catchUp()
      else await this.#applyInTurns(records, leaves, perTurn)
    } finally {
      this.#isApplying = false
    }
  }

  async #applyInTurns(
    records: readonly OperationRecord[],
    leaves: readonly Buffer[],
    perTurn: number,
  ): Promise<void> {
    let first = 0
    for (const [index, record] of records.entries()) {
      // A turn ends before the commit that would make it too long.
      if (index === first || !beginsCommit(record) || index - first + record.commit.count <= perTurn) continue
      const frontier = this.#frontier()
      for (const leaf of leaves.slice(first, index)) frontier.append(leaf)
      await this.#applyUpTo(records.slice(first, index), frontier)
      first = index
      await nextTurn()
    }
    await this.#applyUpTo(records.slice(first), this.#log.frontier)
  }

  /** Of the log, at the last record that is applied. */
  #frontier(): MerkleFrontier {
    return this.#metadata.mark?.frontier ?? new MerkleFrontier()
  }

  /**
   * Applies what the log holds and the projections lack, whole commits at a time, or parts of a fork, with a
   * turn of the event loop between two of them. Cheap when there is nothing to do.
   */
  async catchUp(onProgress?: (position: number, head: number) => void): Promise<void> {
    if (this.#metadata.position === this.#log.head) return
    this.#isApplying = true
    try {
      await this.#catchUp(onProgress)
    } finally {
      this.#isApplying = false
    }
  }

  async #catchUp(onProgress?: (position: number, head: number) => void): Promise<void> {
    const frontier = this.#frontier()
    let batch: OperationRecord[] = []
    let bytes = 0
    let fork = this.#metadata.hidden
    for await (const entry of this.#log.range({ after: this.#metadata.position })) {
      const { first } = entry.record.commit
      if (beginsFork(entry.record)) fork = first
      frontier.append(entry.leaf)
      batch.push(entry.record)
      bytes += sizeOf(entry.record)
      const full = batch.length >= limits.replayBatchRecords || bytes >= limits.readAheadBytes
      if (!full || !(endsCommit(entry.record) || first === fork)) continue
      await this.#applyUpTo(batch, frontier)
      batch = []
      bytes = 0
      onProgress?.(this.position, this.#log.head)
    }
    await this.#applyUpTo(batch, frontier)
    onProgress?.(this.position, this.#log.head)
  }

  /** Whether it may be behind the log, and is working on it. */
  get isApplying(): boolean {
    return this.#isApplying
  }

  /** Settles once nothing is being applied: then the tables stand where the log does, until the next turn at least. */
  async settled(): Promise<void> {
    while (this.#isApplying) await nextTurn()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** No commits will follow. */
  close(): void {
    this.#isClosed = true
    this.#commits.complete()
  }

  async #applyUpTo(records: readonly OperationRecord[], frontier: MerkleFrontier): Promise<void> {
    if (records.length === 0) return
    await this.#writable()
    // From here on one turn.
    this.#metadata.apply({ storeId: this.#log.storeId, records, frontier })
    this.#vectors.apply(records)
    const newest = records.at(-1)!
    if (endsCommit(newest)) this.#position = newest.position
    this.#commits.next(records)
  }
}

/** About the bytes that a record holds in memory. */
function sizeOf(record: OperationRecord): number {
  if (!('vectorAt' in record) || record.state === null) return 256
  const { vector, document } = record.state
  return 256 + (vector?.byteLength ?? 0) + 2 * (document?.length ?? 0)
}

function beginsCommit({ position, commit }: OperationRecord): boolean {
  return position === commit.first
}

function beginsFork(record: OperationRecord): boolean {
  return record.type === 'create-collection' && record.forkedFrom !== undefined
}
