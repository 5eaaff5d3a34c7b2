import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Folders of stores in memory that are not closed yet; a process that ends takes them along. */
const folders = new Set<string>()

function removeAll(): void {
  for (const folder of folders) removeTemporaryFolder(folder)
}

/** A new folder below the system's folder for temporary files. */
export function makeTemporaryFolder(): string {
  if (folders.size === 0) process.once('exit', removeAll)
  const folder = mkdtempSync(join(tmpdir(), 'annals-'))
  folders.add(folder)
  return folder
}

export function removeTemporaryFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  folders.delete(folder)
  if (folders.size === 0) process.off('exit', removeAll)
}
