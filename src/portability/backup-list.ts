import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { temporarySuffix, writeDurably } from '../files.ts'
import { manifestName } from '../format/backup-file.ts'
import {
  type BackupListFile,
  backupListVersion,
  decodeBackupList,
  encodeBackupList,
  type ListedBackup,
} from '../format/backup-list.ts'
import type { OperationLog } from '../log/operation-log.ts'
import type { HoldingBackup } from '../types.ts'
import { readManifest } from './backup-folder.ts'

/** A backup that begins to copy: what is noted before its first byte is written. */
export interface AnnouncedBackup {
  /** Name of the machine, where it is not the store's. */
  host?: string
  path: string
  createdAt: string
  after: number
  until: number
}

/** A position whose content was erased, and the erasure that said so first. */
export interface ErasedPosition {
  position: number
  erasedAt: number
}

/**
 * Remembers which backups were made through a store, and so who may still hold what is erased.
 *
 * What holds:
 * - A backup stands in the list, durably, before its first byte is written.
 * - No backup is ever taken from the list: one that is not found may be on a disk that is not mounted.
 * - A list that was lost is begun anew from the head of the log on, and says so by `since`.
 */
export class BackupList {
  readonly #file: string | null
  #list: BackupListFile

  private constructor(file: string | null, list: BackupListFile) {
    this.#file = file
    this.#list = list
  }

  /** The list in `file`, begun where there is none; in memory for `null`. A damaged one is set aside. */
  static open(file: string | null, log: OperationLog): BackupList {
    const { storeId, head } = log
    const found = file !== null && existsSync(file) ? readFileSync(file, 'utf8') : null
    const known = found === null ? null : decodeBackupList(found, storeId)
    if (known !== null) return new BackupList(file, known)
    // What a damaged list says may still help a person who reads it.
    if (file !== null && found !== null) renameSync(file, `${file}.damaged`)
    const begun = {
      format: 'annals-backup-list',
      formatVersion: backupListVersion,
      storeId,
      since: head,
      backups: [],
    } satisfies BackupListFile
    if (file !== null) saveIfPossible(file, begun)
    return new BackupList(file, begun)
  }

  /** Backups of positions up to this one may have been made without being listed. */
  get since(): number {
    return this.#list.since
  }

  get isEmpty(): boolean {
    return this.#list.backups.length === 0
  }

  /** Notes a backup, durably. `redactedTo`: vacuums and erasures up to there have left the files. */
  add({ after, until, ...backup }: AnnouncedBackup, redactedTo: number): void {
    const run = { after, until, redactedTo }
    const isThis = ({ host, path, createdAt }: ListedBackup) =>
      host === backup.host && path === backup.path && createdAt === backup.createdAt
    const { backups } = this.#list
    const list = {
      ...this.#list,
      backups: backups.some(isThis)
        ? backups.map((one) => (isThis(one) ? { ...one, runs: [...one.runs, run] } : one))
        : [...backups, { ...backup, runs: [run] }],
    }
    if (this.#file !== null) writeDurably(this.#file, encodeBackupList(list))
    this.#list = list
  }

  /** The backups that hold content of erased positions, oldest first. Looks whether they are still there. */
  holding(erased: readonly ErasedPosition[]): HoldingBackup[] {
    return this.#list.backups.flatMap((backup) => {
      const { host = null, path, createdAt, runs } = backup
      const isIn = ({ position, erasedAt }: ErasedPosition) =>
        runs.some(
          ({ after, until, redactedTo }) => after < position && position <= until && redactedTo < erasedAt,
        )
      const positions = erased.filter(isIn).map(({ position }) => position)
      if (positions.length === 0) return []
      const after = Math.min(...runs.map((run) => run.after))
      const until = Math.max(...runs.map((run) => run.until))
      // A path of another machine says nothing here.
      const present = host === null ? isPresent(backup) : null
      return [{ host, path, createdAt: new Date(createdAt), after, until, positions, present }]
    })
  }
}

/** Begins the list in the folder. */
function saveIfPossible(file: string, list: BackupListFile): void {
  try {
    writeDurably(file, encodeBackupList(list))
  } catch {
    // A store opens on a full disk, too. The first backup writes the list, and fails where it cannot; until
    // then each opening begins it anew.
  }
}

/** A backup that was interrupted before its first manifest has left files without one. */
function isPresent({ path, createdAt }: ListedBackup): boolean {
  try {
    const manifest = readManifest(path)
    if (manifest !== null) return manifest.createdAt === createdAt
    return readdirSync(path).some((file) => file.includes('.cbor') || file.endsWith(temporarySuffix))
  } catch {
    // Something stands there that cannot be read: nobody may take it for gone.
    return existsSync(join(path, manifestName))
  }
}
