/**
 * The list of the backups that were made through a store: `backups.json` in its folder. It stands beside the log
 * and is not derived from it: a backup changes nothing in the store that it copies.
 */
import { sealJson, unsealJson } from './sealed-json.ts'

/**
 * The format of the list. Version history:
 * - 1 (0.1.0): the first.
 */
export const backupListVersion = 1

/** Name of the list in the folder of a store. */
export const backupListName = 'backups.json'

/** One call of `backup` that had something to copy. It may have been interrupted: then it copied a part. */
export interface BackupRun {
  /** What it copied: positions after this one … */
  after: number
  /** … up to and with this one. */
  until: number
  /** Vacuums and erasures up to this position had left the log's files when it began. */
  redactedTo: number
}

/** One backup, in one folder. */
export interface ListedBackup {
  /** Of the machine, where it was made through a server. */
  host?: string
  path: string
  /** As its manifest says: another backup in the same folder has another time. */
  createdAt: string
  runs: BackupRun[]
}

/** What a store remembers of its backups. */
export interface BackupListFile {
  format: 'annals-backup-list'
  formatVersion: number
  storeId: string
  /** Where the log stood when the list was begun: of backups made before that it knows nothing. */
  since: number
  backups: ListedBackup[]
}

/** The list as the bytes of its file. */
export function encodeBackupList(list: BackupListFile): Buffer {
  return Buffer.from(sealJson(list))
}

/** The list in a file; `null` when it is damaged, of a later format or of another store: as good as lost. */
export function decodeBackupList(text: string, storeId: string): BackupListFile | null {
  const list = unsealJson(text) as BackupListFile | null
  if (list === null || list.format !== 'annals-backup-list' || list.formatVersion > backupListVersion)
    return null
  return list.storeId === storeId ? list : null
}
