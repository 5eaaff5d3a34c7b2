import { AnnalsError, messageOf } from '../errors.ts'
import { positionOf, recordKey } from '../format/keys.ts'
import { type DecodedFrame, decodeFrame, inspectFrame } from '../format/operation-record.ts'
import { decodeLeaf } from '../format/record-header.ts'
import { limits } from '../limits.ts'
import type { Handle } from './medium.ts'
import type { LogFrame, LogLeaf } from './operation-log.ts'

/** The raw frames from `first` on, and the position up to which they go: `last`, or less where they are large. */
export async function readAhead(
  handle: Handle,
  first: number,
  last: number,
): Promise<{ page: Map<number, Buffer>; end: number }> {
  const limit = last - first + 1
  const range = { gte: recordKey(first), lt: recordKey(last + 1), limit, bytesMax: limits.readAheadBytes }
  const entries = await handle.entries(range)
  const bytes = entries.reduce((sum, { value }) => sum + value.length, 0)
  const newest = entries.at(-1)
  const end = bytes >= limits.readAheadBytes && newest !== undefined ? positionOf(newest.key) : last
  return { page: new Map(entries.map(({ key, value }) => [positionOf(key), value])), end }
}

/** The raw frames at positions `first` to `last`, by position; damaged LevelDB files may have left holes. */
export async function readPage(handle: Handle, first: number, last: number): Promise<Map<number, Buffer>> {
  const range = { gte: recordKey(first), lt: recordKey(last + 1), limit: last - first + 1 }
  const entries = await handle.entries(range)
  return new Map(entries.map(({ key, value }) => [positionOf(key), value]))
}

/** The checked frame for `position`. Throws `log_damaged` for a missing or damaged one. */
export function checkedFrame(position: number, bytes: Buffer | undefined): DecodedFrame {
  return decodeFrame(position, presentFrame(position, bytes))
}

/** The same, kept as bytes. */
export function checkedLogFrame(position: number, bytes: Buffer | undefined): LogFrame {
  const found = presentFrame(position, bytes)
  return { position, bytes: found, ...inspectFrame(position, found) }
}

/** What the frame for `position` adds to the tree. Throws `log_damaged` for a missing or damaged header. */
export function checkedLeaf(position: number, bytes: Buffer | undefined): LogLeaf {
  return { position, ...decodeLeaf(position, presentFrame(position, bytes)) }
}

/** The frame for `position`, unchecked. Throws `log_damaged` for a missing one. */
export function presentFrame(position: number, bytes: Buffer | undefined): Buffer {
  if (bytes !== undefined) return bytes
  throw new AnnalsError('log_damaged', `The operation log has no record at position ${position}.`, {
    position,
    hint: 'Restore from a backup, or open with recovery "point-in-time" or "salvage".',
  })
}

/** Every position in `(after, until]` with its checked frame, or the error that reading it gives. */
export async function* frames(
  handle: Handle,
  after: number,
  until: number,
): AsyncGenerator<{ position: number; frame: DecodedFrame | Error }> {
  for (let next = after + 1; next <= until; ) {
    const last = Math.min(next + limits.readAheadRecords - 1, until)
    const page = await readPage(handle, next, last).catch(() => null)
    for (; next <= last; next++) yield { position: next, frame: await frameOrError(handle, next, page) }
  }
}

/** Where a page cannot be read as a whole, each of its records is tried by itself. */
async function frameOrError(
  handle: Handle,
  position: number,
  page: Map<number, Buffer> | null,
): Promise<DecodedFrame | Error> {
  try {
    return checkedFrame(position, page === null ? await handle.get(recordKey(position)) : page.get(position))
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error))
  }
}
