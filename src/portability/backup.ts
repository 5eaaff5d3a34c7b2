import { resolve } from 'node:path'
import { AnnalsError } from '../errors.ts'
import {
  type BackupManifest,
  backupFormatVersion,
  type ChunkEntry,
  type Frontier,
} from '../format/backup-file.ts'
import { logFormatVersion } from '../format/version.ts'
import { limits } from '../limits.ts'
import { MerkleFrontier } from '../log/merkle-tree.ts'
import type { LogFrame, LogLeaf, OperationLog, ReadOptions } from '../log/operation-log.ts'
import type { Point } from '../types.ts'
import { prepareFolder, readManifest, writeManifest, writingFailed } from './backup-folder.ts'
import type { AnnouncedBackup } from './backup-list.ts'
import { cursorOn, writeChunk } from './chunk-writer.ts'
import type { TransferOptions } from './transfer.ts'

export interface BackupOptions extends TransferOptions {
  /**
   * For a new folder: begin after this point, where an earlier backup in another folder ends. Default: the
   * beginning of the log. A folder that holds a backup already is continued from its end.
   */
  from?: Point
  /** Default: the newest commit when the backup begins. A point inside a commit is the commit before. */
  until?: Point
  /** Uncompressed bytes in one chunk; default and at most 64 MiB, or a single frame that is larger. */
  chunkBytesMax?: number
}

/** What a backup did. */
export interface BackupReport {
  /** The folder. */
  path: string
  storeId: string
  epoch: number
  /** The newest commit that the folder now holds. */
  position: number
  committedAt: Date
  /** RFC 6962 root of the log at that position, hexadecimal. */
  root: string
  /** Files that this call added. */
  chunks: string[]
  /** Operation records that this call added. */
  records: number
  /** Bytes of the files that it added. */
  bytes: number
}

/** What a backup reads of a log, which may stand behind a server. */
export interface LogToCopy extends Pick<OperationLog, 'storeId' | 'epoch' | 'head' | 'root'> {
  leaves(options: ReadOptions): AsyncGenerator<Pick<LogLeaf, 'position' | 'leaf'>, void, undefined>
  frames(options: ReadOptions): AsyncGenerator<LogFrame, void, undefined>
}

/** The same with every point resolved to a position at the end of a commit. */
export interface BackupRequest extends TransferOptions {
  from?: number | undefined
  until: number
  chunkBytesMax?: number | undefined
  /** Told what will be copied before the first byte of it is written; not told when that is nothing. */
  announce?: (backup: AnnouncedBackup) => void | Promise<void>
}

/** Folders that this process is writing a backup to. */
const underWay = new Set<string>()

/**
 * Copies the log of a store into a folder, or what the folder lacks of it. Writes may go on meanwhile: the
 * backup is what the log held when it began.
 *
 * What holds: the manifest names a chunk only once it is durable, and no chunk that it names is ever touched
 * again; so a backup that is interrupted anywhere is a smaller backup, and is continued by the next one.
 *
 * Throws `backup_mismatch` when the folder holds another history than the log.
 */
export async function backupLog(
  log: LogToCopy,
  target: string,
  request: BackupRequest,
): Promise<BackupReport> {
  const folder = resolve(target)
  if (underWay.has(folder))
    throw new AnnalsError('busy', `A backup into ${folder} is under way.`, { hint: 'Await it first.' })
  underWay.add(folder)
  try {
    request.signal?.throwIfAborted()
    prepareFolder(folder)
    const before = readManifest(folder) ?? (await begin(log, request.from ?? 0))
    await checkContinues(log, before, folder, request)
    const { createdAt, end } = before
    const { until, announce } = request
    if (until > end.position) await announce?.({ path: folder, createdAt, after: end.position, until })
    return await addChunks(log, folder, before, request)
  } catch (error) {
    // A stream that is aborted says so in its own words.
    request.signal?.throwIfAborted()
    throw writingFailed(folder, error)
  } finally {
    underWay.delete(folder)
  }
}

async function begin(log: LogToCopy, from: number): Promise<BackupManifest> {
  const now = new Date().toISOString()
  const frontier = await rolled(log, new MerkleFrontier(), from)
  const after = frontierOf(frontier)
  const committedAt = await committedAtOf(log, from)
  return {
    format: 'annals-backup',
    formatVersion: backupFormatVersion,
    logFormatVersion,
    storeId: log.storeId,
    epoch: log.epoch,
    createdAt: now,
    updatedAt: now,
    after,
    end: after,
    head: { position: from, root: after.root, committedAt: new Date(committedAt).toISOString() },
    chunks: [],
  }
}

/** Of the commit that the operation record at a position belongs to; 0 for the beginning. */
async function committedAtOf(log: LogToCopy, position: number): Promise<number> {
  if (position === 0) return 0
  for await (const { commit } of log.frames({ after: position - 1, until: position }))
    return commit.committedAt
  throw new AnnalsError('position_not_reached', `The log has no position ${position}.`)
}

/**
 * Two histories are never mixed: the folder must be of this store and epoch, and its tree, continued with the
 * log's leaves, must be the log's tree.
 */
async function checkContinues(
  log: LogToCopy,
  { storeId, epoch, end, chunks }: BackupManifest,
  folder: string,
  { from, signal }: BackupRequest,
): Promise<void> {
  if (storeId !== log.storeId)
    throw mismatch(folder, `it holds a backup of the store ${storeId}, and this is the store ${log.storeId}`)
  if (epoch !== log.epoch)
    throw mismatch(folder, `it holds epoch ${epoch} of this store, which is at epoch ${log.epoch}`)
  if (end.position > log.head)
    throw mismatch(folder, `it ends at position ${end.position}, and the log at ${log.head}`)
  if (from !== undefined && chunks.length > 0 && from !== end.position)
    throw mismatch(folder, `it ends at position ${end.position}, and not at ${from}`)
  if (chunks.length === 0) return
  const { head, root } = log
  const reached = await rolled(log, treeOf(end), head, signal)
  if (!reached.root().equals(root))
    throw mismatch(folder, `its tree at position ${end.position} is not the one of this log`)
}

async function rolled(
  log: LogToCopy,
  frontier: MerkleFrontier,
  until: number,
  signal?: AbortSignal,
): Promise<MerkleFrontier> {
  for await (const { leaf, position } of log.leaves({ after: frontier.size, until })) {
    frontier.append(leaf)
    if (position % 1000 === 0) signal?.throwIfAborted()
  }
  return frontier
}

async function addChunks(
  log: LogToCopy,
  folder: string,
  before: BackupManifest,
  request: BackupRequest,
): Promise<BackupReport> {
  const { until, signal, onProgress, chunkBytesMax: bytesMax = limits.backupChunkBytesMax } = request
  const expected = { head: log.head, root: log.root }
  const frontier = treeOf(before.end)
  const frames = log.frames({ after: frontier.size, until })
  const cursor = cursorOn(frames)
  let manifest = before
  let bytes = 0
  try {
    while ((await cursor.peek()) !== undefined) {
      signal?.throwIfAborted()
      const { entry, head } = await writeChunk(folder, cursor, frontier, { bytesMax, signal })
      if (frontier.size === expected.head) checkTree(frontier, expected.root)
      manifest = withChunk(manifest, entry, frontier, head)
      writeManifest(folder, manifest)
      bytes += entry.contentBytes
      onProgress?.({ position: entry.last, until, bytes })
    }
  } finally {
    await frames.return()
  }
  if (manifest.chunks.length === 0) writeManifest(folder, manifest)
  return reportOf(folder, before, manifest)
}

function withChunk(
  manifest: BackupManifest,
  entry: ChunkEntry,
  frontier: MerkleFrontier,
  head: BackupManifest['head'] | null,
): BackupManifest {
  return {
    ...manifest,
    updatedAt: new Date().toISOString(),
    end: frontierOf(frontier),
    head: head ?? manifest.head,
    chunks: [...manifest.chunks, entry],
  }
}

/** Each frame fits by itself; together they must be the log that the head record speaks of. */
function checkTree(frontier: MerkleFrontier, root: Buffer): void {
  if (frontier.root().equals(root)) return
  throw new AnnalsError(
    'log_damaged',
    `The tree over the log's ${frontier.size} operation records is not its root.`,
    {
      hint: 'Nothing of this was added to the backup. Verify the store.',
    },
  )
}

function reportOf(
  folder: string,
  before: BackupManifest,
  { storeId, epoch, head, end, chunks }: BackupManifest,
) {
  const added = chunks.slice(before.chunks.length)
  return {
    path: folder,
    storeId,
    epoch,
    position: head.position,
    committedAt: new Date(head.committedAt),
    root: head.root,
    chunks: added.map(({ file }) => file),
    records: end.position - before.end.position,
    bytes: added.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

/** The tree that a manifest speaks of, ready to be continued. */
export function treeOf({ position, peaks }: Frontier): MerkleFrontier {
  return new MerkleFrontier(
    position,
    peaks.map((peak) => Buffer.from(peak, 'hex')),
  )
}

function frontierOf(frontier: MerkleFrontier): Frontier {
  const peaks = frontier.peaks.map((peak) => peak.toString('hex'))
  return { position: frontier.size, root: frontier.root().toString('hex'), peaks }
}

function mismatch(folder: string, what: string): AnnalsError {
  return new AnnalsError('backup_mismatch', `The backup in ${folder} cannot be continued: ${what}.`, {
    hint: 'Back up into another folder; two histories are never mixed in one.',
  })
}
