import { limits } from '../limits.ts'
import type { BackupOptions } from '../portability/backup.ts'
import { checkPoint } from '../readers/read-request.ts'
import type { Point } from '../types.ts'
import { checkInteger, checkKeys, checkObject } from '../validation/values.ts'
import { checkFolder, checkTransfer } from './transfer-options.ts'

const known = ['from', 'until', 'chunkBytesMax', 'signal', 'onProgress']

/** What a backup was asked for; points are not resolved yet. */
export interface CheckedBackup {
  folder: string
  /** `undefined`: not given. */
  from: Point | undefined
  until: Point | undefined
}

/** Where a backup goes, and between which points of the log. */
export function checkBackup(target: string, options: BackupOptions): CheckedBackup {
  const folder = checkFolder(target, 'backup.target')
  const given = checkObject(options, 'backup')
  checkKeys(given, known, 'backup')
  checkTransfer(given, 'backup')
  const { from, until, chunkBytesMax } = options
  if (chunkBytesMax !== undefined)
    checkInteger(chunkBytesMax, 'backup.chunkBytesMax', 1, limits.backupChunkBytesMax)
  const point = (value: unknown) => (value === undefined ? undefined : checkPoint(value))
  return { folder, from: point(from), until: point(until) }
}
