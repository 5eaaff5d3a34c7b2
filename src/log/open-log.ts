/**
 * Opening the log: create it, check its end, compare it with what was remembered outside of it, and, where the
 * caller allows it, give up what is damaged.
 */
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
import { logFormatOf } from '../format/upcasters/log-format.ts'
import { logFormatVersion } from '../format/version.ts'
import { limits } from '../limits.ts'
import type { Commit } from '../types.ts'
import { frames } from './frames.ts'
import { LevelOperationLog, type LogState, readState, tailLost, verifyNewest } from './level-operation-log.ts'
import type { Entry, Handle, Medium } from './medium.ts'
import { MerkleFrontier } from './merkle-tree.ts'
import type { LogMark, OperationLog, Recovery, RecoveryReport } from './operation-log.ts'

export interface OpenLogOptions {
  env: Env
  /** Asked once the log is locked: what is remembered outside of it; `null` when nothing is. */
  mark: () => Promise<LogMark | null>
  recovery: Recovery
  /** Whose log it shall be, where there is none yet; default: a new store's. */
  identity?: Pick<StoreRecord, 'storeId' | 'epoch'> | undefined
}

/** Not an error for callers: the log must be migrated before it can be opened. */
export class OutdatedLog extends Error {
  readonly version: number

  constructor(name: string, version: number) {
    super(`The operation log in ${name} has format ${version}.`)
    this.version = version
  }
}

type Opening = Omit<OpenLogOptions, 'mark'> & { mark: LogMark | null }

export interface OpenedLog {
  log: OperationLog
  report: RecoveryReport
}

/**
 * Opens the log on `medium`, creating it where there is none.
 * Throws `log_damaged`, `log_tail_lost`, `log_missing`, `log_unavailable`, `store_locked`, `format_unsupported`;
 * the modes `point-in-time` and `salvage` turn the first three into a report.
 */
export async function openLog(medium: Medium, options: OpenLogOptions): Promise<OpenedLog> {
  const handle = await medium.open({ repair: options.recovery === 'salvage' })
  try {
    await refuseOlderFormat(handle, medium.name)
    // What is remembered outside of the log has a check of its own, and neither check waits for the other.
    const checking = checkedState(handle, medium, options.recovery)
    const mark = await options.mark().catch(async (error: unknown) => {
      await checking
      throw error
    })
    const { state, report } = await stateOf(handle, medium, await checking, { ...options, mark })
    return { log: new LevelOperationLog(medium, options.env, handle, state), report }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Where the log ends, checked; `null` for one that is empty; or why that cannot be said. Never rejects. */
async function checkedState(
  handle: Handle,
  medium: Medium,
  recovery: Recovery,
): Promise<LogState | null | { failure: unknown }> {
  try {
    if (await isEmpty(handle)) return null
    const state = await readState(handle, medium.name)
    // Who asks for more than the default wants to know of all damage, wherever it is.
    const everything = recovery === 'tolerate-tail' ? undefined : Number.POSITIVE_INFINITY
    await verifyNewest(handle, state.head.head, everything)
    return state
  } catch (failure) {
    return { failure }
  }
}

async function stateOf(
  handle: Handle,
  medium: Medium,
  found: Awaited<ReturnType<typeof checkedState>>,
  options: Opening,
) {
  const report: RecoveryReport = { mode: options.recovery, lost: [], truncatedTo: null }
  if (found === null) return { state: await createLog(handle, medium, options, report), report }
  try {
    if ('failure' in found) throw found.failure
    await compareWithMark(handle, medium, found, options.mark)
    return { state: found, report }
  } catch (error) {
    return { state: await recover(error, handle, options, report), report }
  }
}

/** Before anything else of the store is touched: what is derived from an old log would be wrong. */
async function refuseOlderFormat(handle: Handle, name: string): Promise<void> {
  const store = await handle.get(storeKey)
  const version = store === undefined ? logFormatVersion : logFormatOf(store)
  if (version < logFormatVersion) throw new OutdatedLog(name, version)
}

async function isEmpty(handle: Handle): Promise<boolean> {
  const store = await handle.get(storeKey)
  if (store !== undefined) return false
  return (await handle.entries({ ...recordRange, limit: 1 })).length === 0
}

async function createLog(
  handle: Handle,
  medium: Medium,
  { env, mark, recovery, identity }: Opening,
  report: RecoveryReport,
): Promise<LogState> {
  const forgiving = recovery === 'point-in-time' || recovery === 'salvage'
  if (mark !== null && mark.position > 0 && !forgiving)
    throw new AnnalsError(
      'log_missing',
      `The operation log in ${medium.name} is empty, but ${mark.position} operation records were acknowledged.`,
      { hint: 'The store is its log: put the folder back, or restore from a backup.' },
    )
  if (mark !== null && mark.position > 0) report.truncatedTo = 0
  const store = { storeId: env.uuid(), epoch: 0, ...identity, createdAt: env.now() }
  const head = { head: 0, committedAt: 0, peaks: [] }
  await handle.write([
    { key: storeKey, value: encodeStoreRecord(store) },
    { key: headKey, value: encodeHeadRecord(head) },
  ])
  return { store, head, origin: null }
}

/** What was acknowledged must be a prefix of the log, by position and by root. */
async function compareWithMark(
  handle: Handle,
  medium: Medium,
  state: LogState,
  mark: LogMark | null,
): Promise<void> {
  if (mark === null) return
  const { head, peaks } = state.head
  if (mark.storeId !== state.store.storeId || mark.position > head)
    throw tailLost(medium.name, mark.position, head)
  const rolled = mark.frontier.clone()
  for await (const { frame } of frames(handle, mark.position, head)) {
    if (frame instanceof Error) throw frame
    rolled.append(frame.leaf)
  }
  if (!rolled.root().equals(new MerkleFrontier(head, peaks).root()))
    throw tailLost(medium.name, mark.position, head)
}

async function recover(
  error: unknown,
  handle: Handle,
  options: Opening,
  report: RecoveryReport,
): Promise<LogState> {
  const { recovery, mark } = options
  if (!(error instanceof AnnalsError) || !isDamage(error) || recovery === 'absolute') throw error
  if (recovery === 'salvage') return salvage(handle, options, report)
  if (recovery === 'point-in-time') return truncate(handle, options, report, new MerkleFrontier(), true)
  // Only what was never acknowledged may go: the damage must lie behind the mark, in the store it belongs to.
  if (mark === null || error.code !== 'log_damaged' || error.position === undefined) throw error
  if (error.position <= mark.position) throw error
  if ((await knownStore(handle))?.storeId !== mark.storeId) throw error
  // The mark may be old: what is appended waits for the append before, so only the newest commit can be torn.
  if (!(await isInNewestCommit(handle, error.position))) throw error
  // A commit of which a part is applied, a fork, was durable.
  if (await isInsideCommit(handle, mark.position)) throw error
  return truncate(handle, options, report, mark.frontier.clone(), true)
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
    const { first, count } = frame.record.commit
    return position < first + count - 1
  }
  return false
}

function isDamage(error: AnnalsError): boolean {
  return error.code === 'log_damaged' || error.code === 'log_tail_lost'
}

/** Keeps whole commits up to the first damage after `frontier`, and removes everything behind. */
async function truncate(
  handle: Handle,
  { env }: Opening,
  report: RecoveryReport,
  frontier: MerkleFrontier,
  givesUpAcknowledged: boolean,
): Promise<LogState> {
  const end = await lastPosition(handle)
  let kept = { frontier: frontier.clone(), committedAt: 0 }
  if (frontier.size > 0) kept.committedAt = await committedAtOf(handle, frontier.size)
  for await (const { frame } of frames(handle, frontier.size, end)) {
    if (frame instanceof Error) break
    frontier.append(frame.leaf)
    const { commit, position } = frame.record
    if (position === commit.first + commit.count - 1)
      kept = { frontier: frontier.clone(), committedAt: commit.committedAt }
  }
  report.truncatedTo = kept.frontier.size
  const removals: Buffer[] = []
  for (let position = kept.frontier.size + 1; position <= end; position++) removals.push(recordKey(position))
  return writeState(handle, env, kept, { newEpoch: givesUpAcknowledged, removals })
}

/**
 * Replaces every unreadable record by a `lost` one, so that the log is gapless and verifies again. A position
 * that was acknowledged, or that belongs to a commit of which a part is left, is never given out again.
 */
async function salvage(handle: Handle, { env, mark }: Opening, report: RecoveryReport): Promise<LogState> {
  const end = await lastKnownPosition(handle, mark)
  const frontier = new MerkleFrontier()
  const puts: Entry[] = []
  let committedAt = 0
  let commitEnd = end
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
    commitEnd = Math.max(commitEnd, commit.first + commit.count - 1)
    frontier.append(frame.leaf)
  }
  for (let position = end + 1; position <= commitEnd; position++)
    replace(position, 'The rest of its commit is there, and it is not.')
  return writeState(handle, env, { frontier, committedAt }, { newEpoch: true, puts })
}

function lostCommit(position: number, committedAt: number): Commit {
  return { first: position, count: 1, committedAt, actor: 'annals', reason: 'salvage', idempotencyKey: null }
}

async function writeState(
  handle: Handle,
  env: Env,
  { frontier, committedAt }: { frontier: MerkleFrontier; committedAt: number },
  { newEpoch, puts = [], removals = [] }: { newEpoch: boolean; puts?: Entry[]; removals?: Buffer[] },
): Promise<LogState> {
  const known = await knownStore(handle)
  const store = known ?? { storeId: env.uuid(), epoch: 0, createdAt: env.now() }
  if (newEpoch) store.epoch += 1
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
