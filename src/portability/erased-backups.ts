import { commitEnd } from '../commit-end.ts'
import type { OperationLog } from '../log/operation-log.ts'
import type { EraseOperation, HoldingBackup, RecordOperation } from '../types.ts'
import type { BackupList, ErasedPosition } from './backup-list.ts'

export interface ErasedBackupsParts {
  log: OperationLog
  backups: BackupList
  /** Position of the newest operation record for an id in a collection; 0 when it was never there. */
  newestOf: (collection: string, id: string) => number
}

/** What a store can say of the backups that hold what it has erased. */
export interface ErasedBackups {
  backups: HoldingBackup[]
  backupsComplete: boolean
}

/** Which of the backups made through this store still hold a record that was erased. */
export async function erasedBackups(
  { log, backups, newestOf }: ErasedBackupsParts,
  { scope, ids, forks = [], position: erasedAt }: EraseOperation,
): Promise<ErasedBackups> {
  // What was copied into this log by a replay may stand in backups of the log that it comes from.
  const knownAfter = Math.max(backups.since, log.origin?.head ?? 0)
  if (backups.isEmpty && knownAfter === 0) return { backups: [], backupsComplete: true }
  const goneAt = new Map<number, number>()
  let isWhole = true
  for (const part of [{ collection: scope, ids }, ...forks])
    for (const id of part.ids)
      isWhole = (await noteErased(log, newestOf(part.collection, id), erasedAt, goneAt)) && isWhole
  const erased = [...goneAt]
    .map(([position, gone]): ErasedPosition => ({ position, erasedAt: gone }))
    .sort((a, b) => a.position - b.position)
  const backupsComplete = isWhole && erased.every(({ position }) => position > knownAfter)
  return { backups: backups.holding(erased), backupsComplete }
}

/**
 * Notes every position before an erasure on which a version of a record has ever stood, also those whose content a
 * vacuum or an earlier erasure had taken before: a backup may be older than that. Headers lead from the record's
 * newest operation record to all others, and to what a fork has taken over; they are never removed. Answers
 * whether all of them could be followed.
 */
async function noteErased(
  log: OperationLog,
  newest: number,
  erasedAt: number,
  goneAt: Map<number, number>,
): Promise<boolean> {
  let gone = erasedAt
  for (let at = newest; at > 0; ) {
    const record = await log.read(at)
    // Where recovery has put a lost record, what lies before it cannot be found.
    if (!('vectorAt' in record)) return false
    if (record.type === 'delete') gone = Math.min(gone, (await erasureWith(log, record)) ?? gone)
    // A record may have been added again since.
    else if (at < erasedAt)
      for (const position of [at, record.vectorAt, record.documentAt])
        if (position > 0) goneAt.set(position, Math.min(gone, goneAt.get(position) ?? gone))
    at = record.previous
  }
  return true
}

/** The erasure in whose commit a record was deleted; `null` for an ordinary delete. */
async function erasureWith(
  log: OperationLog,
  { commit, collection, recordId }: RecordOperation,
): Promise<number | null> {
  const last = await log.read(commitEnd(commit))
  if (last.type !== 'erase') return null
  const parts = [{ collection: last.scope, ids: last.ids }, ...(last.forks ?? [])]
  const isErased = parts.some((part) => part.collection === collection && part.ids.includes(recordId))
  return isErased ? last.position : null
}
