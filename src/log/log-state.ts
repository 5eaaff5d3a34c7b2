/** Where a log ends and whose it is: read from its records, and held against the frames that they speak of. */
import { endsCommit } from '../commit-end.ts'
import { AnnalsError } from '../errors.ts'
import {
  decodeHeadRecord,
  decodeOriginRecord,
  decodeStoreRecord,
  type HeadRecord,
  type OriginRecord,
  type StoreRecord,
} from '../format/head-record.ts'
import { headKey, originKey, recordKey, storeKey } from '../format/keys.ts'
import { checkFrame, decodeFrame } from '../format/operation-record.ts'
import { limits } from '../limits.ts'
import type { OperationRecord } from '../types.ts'
import { presentFrame, readPage } from './frames.ts'
import type { Handle } from './medium.ts'

/** What an open log starts from: where it ends and whose it is, already checked. */
export interface LogState {
  store: StoreRecord
  head: HeadRecord
  origin: OriginRecord | null
}

/** Reads and checks the records that say whose log this is, where it ends, and of what it is a replay. */
export async function readState(handle: Handle, name: string): Promise<LogState> {
  const [store, head, origin] = await handle.getMany([storeKey, headKey, originKey])
  if (store === undefined || head === undefined)
    throw new AnnalsError(
      'log_damaged',
      `The operation log in ${name} has lost its ${store ? 'head' : 'store'} record.`,
      {
        hint: 'Restore from a backup, or open with recovery "salvage".',
      },
    )
  return {
    store: decodeStoreRecord(store),
    head: decodeHeadRecord(head),
    origin: origin === undefined ? null : decodeOriginRecord(origin),
  }
}

/**
 * Checks the newest frames, by default as many as LevelDB may have had to recover: digests, no gap, nothing
 * after the head, the newest commit whole. Throws `log_damaged` with the position.
 */
export async function verifyNewest(
  handle: Handle,
  head: number,
  bytesMax: number = Math.max(limits.verifiedAtOpenBytes, handle.recoveredBytes),
): Promise<void> {
  const beyond = await handle.entries({ gte: recordKey(head + 1), lt: recordKey(2 ** 53), limit: 1 })
  if (beyond.length > 0)
    throw new AnnalsError('log_damaged', `The operation log holds records after its head ${head}.`, {
      position: head + 1,
    })
  let position = head
  for (let bytes = 0; position > 0 && bytes < bytesMax; ) {
    const first = Math.max(1, position - limits.readAheadRecords + 1)
    const page = await readPage(handle, first, position)
    for (; position >= first; position--) {
      const frame = presentFrame(position, page.get(position))
      if (position === head) checkWhole(decodeFrame(position, frame).record)
      else checkFrame(position, frame)
      bytes += frame.length
    }
  }
}

function checkWhole(newest: OperationRecord): void {
  if (endsCommit(newest)) return
  const { position, commit } = newest
  const message = `The newest commit is not whole: it began at ${commit.first}.`
  throw new AnnalsError('log_damaged', message, { position })
}

/** What a lost tail is reported as: the log ends before what was acknowledged. */
export function tailLost(name: string, acknowledged: number, found: number): AnnalsError {
  const message =
    found < acknowledged
      ? `The operation log in ${name} ends at position ${found}, but ${acknowledged} were acknowledged.`
      : `The operation log in ${name} is not the one that was acknowledged: its tree differs at position ${acknowledged}.`
  return new AnnalsError('log_tail_lost', message, {
    position: found,
    hint: 'Restore from a backup, or open with recovery "point-in-time" to go on with what is left.',
  })
}
