import { AnnalsError } from '../errors.ts'
import type { OperationLog } from '../log/operation-log.ts'
import type { Point } from '../types.ts'

/**
 * The position that a point of the past stands for: of a Date, the last commit at or before it; a position
 * inside a commit stands for the commit before, because no half of a commit was ever visible.
 * Throws `position_not_reached` for a position that the log does not have yet.
 */
export async function resolvePoint(log: OperationLog, point: Point): Promise<number> {
  return point instanceof Date ? lastCommitAt(log, point.getTime()) : lastCommitEnd(log, point)
}

async function lastCommitEnd(log: OperationLog, position: number): Promise<number> {
  if (position > log.head)
    throw new AnnalsError(
      'position_not_reached',
      `Position ${position} lies ahead; the newest is ${log.head}.`,
      {
        hint: 'A write answers with its position: await it, then ask as of that position.',
      },
    )
  if (position === 0 || position === log.head) return position
  const { commit } = await log.read(position)
  return position === commit.first + commit.count - 1 ? position : commit.first - 1
}

/** `committedAt` never goes backwards, so the last commit at or before an instant is found by halving. */
async function lastCommitAt(log: OperationLog, instantMs: number): Promise<number> {
  let low = 0
  let high = log.head
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    const { commit } = await log.read(middle)
    if (commit.committedAt <= instantMs) low = Math.min(high, commit.first + commit.count - 1)
    else high = commit.first - 1
  }
  return low
}
