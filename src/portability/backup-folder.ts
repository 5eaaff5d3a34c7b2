import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { AnnalsError, messageOf } from '../errors.ts'
import { temporarySuffix, writeDurably } from '../files.ts'
import { type BackupManifest, decodeManifest, encodeManifest, manifestName } from '../format/backup-file.ts'

/** The manifest of the backup in a folder; `null` where there is none. */
export function readManifest(folder: string): BackupManifest | null {
  const path = join(folder, manifestName)
  if (!existsSync(path)) return null
  return decodeManifest(readFileSync(path, 'utf8'), path)
}

/** Puts the manifest in place, durably: what it names must be durable already. */
export function writeManifest(folder: string, manifest: BackupManifest): void {
  writeDurably(join(folder, manifestName), Buffer.from(encodeManifest(manifest)))
}

/**
 * Makes a folder ready for a backup: creates it, and removes the unfinished files of one that was interrupted.
 * Throws `store_exists` for a folder that holds something else.
 */
export function prepareFolder(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const present = readdirSync(folder)
  for (const file of present) if (file.endsWith(temporarySuffix)) rmSync(join(folder, file), { force: true })
  const strange = present.find((file) => !isOurs(file))
  // Beside a backup, whatever else somebody has put there does no harm.
  if (strange === undefined || present.includes(manifestName)) return
  throw new AnnalsError('store_exists', `The folder ${folder} is no backup: it holds ${strange}.`, {
    hint: 'Name an empty folder, or one that holds an earlier backup of this store.',
  })
}

function isOurs(file: string): boolean {
  return file === manifestName || file.endsWith(temporarySuffix) || /^\d{16}\.cbor(\.gz)?$/.test(file)
}

/** An error of the file system while a backup is written, in the store's words. */
export function writingFailed(folder: string, error: unknown): unknown {
  const { code } = error as { code?: unknown }
  if (error instanceof AnnalsError || typeof code !== 'string' || !/^E[A-Z]+$/.test(code)) return error
  const hint = 'What was finished stays; repeat the backup, and it goes on from there.'
  const kind = code === 'ENOSPC' || code === 'EDQUOT' ? 'disk_full' : 'write_failed'
  return new AnnalsError(kind, `The backup in ${folder} cannot be written: ${messageOf(error)}.`, {
    fate: 'not_written',
    hint,
    cause: error,
  })
}
