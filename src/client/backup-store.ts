import { limits } from '../limits.ts'
import { type BackupOptions, type BackupReport, backupLog } from '../portability/backup.ts'
import type { AnnouncedBackup } from '../portability/backup-list.ts'
import { checkPoint } from '../readers/read-request.ts'
import type { Store } from '../store.ts'
import { checkInteger, checkKeys, checkObject } from '../validation/values.ts'
import { positionOf } from './session.ts'
import { checkFolder, checkTransfer } from './transfer-options.ts'

const known = ['from', 'until', 'chunkBytesMax', 'signal', 'onProgress']

/** Backs a store up as it stands now: what is asked for is checked, and points become positions. */
export async function backupStore(
  store: Store,
  target: string,
  options: BackupOptions,
): Promise<BackupReport> {
  const folder = checkFolder(target, 'backup.target')
  const given = checkObject(options, 'backup')
  checkKeys(given, known, 'backup')
  checkTransfer(given, 'backup')
  const { from, until, chunkBytesMax } = options
  if (chunkBytesMax !== undefined)
    checkInteger(chunkBytesMax, 'backup.chunkBytesMax', 1, limits.backupChunkBytesMax)
  const position = async (point: unknown) => positionOf(store, checkPoint(point))
  const end = until === undefined ? store.projector.position : await position(until)
  const begin = from === undefined ? undefined : await position(from)
  // Retention keeps what the backup is about to read.
  const release = store.pins.hold(`backup into ${folder}`, end)
  try {
    const announce = (backup: AnnouncedBackup) => store.backups.add(backup, redactedTo(store))
    return await backupLog(store.log, folder, { ...options, from: begin, until: end, announce })
  } finally {
    release()
  }
}

/** Vacuums and erasures up to this position have left the log's files. */
function redactedTo({ catalog, projector }: Store): number {
  const oldestOpen = catalog.openRedactions()[0]
  return oldestOpen === undefined ? projector.position : oldestOpen - 1
}
