import { type BackupOptions, type BackupReport, backupLog } from '../portability/backup.ts'
import type { AnnouncedBackup } from '../portability/backup-list.ts'
import type { Store } from '../store.ts'
import { checkBackup } from './backup-options.ts'
import { positionOf } from './session.ts'

/** Backs a store up as it stands now: what is asked for is checked, and points become positions. */
export async function backupStore(
  store: Store,
  target: string,
  options: BackupOptions,
): Promise<BackupReport> {
  const { folder, from, until } = checkBackup(target, options)
  const end = until === undefined ? store.projector.position : await positionOf(store, until)
  const begin = from === undefined ? undefined : await positionOf(store, from)
  // Retention keeps what the backup is about to read.
  const release = store.pins.hold(`backup into ${folder}`, end)
  try {
    const announce = (backup: AnnouncedBackup) => listBackup(store, backup)
    return await backupLog(store.log, folder, { ...options, from: begin, until: end, announce })
  } finally {
    release()
  }
}

/** Notes a backup that begins to copy, so that erasures name it; durably. */
export function listBackup(store: Store, backup: AnnouncedBackup): void {
  store.backups.add(backup, redactedTo(store))
}

/** Vacuums and erasures up to this position have left the log's files. */
function redactedTo({ catalog, projector }: Store): number {
  const oldestOpen = catalog.openRedactions()[0]
  return oldestOpen === undefined ? projector.position : oldestOpen - 1
}
