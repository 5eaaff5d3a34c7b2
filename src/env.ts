import { randomBytes, randomUUID } from 'node:crypto'
import { statfsSync } from 'node:fs'

/** Everything that the store takes from outside: time, chance and free space. Tests hand in their own. */
export interface Env {
  /** Unix time in ms. May jump backwards; the log keeps its own order. */
  now(): number
  randomBytes(count: number): Buffer
  /** A new UUID, version 4. */
  uuid(): string
  /** Free bytes on the file system that holds `folder`. */
  freeBytes(folder: string): number
}

/** The real clock, random source and disk. */
export const systemEnv: Env = {
  now: () => Date.now(),
  randomBytes,
  uuid: randomUUID,
  freeBytes: (folder) => {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  },
}
