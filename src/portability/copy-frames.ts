import { endsCommit } from '../commit-end.ts'
import { AnnalsError, messageOf } from '../errors.ts'
import { limits } from '../limits.ts'
import type { LogFrame, OperationLog, Origin } from '../log/operation-log.ts'
import type { Projector } from '../projections/projector.ts'
import type { OperationRecord } from '../types.ts'
import type { TransferOptions } from './transfer.ts'

/** The parts of an open store that frames are copied into. */
export interface CopyTarget {
  readonly log: OperationLog
  readonly projector: Projector
  /** Takes out of the files what the frames say is erased. */
  readonly caretaker: { resume(): Promise<unknown> }
  readonly writer: { exclusive(job: () => Promise<void>): Promise<void> }
}

export interface CopyOptions extends TransferOptions {
  /** The position that the frames lead to, for progress. */
  until: number
  /** What the target notes down about the source, when it has reached `position`. */
  origin?: (position: number) => Origin
}

/**
 * Appends frames as they stand in another log, whole commits at a time, and derives from them what the target
 * derives. After a failure or an abort the target ends with a whole commit.
 */
export async function copyFrames(
  frames: AsyncIterable<LogFrame>,
  target: CopyTarget,
  { until, origin, signal, onProgress }: CopyOptions,
): Promise<void> {
  let bytes = 0
  for await (const group of groups(frames)) {
    signal?.throwIfAborted()
    const reached = group.at(-1)!.position
    await target.writer.exclusive(async () => {
      await target.projector.catchUp()
      await target.log.appendFrames(group, origin?.(reached))
      await applyTo(
        target,
        group.map((frame) => frame.record()),
        group.map(({ leaf }) => leaf),
      )
    })
    bytes += group.reduce((sum, frame) => sum + frame.bytes.length, 0)
    onProgress?.({ position: reached, until, bytes })
  }
  await target.caretaker.resume()
}

/** Derives from what was just appended, and the leaves that it added. Throws `projection_failed`: the log is ahead then, and catches up later. */
export async function applyTo(
  { projector }: CopyTarget,
  records: readonly OperationRecord[],
  leaves: readonly Buffer[],
): Promise<void> {
  try {
    await projector.apply(records, leaves, limits.replayBatchRecords)
  } catch (error) {
    throw new AnnalsError('projection_failed', `The target cannot be made readable: ${messageOf(error)}`, {
      fate: 'durable',
      hint: 'Call it again once the metadata file can be written; it goes on from there.',
      cause: error,
    })
  }
}

/** Whole commits, as many as make a good batch. What is left of an unfinished commit at the end is dropped. */
export async function* groups(frames: AsyncIterable<LogFrame>): AsyncGenerator<LogFrame[], void> {
  let group: LogFrame[] = []
  let whole = 0
  let bytes = 0
  for await (const frame of frames) {
    group.push(frame)
    bytes += frame.bytes.length
    if (!endsCommit(frame)) continue
    whole = group.length
    if (whole < limits.replayBatchRecords && bytes < limits.replayBatchBytes) continue
    yield group
    group = []
    whole = 0
    bytes = 0
  }
  if (whole > 0) yield group.slice(0, whole)
}
