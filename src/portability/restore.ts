import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { AnnalsError } from '../errors.ts'
import { syncFolder } from '../files.ts'
import { backupDamaged } from '../format/backup-file.ts'
import type { Point } from '../types.ts'
import { BackupReader } from './backup-reader.ts'
import { type CopyTarget, copyFrames } from './copy-frames.ts'
import type { TransferOptions } from './transfer.ts'

export interface RestoreOptions extends TransferOptions {
  /** The folder of the new store: one that is not there, or that is empty. */
  path: string
  /** How far to go; default: the end of the backup. A point inside a commit is the commit before. */
  until?: Exclude<Point, string>
  /** Only say what would be done. */
  dryRun?: boolean
  /**
   * Build the vector indexes, too. Default false: the new store is complete without them, answers queries
   * exactly, and builds them in the background when it is opened.
   */
  buildIndexes?: boolean
}

/** What a restore did, or would do. */
export interface RestoreReport {
  /** The folder of the new store. */
  path: string
  dryRun: boolean
  storeId: string
  /** Of the new store: one above the backup's, so that the two are never taken for each other. */
  epoch: number
  /** The position that is reached. */
  position: number
  /** RFC 6962 root of the new store, hexadecimal; `null` in a dry run to a point within a chunk. */
  root: string | null
  /** Operation records. */
  records: number
  /** The files that are read, in their order. */
  chunks: { file: string; first: number; last: number; bytes: number }[]
  /** Bytes of these files. */
  bytes: number
}

/** A store that a restore has opened. */
export interface RestoredStore extends CopyTarget {
  buildIndexes(): Promise<void>
  close(): Promise<void>
}

/** How a restore gets at stores; given by whoever wires. */
export interface RestoreParts {
  /** Opens a new store in a folder; indexes wait for `buildIndexes`. */
  create(folder: string, identity: { storeId: string; epoch: number }): Promise<RestoredStore>
  /** Throws `store_locked` while another process works in the folder. */
  checkUnused(folder: string): Promise<void>
}

/**
 * Makes a new store of a backup. It is built in `<path>.restoring` and renamed when it is whole: whatever
 * interrupts it, there is no half a store under the name, and the same call begins anew.
 *
 * Throws `store_exists`, `backup_damaged`, `backup_mismatch`, `position_not_reached`, `format_unsupported`.
 */
export async function restoreBackup(
  source: readonly string[],
  options: RestoreOptions,
  parts: RestoreParts,
): Promise<RestoreReport> {
  const { signal, dryRun = false } = options
  const path = resolve(options.path)
  checkVacant(path)
  const backup = BackupReader.open(source)
  const until = await backup.resolve(options.until)
  const plan = planOf(backup, path, until, dryRun)
  if (dryRun) return plan

  const building = `${path}.restoring`
  await clear(building, parts)
  try {
    const store = await parts.create(building, { storeId: plan.storeId, epoch: plan.epoch })
    try {
      await copyFrames(backup.frames({ after: 0, until }), store, { ...options, until })
      checkReached(store, backup, until)
      if (options.buildIndexes === true) await store.buildIndexes()
      plan.root = store.log.root.toString('hex')
    } finally {
      await store.close()
    }
    signal?.throwIfAborted()
    moveInto(building, path)
    return plan
  } catch (error) {
    rmSync(building, { recursive: true, force: true })
    throw error
  }
}

function planOf(backup: BackupReader, path: string, until: number, dryRun: boolean): RestoreReport {
  const used = backup.chunks.map(({ entry }) => entry).filter(({ first }) => first <= until)
  const end = used.find(({ last }) => last === until)
  return {
    path,
    dryRun,
    storeId: backup.storeId,
    epoch: backup.epoch + 1,
    position: until,
    root: until === backup.head.position ? backup.head.root : (end?.root ?? null),
    records: until,
    chunks: used.map(({ file, first, last, bytes }) => ({ file, first, last, bytes })),
    bytes: used.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

function checkReached({ log }: CopyTarget, { head }: BackupReader, until: number): void {
  if (log.head !== until) throw backupDamaged(`The backup leads to position ${log.head} instead of ${until}.`)
  if (until === head.position && log.root.toString('hex') !== head.root)
    throw backupDamaged(`The backup leads to another root at position ${until} than its manifest says.`)
}

/** Refuses a path where anything stands already. */
function checkVacant(path: string): void {
  if (!existsSync(path) || readdirSync(path).length === 0) return
  throw new AnnalsError('store_exists', `The folder ${path} is not empty.`, {
    fate: 'not_written',
    hint: 'Nothing is ever restored over a store: name a new folder, or move the old one away first.',
  })
}

/** Removes what an interrupted attempt left, unless it is under way in another process. */
async function clear(folder: string, parts: Pick<RestoreParts, 'checkUnused'>): Promise<void> {
  if (existsSync(join(folder, 'log'))) await parts.checkUnused(folder)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
}

/** Gives a finished folder its name, durably. */
function moveInto(building: string, path: string): void {
  if (existsSync(path)) rmdirSync(path)
  renameSync(building, path)
  syncFolder(dirname(path))
}
