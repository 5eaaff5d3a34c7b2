/** Where commits end: only there does a store ever stand still. */
import type { Commit } from './types.ts'

type Span = Pick<Commit, 'first' | 'count'>

/** The last position of a commit. */
export function commitEnd({ first, count }: Span): number {
  return first + count - 1
}

/** Whether an operation record is the last of its commit. */
export function endsCommit({ position, commit }: { position: number; commit: Span }): boolean {
  return position === commitEnd(commit)
}

/** The end of the newest commit that is whole at `position`, which lies in `commit`. */
export function wholeUntil(position: number, commit: Span): number {
  return position === commitEnd(commit) ? position : commit.first - 1
}
