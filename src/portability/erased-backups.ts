import type { OperationLog } from '../log/operation-log.ts'
import type { EraseOperation, HoldingBackup, RecordOperation } from '../types.ts'
import type { BackupList, ErasedPosition } from './backup-list.ts'

export interface ErasedBackupsParts {
  log: OperationLog
  backups: BackupList
  /** Position of the newest operation record for an id; 0 when it was never there. */
  newestOf: (id: string) => number
}

/** What a store can say of the backups that hold what it has erased. */
export interface ErasedBackups {
  backups: HoldingBackup[]
  backupsComplete: boolean
}

/** Which of the backups made through this store still hold a record that was erased. */
export async function erasedBackups(
  { log, backups, newestOf }: ErasedBackupsParts,
  { ids, position: erasedAt }: EraseOperation,
): Promise<ErasedBackups> {
  // What was copied into this log by a replay may stand in backups of the log that it comes from.
  const knownAfter = Math.max(backups.since, log.origin?.head ?? 0)
  if (backups.isEmpty && knownAfter === 0) return { backups: [], backupsComplete: true }
  const erased: ErasedPosition[] = []
  let isWhole = true
  for (const id of ids) {
    const found = await erasedPositions(log, newestOf(id), erasedAt)
    erased.push(...found.positions)
    isWhole &&= found.isWhole
  }
  erased.sort((a, b) => a.position - b.position)
  const backupsComplete = isWhole && erased.every(({ position }) => position > knownAfter)
  return { backups: backups.holding(erased), backupsComplete }
}

/**
 * Every position before an erasure on which a version of a record has ever stood, also those whose content a
 * vacuum or an earlier erasure had taken before: a backup may be older than that. Headers lead from the record's
 * newest operation record to all others, and are never removed.
 */
async function erasedPositions(
  log: OperationLog,
  newest: number,
  erasedAt: number,
): Promise<{ positions: ErasedPosition[]; isWhole: boolean }> {
  const positions: ErasedPosition[] = []
  let gone = erasedAt
  for (let at = newest; at > 0; ) {
    const record = await log.read(at)
    // Where recovery has put a lost record, what lies before it cannot be found.
    if (!('vectorAt' in record)) return { positions, isWhole: false }
    if (record.type === 'delete') gone = Math.min(gone, (await erasureWith(log, record)) ?? gone)
    // A record may have been added again since.
    else if (at < erasedAt) positions.push({ position: at, erasedAt: gone })
    at = record.previous
  }
  return { positions, isWhole: true }
}

/** The erasure in whose commit a record was deleted; `null` for an ordinary delete. */
async function erasureWith(log: OperationLog, { commit, recordId }: RecordOperation): Promise<number | null> {
  const last = await log.read(commit.first + commit.count - 1)
  return last.type === 'erase' && last.ids.includes(recordId) ? last.position : null
}
