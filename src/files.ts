/**
 * Files that must survive a power cut, and the few reads that every format needs. All calls are synchronous.
 *
 * Temporary files are named `<name>.tmp`: whoever opens a folder may remove what bears that name.
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** What the name of every file ends with that is not finished yet. */
export const temporarySuffix = '.tmp'

/**
 * Puts a file into place whole: after a crash at any moment the path holds the old bytes or the new ones.
 * When it throws, nothing was replaced, except when the last step failed, the fsync of the folder: then the
 * new bytes stand there, and a power cut may still bring the old ones back.
 *
 * @example
 * writeDurably('/data/segment-7.hnsw', [header, graph])
 */
export function writeDurably(path: string, bytes: Uint8Array | readonly Uint8Array[]): void {
  const temporary = path + temporarySuffix
  try {
    const file = openSync(temporary, 'w')
    try {
      for (const part of bytes instanceof Uint8Array ? [bytes] : bytes) writeFileSync(file, part)
      // Before the rename: a name must never stand for bytes that are not on the disk.
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
  } catch (error) {
    removeIfPossible(temporary)
    throw error
  }
  syncFolder(dirname(path))
}

/**
 * Makes the names in a folder durable: what was created, renamed or removed in it before this call.
 * Does nothing on Windows, where a folder cannot be opened and NTFS journals its names.
 */
export function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/** Fills `target` with the bytes from `offset` on; answers how many there were, fewer only at the file's end. */
export function readFully(file: number, target: Uint8Array, offset: number): number {
  let filled = 0
  while (filled < target.length) {
    const count = readSync(file, target, filled, target.length - filled, offset + filled)
    if (count === 0) break
    filled += count
  }
  return filled
}

/** The size of a file in bytes; `null` when there is none. Opens nothing, so it drops no lock of SQLite's. */
export function fileBytes(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null
}

/** Removes a leftover whose name says that nobody needs it. */
export function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // Whatever forbids it: the file does no harm, and its removal is tried again the next time.
  }
}
