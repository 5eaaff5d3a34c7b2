import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { UsageError } from './failure.ts'

/** Where a store lies when nobody says; that of `PersistentClient`. */
export const defaultFolder = './annals-data'

/**
 * Whether there is a store in a folder, be it damaged. Opening would create one, which a command that only reads,
 * with a name mistyped, must not do.
 */
export function holdsStore(folder: string): boolean {
  const log = join(folder, 'log')
  if (existsSync(log) && readdirSync(log).length > 0) return true
  return existsSync(join(folder, 'metadata.sqlite3'))
}

/** Throws unless there is a store in the folder. `makes`: for commands that could make one. */
export function checkHoldsStore(
  folder: string | undefined,
  { makes = false }: { makes?: boolean } = {},
): void {
  const path = folder ?? defaultFolder
  if (holdsStore(path)) return
  const what = existsSync(path) ? 'holds no store' : 'does not exist'
  const way = folder === undefined ? 'Name the folder of a store with --path.' : 'Check the spelling.'
  throw new UsageError(
    `The folder ${resolve(path)} ${what}.`,
    makes ? `${way} With --create a new store is made.` : way,
  )
}

/** Throws unless the folder can be replayed: that of a store, or of a backup. */
export async function checkReplayable(folder: string): Promise<void> {
  checkExists(folder)
  const { manifestName } = await import('../format/backup-file.ts')
  if (holdsStore(folder) || existsSync(join(folder, manifestName))) return
  throw new UsageError(
    `The folder ${resolve(folder)} holds neither a store nor a backup.`,
    'Name the folder of a store, or one that annals backup has written.',
  )
}

/** Throws unless the folder of a backup is there. */
export function checkExists(folder: string): void {
  if (!existsSync(folder))
    throw new UsageError(`The folder ${resolve(folder)} does not exist.`, 'Check the spelling.')
}
