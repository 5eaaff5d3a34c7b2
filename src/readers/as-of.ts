import { commitEnd, wholeUntil } from '../commit-end.ts'
import { AnnalsError } from '../errors.ts'
import type { OperationLog } from '../log/operation-log.ts'
import type { Point } from '../types.ts'

/**
 * The position that a point of the past stands for: of a Date, the last commit at or before it; a position
 * inside a commit stands for the commit before, because no half of a commit was ever visible.
 * `newest` is the newest position that reads can see; beyond it, `position_not_reached` is thrown, which does not
 * tell it: the caller may see a part of the store only.
 */
export async function resolvePoint(
  log: OperationLog,
  newest: number,
  point: Exclude<Point, string>,
): Promise<number> {
  return point instanceof Date
    ? lastCommitAt(log, newest, point.getTime())
    : lastCommitEnd(log, newest, point)
}

async function lastCommitEnd(log: OperationLog, newest: number, position: number): Promise<number> {
  if (position > newest)
    throw new AnnalsError('position_not_reached', `Position ${position} lies ahead of the newest one.`, {
      hint: 'A write answers with its position: await it, then ask as of that position.',
    })
  if (position === 0 || position === newest) return position
  const { commit } = await log.read(position)
  return wholeUntil(position, commit)
}

/** `committedAt` never goes backwards, so the last commit at or before an instant is found by halving. */
async function lastCommitAt(log: OperationLog, newest: number, instantMs: number): Promise<number> {
  let low = 0
  let high = newest
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    const { commit } = await log.read(middle)
    if (commit.committedAt <= instantMs) low = Math.min(high, commitEnd(commit))
    else high = commit.first - 1
  }
  return low
}
