import { AnnalsError } from '../errors.ts'
import type { LogFrame, Origin } from '../log/operation-log.ts'
import type { Point } from '../types.ts'
import {
  type CollectionChanges,
  type CollectionChoice,
  CollectionPlans,
  checkChoice,
} from './collection-plan.ts'
import { copyFrames, groups } from './copy-frames.ts'
import { type HistoryTarget, HistoryWriter } from './history-writer.ts'
import { lastStates, type ReplaySource } from './replay-source.ts'
import { transformed } from './stages.ts'
import type { TransferOptions } from './transfer.ts'

export interface ReplayOptions extends TransferOptions, CollectionChanges {
  /** How far to go; default: the source's newest commit. */
  until?: Exclude<Point, string>
  /** Which collections, under which names, and how; default: all as they are. */
  collections?: CollectionChoice
  /** Go on with what the source writes from now on, until the signal or the source's close. */
  follow?: boolean
}

/** What a replay did. */
export interface ReplayReport {
  /** `copied`: bit for bit, so the roots are equal; `decided`: anew in the target, because something changed. */
  kind: Origin['kind']
  source: { storeId: string; epoch: number; position: number }
  /** The head of the target. */
  position: number
  /** RFC 6962 root of the target, hexadecimal. */
  root: string
  /** Operation records read from the source by this call. */
  read: number
  /** Operation records that they became in the target. */
  written: number
}

/** One replay under way. */
interface Run {
  source: ReplaySource
  target: HistoryTarget
  options: ReplayOptions
  kind: Origin['kind']
  origin: (position: number) => Origin
  report: ReplayReport
}

/**
 * Derives a store anew from the log of another one.
 *
 * Without changes, frames are copied: the target's log is the source's, bit for bit. With changes, every commit
 * is decided anew in the target, under its own time, actor and reason. Where the target is a replay of this
 * source already, it is continued.
 *
 * Throws `store_exists` for a target that holds anything else, `conflict` for one that was written to.
 */
export async function replayInto(
  source: ReplaySource,
  target: HistoryTarget,
  options: ReplayOptions,
): Promise<ReplayReport> {
  const kind = changesNothing(options) ? 'copied' : 'decided'
  const { storeId, epoch } = source
  const origin = (position: number): Origin => ({ storeId, epoch, position, kind })
  const from = checkTarget(source, target, kind)
  if (kind === 'copied' && from > 0) await checkSameHistory(source, target, from)
  const report = {
    kind,
    source: { storeId, epoch, position: from },
    position: target.log.head,
    root: '',
    read: 0,
    written: 0,
  } satisfies ReplayReport
  const run = { source, target, options, kind, origin, report } satisfies Run
  await advanceAll(run)
  report.position = target.log.head
  report.root = target.log.root.toString('hex')
  return report
}

/** Goes as far as asked for: once, or again and again. */
async function advanceAll(run: Run): Promise<void> {
  const { source, options, report, kind } = run
  const { follow = false, signal } = options
  let until = await source.resolve(options.until)
  const advance = kind === 'copied' ? copy : await decider(run, until)
  try {
    for (;;) {
      await advance(run, until)
      if (!follow || !(await source.more(report.source.position, signal))) return
      until = source.head
    }
  } catch (error) {
    // To be stopped is how following ends.
    if (!follow || !(signal?.aborted === true || source.isClosed)) throw error
  }
}

/** Copies frames up to `until`, and compares the roots where the source knows its own. */
async function copy({ source, target, options, origin, report }: Run, until: number): Promise<void> {
  const after = report.source.position
  const known = source.head === until ? source.root : null
  const frames = source.frames({ after, until, tree: target.log.frontier })
  const progress: TransferOptions['onProgress'] = (reached) => {
    report.read += reached.position - report.source.position
    report.written = report.read
    report.source.position = reached.position
    options.onProgress?.(reached)
  }
  await copyFrames(frames, target, { ...options, until, origin, onProgress: progress })
  if (known !== null && target.log.head === until && !target.log.root.equals(known))
    throw anotherHistory(until)
}

/** How changed commits are carried over, once the plans are made. */
async function decider(run: Run, until: number) {
  const { source, target, options, origin } = run
  const names = options.collections === undefined ? new Map() : await lastStates(source, until)
  if (options.follow !== true) checkChoice(options.collections, names)
  const { configuration, embeddingFunction, keepVectors, transform } = options
  const forAll = { configuration, embeddingFunction, keepVectors, transform }
  const plans = new CollectionPlans(options.collections, forAll as CollectionChanges, names)
  await meetCollections(run, plans)
  const writer = new HistoryWriter(target, origin)
  return (_: Run, position: number) => decide(run, plans, writer, position)
}

/** A replay that is continued has met collections before: their plans are made again. */
async function meetCollections({ source, report }: Run, plans: CollectionPlans): Promise<void> {
  for await (const frame of source.frames({ after: 0, until: report.source.position })) {
    const record = frame.record()
    if (record.type !== 'create-collection') continue
    plans.begin(record.collection, record.state)
    if (record.forkedFrom !== undefined) plans.noteFork(record.collection, record.forkedFrom.source)
  }
}

async function decide(
  { source, options, report }: Run,
  plans: CollectionPlans,
  writer: HistoryWriter,
  until: number,
): Promise<void> {
  let bytes = 0
  for await (const group of groups(source.frames({ after: report.source.position, until }))) {
    options.signal?.throwIfAborted()
    const records = group.map((frame) => frame.record())
    const commits = await transformed(records, plans, source.read)
    report.written += await writer.write(commits)
    report.read += records.length
    report.source.position = group.at(-1)!.position
    bytes += sizeOf(group)
    options.onProgress?.({ position: report.source.position, until, bytes })
  }
}

/** Where the target stands in the source: 0 for an empty one. */
function checkTarget(source: ReplaySource, { log }: HistoryTarget, kind: Origin['kind']): number {
  const { origin, head } = log
  if (origin === null && head === 0) return 0
  const hint = 'Replay into a new folder.'
  const refused = (what: string) =>
    new AnnalsError('store_exists', `The target of the replay ${what}.`, { fate: 'not_written', hint })
  if (origin === null) throw refused('holds a store already')
  if (origin.storeId !== source.storeId || origin.epoch !== source.epoch)
    throw refused(
      `is a replay of the store ${origin.storeId} (epoch ${origin.epoch}), not of ${source.storeId} (epoch ${source.epoch})`,
    )
  if (origin.kind !== kind) throw refused(`was ${origin.kind}, and cannot be continued ${kind}`)
  if (origin.head !== head)
    throw new AnnalsError('conflict', `The target was written to since it was replayed, at ${origin.head}.`, {
      fate: 'not_written',
      position: head,
      hint,
    })
  if (origin.position > source.head)
    throw refused(`has reached position ${origin.position} of a source that ends at ${source.head}`)
  return origin.position
}

/** The last frame that was copied must be the one that the source has there. */
async function checkSameHistory(source: ReplaySource, { log }: HistoryTarget, position: number) {
  const range = { after: position - 1, until: position }
  const [mine] = await framesOf(log.frames(range))
  const [theirs] = await framesOf(source.frames(range))
  if (mine === undefined || theirs === undefined || !mine.leaf.equals(theirs.leaf))
    throw anotherHistory(position)
}

async function framesOf(frames: AsyncIterable<LogFrame>): Promise<LogFrame[]> {
  const found: LogFrame[] = []
  for await (const frame of frames) found.push(frame)
  return found
}

function anotherHistory(position: number): AnnalsError {
  return new AnnalsError('backup_mismatch', `Source and target differ at position ${position}.`, {
    position,
    hint: 'They are two histories under one name; replay into a new folder.',
  })
}

function changesNothing(options: ReplayOptions): boolean {
  const { collections, configuration, embeddingFunction, transform } = options
  return [collections, configuration, embeddingFunction, transform].every((change) => change === undefined)
}

function sizeOf(frames: readonly LogFrame[]): number {
  return frames.reduce((sum, { bytes }) => sum + bytes.length, 0)
}
