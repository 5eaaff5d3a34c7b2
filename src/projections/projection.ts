import type { MerkleFrontier } from '../log/merkle-tree.ts'
import type { OperationRecord } from '../types.ts'

/** Operation records that follow each other in the log, and the log's tree after the last of them. */
export interface Batch {
  storeId: string
  records: readonly OperationRecord[]
  /** The frontier after the last record: what the checkpoint remembers of the log. */
  frontier: MerkleFrontier
}

/** State that is derived from the log alone: the same records, applied in order, give the same state. */
export interface Projection {
  /** The last position that is applied. */
  readonly position: number
  /** Applies whole commits, all or nothing. The first record must be the one after `position`. */
  apply(batch: Batch): void
}
