import { limits } from '../limits.ts'
import { type BackupOptions, type BackupReport, backupLog } from '../portability/backup.ts'
import { resolvePoint } from '../readers/as-of.ts'
import { checkPoint } from '../readers/read-request.ts'
import type { Store } from '../store.ts'
import { checkInteger, checkKeys, checkObject } from '../validation/values.ts'
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
  const { log, projector } = store
  const newest = projector.position
  const position = (point: NonNullable<BackupOptions['from']>) => resolvePoint(log, newest, checkPoint(point))
  return backupLog(log, folder, {
    ...options,
    from: from === undefined ? undefined : await position(from),
    until: until === undefined ? newest : await position(until),
  })
}
