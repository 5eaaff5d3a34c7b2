import { setImmediate as nextTurn } from 'node:timers/promises'
import { MerkleFrontier } from '../log/merkle-tree.ts'
import type { OperationLog } from '../log/operation-log.ts'
import { type MetadataFile, openMetadataInMemory } from '../projections/metadata/metadata-file.ts'
import { MetadataProjection } from '../projections/metadata/metadata-projection.ts'
import type { OperationRecord } from '../types.ts'

/** Operation records that are applied before others get the thread: a few milliseconds. */
const stepRecords = 50

/**
 * The metadata tables, derived from the log once more, in memory. They follow the log while they are compared
 * with the live ones; they take about as much memory as the live file has bytes.
 */
export class DerivedMetadata {
  readonly #log: OperationLog
  readonly #file: MetadataFile = openMetadataInMemory()
  readonly #projection: MetadataProjection = new MetadataProjection(this.#file.db)
  readonly #frontier: MerkleFrontier = new MerkleFrontier()

  constructor(log: OperationLog) {
    this.#log = log
  }

  get db(): MetadataFile['db'] {
    return this.#file.db
  }

  get position(): number {
    return this.#projection.position
  }

  /** Applies the log up to its head, a few records in one turn of the event loop. */
  async catchUp(onRecords?: (done: number, total: number) => void): Promise<void> {
    const until = this.#log.head
    let batch: OperationRecord[] = []
    const after = this.position
    if (after >= until) return
    for await (const { record, leaf } of this.#log.range({ after, until })) {
      this.#frontier.append(leaf)
      batch.push(record)
      if (batch.length < stepRecords) continue
      this.#apply(batch)
      onRecords?.(this.position, until)
      batch = []
      await nextTurn()
    }
    this.#apply(batch)
    onRecords?.(this.position, until)
  }

  close(): void {
    void this.#file.close()
  }

  #apply(records: OperationRecord[]): void {
    if (records.length === 0) return
    this.#projection.apply({ storeId: this.#log.storeId, records, frontier: this.#frontier })
  }
}
