/**
 * Opening a store: where it lives, and what it stands on.
 *
 * What holds:
 * - The log is locked before anything else of the folder is touched.
 * - Metadata that was derived from another log than the one that is there is removed, and derived anew.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Env, systemEnv } from './env.ts'
import { AnnalsError, messageOf } from './errors.ts'
import { writeDurably } from './files.ts'
import { backupListName } from './format/backup-list.ts'
import { limits } from './limits.ts'
import { DiskMedium } from './log/disk-medium.ts'
import type { Medium } from './log/medium.ts'
import { MemoryMedium } from './log/memory-medium.ts'
import { openLog } from './log/open-log.ts'
import type { OperationLog, Recovery, RecoveryReport } from './log/operation-log.ts'
import {
  type MetadataFile,
  openMetadataFile,
  openMetadataInMemory,
  removeMetadataFile,
} from './projections/metadata/metadata-file.ts'
import { MetadataProjection } from './projections/metadata/metadata-projection.ts'
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folders.ts'

/** What a store can be told when it is opened. */
export interface StoreOptions {
  /** What to do about damage found in the log; default `tolerate-tail`. */
  recovery?: Recovery
  /** Bytes that loaded collections may hold together; default: half of the machine's memory. */
  memoryBudgetBytes?: number
  /** Bytes of the disk that stay free, whatever is written; default 64 MiB. */
  diskReserveBytes?: number
  /** Told how far the log has been applied, when opening must derive something again. */
  onProgress?: (progress: { position: number; head: number }) => void
  /** Clock, chance and disk space; for tests. */
  env?: Env
}

/** What restore, replay and migrate tell a store that they open. */
export interface FolderOptions extends StoreOptions {
  /** Whose log it shall be, where there is none yet. */
  identity?: { storeId: string; epoch: number }
  /** Leave the building of indexes to `buildIndexes` or to the next opening; default false. */
  indexLater?: boolean
}

/** What opening had to mend. */
export interface OpeningReport extends RecoveryReport {
  /** Why the metadata was derived anew; `null` when it was not. */
  metadataReplaced: string | null
}

/** One place where a store lives. */
export interface Site {
  medium: Medium
  metadata: () => Promise<MetadataFile>
  /** Removes the metadata file, after it was closed. */
  removeMetadata: () => void
  segments: string
  /** Where the list of backups stands; `null` in memory. */
  backups: string | null
  /** Where what recovery gave up is reported; `null` in memory. */
  report: string | null
  /** Runs when the store is closed. */
  cleanUp: () => void
}

/** A store in a folder, which is made where there is none. Throws `log_unavailable`, `log_missing`. */
export function folderSite(folder: string, options: FolderOptions): Site {
  const metadata = join(folder, 'metadata.sqlite3')
  const { recovery = 'tolerate-tail' } = options
  try {
    mkdirSync(folder, { recursive: true })
  } catch (error) {
    const message = `The folder ${folder} cannot be created: ${messageOf(error)}.`
    throw new AnnalsError('log_unavailable', message, { cause: error })
  }
  if (recovery === 'tolerate-tail' && existsSync(metadata) && !existsSync(join(folder, 'log')))
    throw logMissing(folder)
  return {
    medium: folderMedium(folder, options),
    metadata: () => openMetadataFile(metadata),
    removeMetadata: () => removeMetadataFile(metadata),
    segments: join(folder, 'segments'),
    backups: join(folder, backupListName),
    report: join(folder, 'recovery-report.json'),
    cleanUp: () => undefined,
  }
}

/** Where a folder's log is written to. */
export function folderMedium(folder: string, { env = systemEnv, diskReserveBytes }: StoreOptions): Medium {
  const reserveBytes = diskReserveBytes ?? limits.diskReserveBytes
  return new DiskMedium(join(folder, 'log'), { reserveBytes, env })
}

/** A store in memory; graphs of large collections pass through a temporary folder. */
export function memorySite(): Site {
  const folder = makeTemporaryFolder()
  return {
    medium: new MemoryMedium(),
    metadata: async () => openMetadataInMemory(),
    removeMetadata: () => undefined,
    segments: join(folder, 'segments'),
    backups: null,
    report: null,
    cleanUp: () => removeTemporaryFolder(folder),
  }
}

/** What a store stands on, opened. */
export interface OpenedSite {
  log: OperationLog
  metadata: MetadataFile
  projection: MetadataProjection
  report: OpeningReport
}

/** Locks the log, then opens the metadata, then compares the two; what fails leaves nothing open. */
export async function openSite(site: Site, options: FolderOptions): Promise<OpenedSite> {
  const { env = systemEnv, recovery = 'tolerate-tail', identity } = options
  let metadata: MetadataFile | undefined
  let log: OperationLog | undefined
  const openMetadata = async (): Promise<MetadataProjection> => {
    metadata = await site.metadata()
    return new MetadataProjection(metadata.db)
  }
  try {
    let projection: MetadataProjection | undefined
    const mark = async () => {
      projection = await openMetadata()
      return projection.mark
    }
    const opened = await openLog(site.medium, { env, recovery, mark, identity })
    log = opened.log
    let metadataReplaced = metadata!.replaced
    if (wasReplaced(opened.report, log, projection!)) {
      metadataReplaced = 'the log was recovered, and is not the one that was applied'
      await metadata!.close()
      site.removeMetadata()
      projection = await openMetadata()
    }
    return {
      log,
      metadata: metadata!,
      projection: projection!,
      report: { ...opened.report, metadataReplaced },
    }
  } catch (error) {
    await metadata?.close()
    await log?.close()
    throw error
  }
}

/** Writes down what opening gave up, where it did. */
export function saveReport(site: Site, report: OpeningReport): void {
  if (site.report === null || (report.lost.length === 0 && report.truncatedTo === null)) return
  writeDurably(site.report, Buffer.from(JSON.stringify({ at: new Date(), ...report }, null, 2)))
}

function wasReplaced(report: RecoveryReport, log: OperationLog, { mark }: MetadataProjection): boolean {
  const recovered = report.lost.length > 0 || report.truncatedTo !== null
  return recovered || (mark !== null && mark.storeId !== log.storeId)
}

// A store that has lost its log, or a folder that is not a store: neither may be begun anew.
function logMissing(folder: string): AnnalsError {
  return new AnnalsError(
    'log_missing',
    `The folder ${folder} holds a metadata.sqlite3, but no operation log.`,
    {
      hint: 'If it is a store, it is its log: put the folder log back, or restore from a backup. Otherwise choose another folder.',
    },
  )
}
