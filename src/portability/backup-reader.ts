import { resolve } from 'node:path'
import { wholeUntil } from '../commit-end.ts'
import { AnnalsError } from '../errors.ts'
import { type BackupManifest, backupDamaged, type ChunkEntry } from '../format/backup-file.ts'
import { MerkleFrontier } from '../log/merkle-tree.ts'
import type { LogFrame } from '../log/operation-log.ts'
import type { Commit, Point } from '../types.ts'
import { treeOf } from './backup.ts'
import { readManifest } from './backup-folder.ts'
import { readChunk } from './chunk-reader.ts'

/** A chunk with the folder that it stands in. */
export interface PlacedChunk {
  folder: string
  entry: ChunkEntry
}

/** Which frames of a backup are read. */
export interface FramesOfBackup {
  /** Exclusive. */
  after: number
  /** Inclusive. */
  until: number
  /** The tree at `after`, where the reader knows it: it is continued and compared. */
  tree?: MerkleFrontier
}

/**
 * A backup in one folder, or in several of which each begins where the one before ends.
 *
 * What holds: the chunks cover positions 1 to the end without gaps, and every frame that is given out has been
 * checked, by itself and, at the end of each chunk, by the root of the tree.
 */
export class BackupReader {
  readonly storeId: string
  readonly epoch: number
  /** The newest whole commit. */
  readonly head: BackupManifest['head']
  readonly chunks: readonly PlacedChunk[]

  private constructor(manifests: readonly BackupManifest[], chunks: readonly PlacedChunk[]) {
    const { storeId, epoch, head } = manifests.at(-1)!
    this.storeId = storeId
    this.epoch = epoch
    this.head = head
    this.chunks = chunks
  }

  /** Throws `backup_damaged`, `backup_mismatch`, `format_unsupported`. */
  static open(folders: readonly string[]): BackupReader {
    const manifests: BackupManifest[] = []
    const chunks: PlacedChunk[] = []
    for (const given of folders) {
      const folder = resolve(given)
      const manifest = readManifest(folder)
      if (manifest === null) throw backupDamaged(`There is no backup in ${folder}: it holds no backup.json.`)
      checkFollows(manifest, manifests.at(-1), folder)
      checkComplete(manifest, folder)
      manifests.push(manifest)
      chunks.push(...manifest.chunks.map((entry) => ({ folder, entry })))
    }
    return new BackupReader(manifests, chunks)
  }

  /** The position at the end of a commit that a point stands for. Throws `position_not_reached`. */
  async resolve(point: Exclude<Point, string> | undefined): Promise<number> {
    const { position: newest } = this.head
    if (point === undefined) return newest
    if (point instanceof Date) return this.#lastCommitAt(point.getTime())
    if (point > newest)
      throw new AnnalsError(
        'position_not_reached',
        `The backup ends at position ${newest}, before ${point}.`,
        {
          hint: 'Make a newer backup, or ask for a position that it holds.',
        },
      )
    if (point === 0 || point === newest) return point
    const commit = await this.#commitOf(point)
    return wholeUntil(point, commit)
  }

  /**
   * Frames in order. At the end of a chunk the tree must be the one in its manifest; so the chunk that holds
   * `until` is read to its end, although nothing after `until` is given out.
   */
  async *frames({ after, until, tree }: FramesOfBackup): AsyncGenerator<LogFrame, void> {
    const rolled = after === 0 ? new MerkleFrontier() : tree?.clone()
    for (const { folder, entry } of this.chunks) {
      if (entry.last <= after) continue
      if (entry.first > until) return
      for await (const frame of readChunk(folder, entry)) {
        if (frame.position <= after) continue
        rolled?.append(frame.leaf)
        if (frame.position <= until) yield frame
      }
      if (rolled !== undefined && rolled.root().toString('hex') !== entry.root)
        throw backupDamaged(`The chunk ${entry.file} in ${folder} does not lead to the root in its manifest.`)
    }
  }

  async #lastCommitAt(instantMs: number): Promise<number> {
    const inTime = this.chunks.filter(({ entry }) => Date.parse(entry.firstCommittedAt) <= instantMs)
    const newest = inTime.at(-1)
    if (newest === undefined) return 0
    let found: { position: number; commit: Commit } | null = null
    for await (const { position, commit } of readChunk(newest.folder, newest.entry))
      if (commit.committedAt <= instantMs) found = { position, commit }
    if (found === null) return 0
    return Math.min(this.head.position, wholeUntil(found.position, found.commit))
  }

  async #commitOf(position: number): Promise<Commit> {
    const holds = ({ entry }: PlacedChunk) => entry.first <= position && position <= entry.last
    const { folder, entry } = this.chunks.find(holds)!
    for await (const frame of readChunk(folder, entry)) if (frame.position === position) return frame.commit
    throw backupDamaged(`The chunk ${entry.file} in ${folder} has no position ${position}.`)
  }
}

function checkFollows(next: BackupManifest, before: BackupManifest | undefined, folder: string): void {
  const hint = 'Hand in the folders of one store in the order in which they were made, the full backup first.'
  const mismatch = (what: string) =>
    new AnnalsError('backup_mismatch', `The backup in ${folder} ${what}.`, { hint })
  if (before === undefined) {
    if (next.after.position === 0) return
    throw mismatch(`begins after position ${next.after.position}; the one before it is missing`)
  }
  if (next.storeId !== before.storeId || next.epoch !== before.epoch)
    throw mismatch('belongs to another store or epoch than the one before')
  if (next.after.position !== before.end.position || next.after.root !== before.end.root)
    throw mismatch(
      `begins after position ${next.after.position}, and the one before ends at ${before.end.position}`,
    )
}

/** The digest of the manifest has vouched for it; this is about what was written into it. */
function checkComplete({ after, end, chunks }: BackupManifest, folder: string): void {
  let position = after.position
  for (const { file, first, last } of chunks) {
    if (first !== position + 1 || last < first)
      throw backupDamaged(`The manifest in ${folder} names ${file} where position ${position + 1} is due.`)
    position = last
  }
  const tree = treeOf(end)
  if (position !== end.position || tree.root().toString('hex') !== end.root)
    throw backupDamaged(`The manifest in ${folder} does not fit together.`)
}
