import { join } from 'node:path'
import { systemEnv } from '../env.ts'
import { limits } from '../limits.ts'
import { DiskMedium } from '../log/disk-medium.ts'
import { openLog } from '../log/open-log.ts'
import type { OperationLog } from '../log/operation-log.ts'
import { makeTemporaryFolder, removeTemporaryFolder } from '../temporary-folders.ts'
import type { OperationRecord } from '../types.ts'
import type { BackupReader } from './backup-reader.ts'
import { groups } from './copy-frames.ts'

/**
 * A backup's log in a temporary folder, for whoever must read single operation records: a backup gives them only
 * in order. Nothing is unpacked before the first read.
 */
export class UnpackedLog {
  #opened: Promise<{ log: OperationLog; folder: string }> | null = null

  /** The operation record at `position` of a backup; what is still packed up to its end is unpacked first. */
  async read(backup: BackupReader, position: number): Promise<OperationRecord> {
    this.#opened ??= openTemporary()
    const { log } = await this.#opened
    if (position > log.head) {
      const range = { after: log.head, until: backup.head.position, tree: log.frontier }
      for await (const group of groups(backup.frames(range))) await log.appendFrames(group)
    }
    return log.read(position)
  }

  async close(): Promise<void> {
    if (this.#opened === null) return
    const { log, folder } = await this.#opened
    await log.close()
    removeTemporaryFolder(folder)
  }
}

async function openTemporary(): Promise<{ log: OperationLog; folder: string }> {
  const folder = makeTemporaryFolder()
  const env = systemEnv
  const medium = new DiskMedium(join(folder, 'log'), { reserveBytes: limits.diskReserveBytes, env })
  const { log } = await openLog(medium, { env, recovery: 'absolute', mark: async () => null })
  return { log, folder }
}
