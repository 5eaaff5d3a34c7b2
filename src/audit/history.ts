import type { OperationLog } from '../log/operation-log.ts'
import { imageAfter, imageBefore } from '../readers/record-image.ts'
import type { Commit, RecordImage } from '../types.ts'

/** One version of a record: what an operation made of it. */
export interface RecordVersion {
  /** The operation record that made it. */
  position: number
  type: 'add' | 'update' | 'delete'
  committedAt: Date
  actor: string | null
  reason: string | null
  /** The whole commit that the operation belonged to. */
  commit: Commit
  /** `null` when the record was not there before. */
  before: RecordImage | null
  /** `null` for a delete. */
  after: RecordImage | null
}

/**
 * Every version of one record at or before position `until`, found from the newest backwards through
 * `previous`. Deleting and adding again is one history. Holds positions in memory, not versions.
 */
export async function* recordHistory(
  log: OperationLog,
  newest: number,
  until: number,
  order: 'asc' | 'desc',
): AsyncGenerator<RecordVersion, void, undefined> {
  const positions: number[] = []
  for (let at = newest; at > 0; ) {
    const record = await log.read(at)
    if (at <= until) positions.push(at)
    at = 'previous' in record ? record.previous : 0
  }
  if (order === 'asc') positions.reverse()
  for (const position of positions) {
    const record = await log.read(position)
    if (!('vectorAt' in record)) continue
    const { type, commit } = record
    const { actor, reason } = commit
    const committedAt = new Date(commit.committedAt)
    const before = await imageBefore(log, record)
    const after = await imageAfter(log, record)
    yield { position, type, committedAt, actor, reason, commit, before, after }
  }
}
