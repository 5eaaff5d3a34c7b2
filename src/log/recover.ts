/**
 * Recovery: what a damaged log gives up, so that it opens again. Nothing that was acknowledged goes unless the
 * caller asked for it by the mode, and whatever goes is in the report.
 */
import { commitEnd, endsCommit } from '../commit-end.ts'
import type { Env } from '../env.ts'
import { AnnalsError } from '../errors.ts'
import { saltBytes } from '../format/frame.ts'
import {
  decodeHeadRecord,
  decodeStoreRecord,
  encodeHeadRecord,
  encodeStoreRecord,
  type StoreRecord,
} from '../format/head-record.ts'
import { headKey, positionOf, recordKey, recordRange, storeKey } from '../format/keys.ts'
import { encodeFrame } from '../format/operation-record.ts'
import { limits } from '../limits.ts'
import type { Commit } from '../types.ts'
import { frames } from './frames.ts'
import type { LogState } from './log-state.ts'
import type { Entry, Handle } from './medium.ts'
import { MerkleFrontier } from './merkle-tree.ts'
import type { LogMark, Recovery, RecoveryReport } from './operation-log.ts'

/** How a log is recovered. */
export interface RecoveryOptions {
  recovery: Recovery
  /** What is remembered outside of the log; `null` when nothing is. */
  mark: LogMark | null
  env: Env
}

/**
 * Gives up what `options.recovery` allows to be given up, notes it in `report`, and answers what is left. Throws
 * `error` again where it is no damage, or more than may go.
 */
export async function recover(
  error: unknown,
  handle: Handle,
  options: RecoveryOptions,
  report: RecoveryReport,
): Promise<LogState> {
  const { recovery, mark } = options
  if (!(error instanceof AnnalsError) || !isDamage(error) || recovery === 'absolute') throw error
  if (recovery === 'salvage') return salvage(handle, options, report)
  if (recovery === 'point-in-time') return truncate(handle, options, report, new MerkleFrontier())
  // Only what was never acknowledged may go: the damage must lie behind the mark, in the store it belongs to.
  if (mark === null || error.code !== 'log_damaged' || error.position === undefined) throw error
  if (error.position <= mark.position) throw error
  if ((await knownStore(handle))?.storeId !== mark.storeId) throw error
  // The mark may be old: what is appended waits for the append before, so only the newest commit can be torn.
  if (!(await isInNewestCommit(handle, error.position))) throw error
  // A commit of which a part is applied, a fork, was durable.
  if (await isInsideCommit(handle, mark.position)) throw error
  return truncate(handle, options, report, mark.frontier.clone())
}

/** Whether everything from a position on belongs to one commit, as far as it can be read. */
async function isInNewestCommit(handle: Handle, position: number): Promise<boolean> {
  const end = await lastPosition(handle)
  for await (const { frame } of frames(handle, position, end))
    if (!(frame instanceof Error) && frame.record.commit.first > position) return false
  return end - position < limits.recordsPerForkMax
}

/** Whether more of its commit follows behind a position. */
async function isInsideCommit(handle: Handle, position: number): Promise<boolean> {
  for await (const { frame } of frames(handle, position - 1, position)) {
    if (frame instanceof Error) return false
    return position < commitEnd(frame.record.commit)
  }
  return false
}

function isDamage(error: AnnalsError): boolean {
  return error.code === 'log_damaged' || error.code === 'log_tail_lost'
}

/** Keeps whole commits up to the first damage after `frontier`, and removes everything behind. */
async function truncate(
  handle: Handle,
  { env }: RecoveryOptions,
  report: RecoveryReport,
  frontier: MerkleFrontier,
): Promise<LogState> {
  const end = await lastPosition(handle)
  let kept = { frontier: frontier.clone(), committedAt: 0 }
  if (frontier.size > 0) kept.committedAt = await committedAtOf(handle, frontier.size)
  for await (const { frame } of frames(handle, frontier.size, end)) {
    if (frame instanceof Error) break
    frontier.append(frame.leaf)
    if (endsCommit(frame.record))
      kept = { frontier: frontier.clone(), committedAt: frame.record.commit.committedAt }
  }
  report.truncatedTo = kept.frontier.size
  const removals: Buffer[] = []
  for (let position = kept.frontier.size + 1; position <= end; position++) removals.push(recordKey(position))
  return writeState(handle, env, kept, { removals })
}

/**
 * Replaces every unreadable record by a `lost` one, so that the log is gapless and verifies again. A position
 * that was acknowledged, or that belongs to a commit of which a part is left, is never given out again.
 */
async function salvage(
  handle: Handle,
  { env, mark }: RecoveryOptions,
  report: RecoveryReport,
): Promise<LogState> {
  const end = await lastKnownPosition(handle, mark)
  const frontier = new MerkleFrontier()
  const puts: Entry[] = []
  let committedAt = 0
  let newestEnd = end
  const replace = (position: number, reason: string): void => {
    report.lost.push({ position, reason })
    const replacement = encodeFrame(
      { type: 'lost', position, commit: lostCommit(position, committedAt) },
      env.randomBytes(saltBytes),
    )
    frontier.append(replacement.leaf)
    puts.push({ key: recordKey(position), value: replacement.bytes })
  }
  for await (const { position, frame } of frames(handle, 0, end)) {
    if (frame instanceof Error) {
      replace(position, frame.message)
      continue
    }
    const { commit } = frame.record
    committedAt = Math.max(committedAt, commit.committedAt)
    newestEnd = Math.max(newestEnd, commitEnd(commit))
    frontier.append(frame.leaf)
  }
  for (let position = end + 1; position <= newestEnd; position++)
    replace(position, 'The rest of its commit is there, and it is not.')
  return writeState(handle, env, { frontier, committedAt }, { puts })
}

function lostCommit(position: number, committedAt: number): Commit {
  return { first: position, count: 1, committedAt, actor: 'annals', reason: 'salvage', idempotencyKey: null }
}

/** What is left is another log than the one that was acknowledged: hence a new epoch. */
async function writeState(
  handle: Handle,
  env: Env,
  { frontier, committedAt }: { frontier: MerkleFrontier; committedAt: number },
  { puts = [], removals = [] }: { puts?: Entry[]; removals?: Buffer[] },
): Promise<LogState> {
  const known = await knownStore(handle)
  const store = known ?? { storeId: env.uuid(), epoch: 0, createdAt: env.now() }
  store.epoch += 1
  const head = { head: frontier.size, committedAt, peaks: [...frontier.peaks] }
  const state = [
    { key: storeKey, value: encodeStoreRecord(store) },
    { key: headKey, value: encodeHeadRecord(head) },
  ]
  await handle.write([...puts, ...state], removals)
  return { store, head, origin: null }
}

async function knownStore(handle: Handle): Promise<StoreRecord | null> {
  const bytes = await handle.get(storeKey).catch(() => undefined)
  return bytes === undefined ? null : orNull(() => decodeStoreRecord(bytes))
}

/** The highest position that anything speaks of: a record, the head record, or what was acknowledged. */
async function lastKnownPosition(handle: Handle, mark: LogMark | null): Promise<number> {
  const bytes = await handle.get(headKey).catch(() => undefined)
  const head = bytes === undefined ? null : orNull(() => decodeHeadRecord(bytes))
  const store = await knownStore(handle)
  const acknowledged = mark !== null && mark.storeId === store?.storeId ? mark.position : 0
  return Math.max(await lastPosition(handle), head?.head ?? 0, acknowledged)
}

function orNull<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}

async function committedAtOf(handle: Handle, position: number): Promise<number> {
  for await (const { frame } of frames(handle, position - 1, position))
    if (!(frame instanceof Error)) return frame.record.commit.committedAt
  return 0
}

async function lastPosition(handle: Handle): Promise<number> {
  const [last] = await handle.entries({ ...recordRange, limit: 1, reverse: true })
  return last === undefined ? 0 : positionOf(last.key)
}
