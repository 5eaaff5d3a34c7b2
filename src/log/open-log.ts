/** Opening the log: create it, check its end, and compare it with what was remembered outside of it. */
import type { Env } from '../env.ts'
import { AnnalsError } from '../errors.ts'
import { encodeHeadRecord, encodeStoreRecord, type StoreRecord } from '../format/head-record.ts'
import { headKey, recordRange, storeKey } from '../format/keys.ts'
import { logFormatOf } from '../format/upcasters/log-format.ts'
import { logFormatVersion } from '../format/version.ts'
import { frames } from './frames.ts'
import { LevelOperationLog } from './level-operation-log.ts'
import { type LogState, readState, tailLost, verifyNewest } from './log-state.ts'
import type { Handle, Medium } from './medium.ts'
import { MerkleFrontier } from './merkle-tree.ts'
import type { LogMark, OperationLog, Recovery, RecoveryReport } from './operation-log.ts'
import { recover } from './recover.ts'

/** How a log is opened. */
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

/** An open log, and what opening it gave up. */
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
