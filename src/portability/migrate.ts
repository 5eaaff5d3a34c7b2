import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { endsCommit } from '../commit-end.ts'
import { AnnalsError } from '../errors.ts'
import { syncFolder } from '../files.ts'
import { headKey, storeKey } from '../format/keys.ts'
import { type CommittedFact, decodeHead0, decodeStore0, upcast0 } from '../format/upcasters/format-0.ts'
import { limits } from '../limits.ts'
import { readPage } from '../log/frames.ts'
import type { Handle, Medium } from '../log/medium.ts'
import { type HistoricalCommit, type HistoryTarget, HistoryWriter } from './history-writer.ts'

/** A store that a migration has opened. */
export interface MigratedStore extends HistoryTarget {
  close(): Promise<void>
}

/** How a migration gets at stores; given by whoever wires. */
export interface MigrationParts {
  /** The old log. */
  medium: Medium
  /** Opens a new store in a folder. */
  create(folder: string, identity: { storeId: string; epoch: number }): Promise<MigratedStore>
  onProgress?: ((progress: { position: number; head: number }) => void) | undefined
}

/** A log of an older format, read through its upcaster. */
interface OldLog {
  storeId: string
  head: number
  facts(): AsyncGenerator<CommittedFact, void>
}

/**
 * Derives a store in today's format from one in an older format, and puts it in its place. The old folder is
 * kept as `<folder>.format-<version>` until somebody removes it.
 *
 * What holds: the copy is made in `<folder>.migrating`, and only a whole one is renamed; so after a crash either
 * the old store stands there and is migrated anew, or `finishSwap` does what was left to do.
 */
export async function migrateFolder(folder: string, version: number, parts: MigrationParts): Promise<void> {
  const kept = keptName(folder, version)
  if (existsSync(kept))
    throw new AnnalsError('store_exists', `${folder} must be migrated, but ${kept} is in the way.`, {
      hint: `It is what an earlier migration kept; move it away, then open ${folder} again.`,
    })
  const building = buildingName(folder)
  // The lock on the old log is held: nobody else is at work on the copy.
  const handle = await parts.medium.open()
  try {
    rmSync(building, { recursive: true, force: true })
    mkdirSync(building)
    await derive(await oldLog(handle), building, parts)
  } finally {
    await handle.close()
  }
  renameSync(folder, kept)
  renameSync(building, folder)
  syncFolder(dirname(folder))
}

/** Does what a migration has left to do that ended between its two renames. */
export function finishSwap(folder: string, version: number): void {
  const swapped = existsSync(buildingName(folder)) && existsSync(keptName(folder, version))
  if (!swapped || (existsSync(folder) && readdirSync(folder).length > 0)) return
  if (existsSync(folder)) rmdirSync(folder)
  renameSync(buildingName(folder), folder)
  syncFolder(dirname(folder))
}

async function derive(log: OldLog, building: string, parts: MigrationParts): Promise<void> {
  const { storeId } = log
  // A migrated log has another tree, so it is another epoch of the store.
  const target = await parts.create(building, { storeId, epoch: 1 })
  try {
    const writer = new HistoryWriter(target, (position) => ({ storeId, epoch: 0, position, kind: 'decided' }))
    for await (const commits of batches(log)) {
      await writer.write(commits)
      parts.onProgress?.({ position: commits.at(-1)!.position, head: log.head })
    }
    if (target.log.head === log.head) return
    throw new AnnalsError(
      'log_damaged',
      `Of ${log.head} operation records of the old log, ${target.log.head} could be carried over.`,
      { hint: 'The old store was left as it is.' },
    )
  } finally {
    await target.close()
  }
}

async function* batches(log: OldLog): AsyncGenerator<HistoricalCommit[], void> {
  let commits: HistoricalCommit[] = []
  let facts: CommittedFact[] = []
  let records = 0
  for await (const one of log.facts()) {
    facts.push(one)
    records += 1
    if (!endsCommit(one)) continue
    const { position, commit } = one
    commits.push({ position, commit, facts: facts.map(({ fact }) => fact) })
    facts = []
    if (records < limits.replayBatchRecords) continue
    yield commits
    commits = []
    records = 0
  }
  if (commits.length > 0) yield commits
}

/** Format 0 is the only older one so far. */
async function oldLog(handle: Handle): Promise<OldLog> {
  const [store, last] = await handle.getMany([storeKey, headKey])
  const head = decodeHead0(last)
  const { storeId } = decodeStore0(store!)
  return { storeId, head, facts: () => facts0(handle, head) }
}

async function* facts0(handle: Handle, head: number): AsyncGenerator<CommittedFact, void> {
  for (let next = 1; next <= head; ) {
    const last = Math.min(next + limits.readAheadRecords - 1, head)
    const page = await readPage(handle, next, last)
    for (; next <= last; next++) yield upcast0(next, page.get(next))
  }
}

function buildingName(folder: string): string {
  return `${folder}.migrating`
}

function keptName(folder: string, version: number): string {
  return `${folder}.format-${version}`
}
