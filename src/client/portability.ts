/**
 * Moving whole stores: what takes or makes more than one of them stands beside the clients.
 */
import { existsSync, mkdirSync, readdirSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { systemEnv } from '../env.ts'
import { AnnalsError } from '../errors.ts'
import { manifestName } from '../format/backup-file.ts'
import { limits } from '../limits.ts'
import { DiskMedium } from '../log/disk-medium.ts'
import { type ReplayOptions, type ReplayReport, replayInto } from '../portability/replay.ts'
import { BackupSource, type ReplaySource, StoreSource } from '../portability/replay-source.ts'
import { type RestoreOptions, type RestoreReport, restoreBackup } from '../portability/restore.ts'
import { checkPoint } from '../readers/read-request.ts'
import { Store } from '../store.ts'
import { checkArray, checkKeys, checkObject, invalid } from '../validation/values.ts'
import type { Client } from './api.ts'
import { LocalClient } from './local-client.ts'
import { acquireStore, releaseStore } from './shared-stores.ts'
import { checkFlag, checkFolder, checkTransfer } from './transfer-options.ts'

/**
 * Makes a new store of a backup, up to its end or to a point before.
 *
 * The new store keeps the backup's store id; its epoch is one higher, so that a backup of it is never mixed with
 * those of the store it came from. While it is built it stands in `<path>.restoring`; an interrupted restore
 * leaves nothing under `path` and is simply repeated.
 *
 * @param source the folder of a backup, or several folders that continue each other, the full backup first.
 * @throws AnnalsError `store_exists` when there is something at `path`, `backup_damaged` with the name of the
 *   file, `backup_mismatch`, `position_not_reached`, `format_unsupported`.
 *
 * @example
 * const plan = await restore('/backups/notes', { path: './data', until: new Date('2026-11-20'), dryRun: true })
 * await restore('/backups/notes', { path: './data', until: plan.position })
 */
export async function restore(
  source: string | readonly string[],
  options: RestoreOptions,
): Promise<RestoreReport> {
  const given = checkObject(options, 'restore')
  checkKeys(given, ['path', 'until', 'dryRun', 'buildIndexes', 'signal', 'onProgress'], 'restore')
  checkTransfer(given, 'restore')
  checkFlag(given.dryRun, 'restore.dryRun')
  checkFlag(given.buildIndexes, 'restore.buildIndexes')
  checkUntil(given.until, 'restore.until')
  checkFolder(given.path, 'restore.path')
  return restoreBackup(checkFolders(source, 'restore.source'), options, {
    create: (folder, identity) => Store.openFolder(folder, { identity, indexLater: true }),
    checkUnused,
  })
}

/** What a replay into a folder is told beside. */
export interface ReplayTargetOptions extends ReplayOptions {
  /**
   * For a target given as a folder: build its vector indexes before this returns. Default false: it answers
   * exactly without them, and builds them in the background when it is opened.
   */
  buildIndexes?: boolean
}

/**
 * Derives a store anew from the log of another one, or from a backup.
 *
 * Without changes the target's log is the source's bit for bit, so the roots are equal; `follow` keeps it so, as
 * a warm standby. With changes (`collections`, `configuration`, `embeddingFunction`, `transform`) each commit is
 * decided anew in the target, under its own time, actor, reason and idempotency key. Both can be interrupted and
 * called again: a target that is a replay of the same source is continued, with the options of this call.
 *
 * What a replay does not carry over: operation records that erasure or recovery took, and what was done to the
 * history of the source (tags, retention); a copy carries all of it.
 *
 * @param source a client, the folder of a store, or the folder of a backup.
 * @param target a client whose store is empty, or a folder that is empty or not there. It must take no other
 *   writes as long as the replay is to be continued.
 * @throws AnnalsError `store_exists` for a target that holds anything else, `conflict` for one that was written
 *   to, `backup_mismatch` when source and target turn out to be two histories.
 *
 * @example
 * await replay('./data', './data-cosine', { configuration: { hnsw: { space: 'cosine' } } })
 */
export async function replay(
  source: Client | string,
  target: Client | string,
  options: ReplayTargetOptions = {},
): Promise<ReplayReport> {
  checkReplayOptions(options)
  // A source that cannot be read leaves no target behind.
  const from = await openSource(source)
  try {
    const to = await openTarget(target)
    try {
      if (from.store === to.store)
        throw invalid('replay.target', 'must be another store than the source', to.store.log.storeId)
      const report = await replayInto(from.source, to.store, options)
      if (options.buildIndexes === true) await to.store.buildIndexes()
      return report
    } finally {
      await to.release()
    }
  } finally {
    await from.release()
  }
}

interface Leased {
  store: Store
  release: () => Promise<void>
}

async function openTarget(target: Client | string): Promise<Leased> {
  if (typeof target !== 'string') return { store: await storeOf(target, 'target'), release: nothing }
  const path = resolve(checkFolder(target, 'replay.target'))
  mkdirSync(path, { recursive: true })
  if (readdirSync(path).length > 0 && !existsSync(join(path, 'log')))
    throw new AnnalsError('store_exists', `The folder ${path} is not empty, and holds no store.`, {
      fate: 'not_written',
      hint: 'Replay into a new folder.',
    })
  return leased(path)
}

/** Where a replay reads. `store`: the one it is, `null` for a backup. */
async function openSource(
  source: Client | string,
): Promise<{ source: ReplaySource; store: Store | null; release: () => Promise<void> }> {
  if (typeof source === 'string' && existsSync(join(source, manifestName))) {
    const backup = new BackupSource([source])
    return { source: backup, store: null, release: () => backup.close() }
  }
  const { store, release } = await openSourceStore(source)
  return { source: new StoreSource(store), store, release }
}

async function openSourceStore(source: Client | string): Promise<Leased> {
  if (typeof source !== 'string') return { store: await storeOf(source, 'source'), release: nothing }
  const path = resolve(checkFolder(source, 'replay.source'))
  // Opening would create a store where there is none.
  if (!existsSync(join(path, 'log')))
    throw invalid('replay.source', 'must be the folder of a store or of a backup', source)
  return leased(path)
}

async function leased(path: string): Promise<Leased> {
  const folder = realpathSync(path)
  return {
    store: await acquireStore(folder, { indexLater: true }),
    release: () => releaseStore(folder),
  }
}

function storeOf(client: Client, place: string): Promise<Store> {
  if (client instanceof LocalClient) return client.store()
  throw invalid(
    `replay.${place}`,
    'must be a folder, or a client of a store in this process',
    client,
    'A store behind a server is backed up there; restore or replay the backup.',
  )
}

function checkReplayOptions(options: ReplayTargetOptions): void {
  const given = checkObject(options, 'replay')
  const known = ['until', 'collections', 'configuration', 'embeddingFunction', 'keepVectors', 'transform']
  checkKeys(given, [...known, 'follow', 'buildIndexes', 'signal', 'onProgress'], 'replay')
  checkTransfer(given, 'replay')
  checkFlag(given.follow, 'replay.follow')
  checkFlag(given.buildIndexes, 'replay.buildIndexes')
  checkFlag(given.keepVectors, 'replay.keepVectors')
  checkUntil(given.until, 'replay.until')
  if (given.until !== undefined && given.follow === true)
    throw new AnnalsError('invalid_argument', 'replay: until and follow contradict each other.', {
      fate: 'not_written',
    })
}

/** A position or a Date; a tag is known only to the store that it stands in. */
function checkUntil(until: unknown, place: string): void {
  if (until === undefined) return
  if (typeof checkPoint(until) === 'string') throw invalid(place, 'must be a position or a Date', until)
}

function checkFolders(source: unknown, place: string): string[] {
  if (typeof source === 'string') return [checkFolder(source, place)]
  const folders = checkArray(source, place).map((folder, index) => checkFolder(folder, `${place}[${index}]`))
  if (folders.length > 0) return folders
  throw invalid(place, 'must name at least one folder', source)
}

/** Takes and gives back the lock of the log below a folder; damage there does not matter. */
async function checkUnused(folder: string): Promise<void> {
  const medium = new DiskMedium(join(folder, 'log'), {
    reserveBytes: limits.diskReserveBytes,
    env: systemEnv,
  })
  try {
    await (await medium.open()).close()
  } catch (error) {
    if (error instanceof AnnalsError && error.code === 'store_locked') throw error
  }
}

async function nothing(): Promise<void> {}
