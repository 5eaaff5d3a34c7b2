import { type Observable, Subject } from 'rxjs'
import { limits } from '../limits.ts'
import { MerkleFrontier } from '../log/merkle-tree.ts'
import type { LogEntry, OperationLog } from '../log/operation-log.ts'
import type { OperationRecord } from '../types.ts'
import type { MetadataProjection } from './metadata/metadata-projection.ts'
import type { VectorStore } from './vectors/vector-store.ts'

/**
 * Feeds the log to the projections, in order, and tells everybody who listens.
 *
 * What holds: metadata and vectors are changed in the same turn of the event loop, so a read that does not
 * wait in between sees both or neither; subscribers are told after both.
 */
export class Projector {
  readonly #log: OperationLog
  readonly #metadata: MetadataProjection
  readonly #vectors: VectorStore
  readonly #commits = new Subject<readonly OperationRecord[]>()
  #isClosed = false

  constructor(log: OperationLog, metadata: MetadataProjection, vectors: VectorStore) {
    this.#log = log
    this.#metadata = metadata
    this.#vectors = vectors
  }

  /** Whatever was applied, right after it became visible; in order, without gaps. */
  get commits(): Observable<readonly OperationRecord[]> {
    return this.#commits
  }

  /** The last position that every projection has applied. */
  get position(): number {
    return this.#metadata.position
  }

  /** Applies what the log has just appended: the records up to its head. */
  apply(records: readonly OperationRecord[]): void {
    this.#applyUpTo(records, this.#log.frontier)
  }

  /**
   * Applies what the log holds and the projections lack, whole commits at a time, with a turn of the event loop
   * between two of them. Cheap when there is nothing to do.
   */
  async catchUp(onProgress?: (position: number, head: number) => void): Promise<void> {
    if (this.position === this.#log.head) return
    const frontier = this.#metadata.mark?.frontier ?? new MerkleFrontier()
    let batch: OperationRecord[] = []
    let bytes = 0
    for await (const entry of this.#log.range({ after: this.position })) {
      frontier.append(entry.leaf)
      batch.push(entry.record)
      bytes += sizeOf(entry.record)
      const full = batch.length >= limits.replayBatchRecords || bytes >= limits.readAheadBytes
      if (!full || !endsCommit(entry)) continue
      this.#applyUpTo(batch, frontier)
      batch = []
      bytes = 0
      onProgress?.(this.position, this.#log.head)
    }
    this.#applyUpTo(batch, frontier)
    onProgress?.(this.position, this.#log.head)
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** No commits will follow. */
  close(): void {
    this.#isClosed = true
    this.#commits.complete()
  }

  #applyUpTo(records: readonly OperationRecord[], frontier: MerkleFrontier): void {
    if (records.length === 0) return
    this.#metadata.apply({ storeId: this.#log.storeId, records, frontier })
    this.#vectors.apply(records)
    this.#commits.next(records)
  }
}

/** About the bytes that a record holds in memory. */
function sizeOf(record: OperationRecord): number {
  if (!('vectorAt' in record) || record.state === null) return 256
  const { vector, document } = record.state
  return 256 + (vector?.byteLength ?? 0) + 2 * (document?.length ?? 0)
}

function endsCommit({ record: { position, commit } }: LogEntry): boolean {
  return position === commit.first + commit.count - 1
}
