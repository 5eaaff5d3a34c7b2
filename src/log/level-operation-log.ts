import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Env } from '../env.ts'
import { AnnalsError, messageOf } from '../errors.ts'
import { erasedFrame, hasPayload, saltBytes } from '../format/frame.ts'
import { encodeHeadRecord, encodeOriginRecord, type OriginRecord } from '../format/head-record.ts'
import { headKey, originKey, recordKey, recordRange } from '../format/keys.ts'
import { encodeFrame } from '../format/operation-record.ts'
import { limits } from '../limits.ts'
import type { OperationRecord } from '../types.ts'
import { checkedFrame, checkedLeaf, checkedLogFrame, readAhead } from './frames.ts'
import { type LogState, readState, tailLost, verifyNewest } from './log-state.ts'
import type { Entry, Handle, Medium } from './medium.ts'
import { MerkleFrontier } from './merkle-tree.ts'
import type { LogEntry, LogFrame, LogLeaf, OperationLog, Origin, ReadOptions } from './operation-log.ts'

/** A frame on its way into the log. */
type Framed = Pick<LogFrame, 'position' | 'bytes' | 'leaf'>

/**
 * The operation log on a LevelDB-like medium.
 *
 * What holds:
 * - `#frontier`, `#head` and `#committedAt` describe what is durable; they move only after a batch returned.
 * - Operation records and the head record that counts them are one atomic batch.
 * - A handle that failed once is never written to again: LevelDB accepts writes after a failed one that it
 *   cannot read back later, and an fsync that failed once proves nothing when repeated. The handle is closed,
 *   another one opened, and the tail compared with what was acknowledged, before anything else is written.
 */
export class LevelOperationLog implements OperationLog {
  readonly storeId: string
  readonly epoch: number
  readonly #medium: Medium
  readonly #env: Env
  #handle: Handle
  #head: number
  #committedAt: number
  #frontier: MerkleFrontier
  #origin: OriginRecord | null
  /** Set while the handle is finished: where the log ends if the batch that failed is there all the same. */
  #attempted: MerkleFrontier | null = null
  /** Settles once a new handle is verified, or fails. */
  #reopening: Promise<void> | null = null
  #closed = false

  constructor(medium: Medium, env: Env, handle: Handle, { store, head, origin }: LogState) {
    this.#medium = medium
    this.#env = env
    this.#handle = handle
    this.storeId = store.storeId
    this.epoch = store.epoch
    this.#head = head.head
    this.#committedAt = head.committedAt
    this.#frontier = new MerkleFrontier(head.head, head.peaks)
    this.#origin = origin
  }

  get head(): number {
    return this.#head
  }

  get committedAt(): number {
    return this.#committedAt
  }

  get root(): Buffer {
    return this.#frontier.root()
  }

  get frontier(): MerkleFrontier {
    return this.#frontier.clone()
  }

  get origin(): OriginRecord | null {
    return this.#origin
  }

  async append(records: readonly OperationRecord[], origin?: Origin): Promise<Buffer[]> {
    if (records.length === 0 && origin === undefined) return []
    await this.ready()
    this.#checkFollows(records)
    const framed = await this.#framed(records)
    await this.#appendBatch(framed, records.at(-1)?.commit, origin)
    return framed.map(({ leaf }) => leaf)
  }

  async appendFrames(frames: readonly LogFrame[], origin?: Origin): Promise<void> {
    if (frames.length === 0 && origin === undefined) return
    await this.ready()
    this.#checkFollows(frames)
    await this.#appendBatch(frames, frames.at(-1)?.commit, origin)
  }

  async #appendBatch(
    frames: readonly Framed[],
    { committedAt }: { committedAt: number } = this,
    origin?: Origin,
  ): Promise<void> {
    const frontier = this.#frontier.clone()
    const puts: Entry[] = []
    for (const [index, { position, bytes, leaf }] of frames.entries()) {
      if (index > 0 && index % limits.batchedPerTurn === 0) await nextTurn()
      frontier.append(leaf)
      puts.push({ key: recordKey(position), value: bytes })
    }
    const head = { head: frontier.size, committedAt, peaks: [...frontier.peaks] }
    puts.push({ key: headKey, value: encodeHeadRecord(head) })
    const reached = origin === undefined ? null : { ...origin, head: frontier.size }
    if (reached !== null) puts.push({ key: originKey, value: encodeOriginRecord(reached) })
    this.#medium.admit(bytesOf(puts))
    await this.#writeOrFindOut(puts, frontier)

    this.#frontier = frontier
    this.#head = frontier.size
    this.#committedAt = committedAt
    if (reached !== null) this.#origin = reached
  }

  async ready(): Promise<void> {
    if (this.#closed)
      throw new AnnalsError('store_closed', 'The operation log is closed.', { fate: 'not_written' })
    if (this.#attempted === null) return
    try {
      await this.#reopen(this.#attempted)
    } catch (error) {
      const code =
        error instanceof AnnalsError && error.code === 'log_tail_lost' ? error.code : 'log_unavailable'
      throw new AnnalsError(code, `The operation log takes no writes: ${messageOf(error)}`, {
        fate: 'not_written',
        hint: 'Reading goes on as far as it needs no log. Writes resume once the folder can be opened again.',
        cause: error,
      })
    }
  }

  async read(position: number): Promise<OperationRecord> {
    return (await this.readMany([position]))[0]!
  }

  async readMany(positions: readonly number[]): Promise<OperationRecord[]> {
    for (const position of positions) this.#checkReached(position)
    const frames = await this.#reading((handle) => handle.getMany(positions.map(recordKey)))
    return frames.map((frame, index) => checkedFrame(positions[index]!, frame).record)
  }

  range(options: ReadOptions = {}): AsyncGenerator<LogEntry, void> {
    return this.#pages(options, checkedFrame)
  }

  frames(options: ReadOptions = {}): AsyncGenerator<LogFrame, void> {
    return this.#pages(options, checkedLogFrame)
  }

  leaves(options: ReadOptions = {}): AsyncGenerator<LogLeaf, void> {
    return this.#pages(options, checkedLeaf)
  }

  /** What `check` makes of each position's bytes, read ahead in small pages. */
  async *#pages<T>(
    { after = 0, until = this.#head }: ReadOptions,
    check: (position: number, bytes: Buffer | undefined) => T,
  ): AsyncGenerator<T, void> {
    for (let next = after + 1; next <= until; ) {
      const first = next
      const last = Math.min(first + limits.readAheadRecords - 1, until)
      const { page, end } = await this.#reading((handle) => readAhead(handle, first, last))
      for (; next <= end; next++) yield check(next, page.get(next))
    }
  }

  async redact(positions: readonly number[]): Promise<number> {
    let removed = 0
    for (let from = 0; from < positions.length; from += limits.readAheadRecords) {
      await this.ready()
      const page = positions.slice(from, from + limits.readAheadRecords)
      const keys = page.map(recordKey)
      const frames = await this.#reading((handle) => handle.getMany(keys))
      const puts: Entry[] = []
      page.forEach((position, index) => {
        const bytes = checkedBytes(position, frames[index])
        if (!hasPayload(bytes)) return
        const value = erasedFrame(bytes)
        removed += bytes.length - value.length
        puts.push({ key: keys[index]!, value })
      })
      if (puts.length > 0) await this.#rewrite(puts)
    }
    return removed
  }

  async compact(): Promise<void> {
    await this.#reading((handle) => handle.compact(recordRange))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#reopening?.catch(() => undefined)
    await this.#handle.close()
  }

  #checkFollows(next: readonly { position: number }[]): void {
    const first = next[0]?.position ?? this.#head + 1
    const last = next.at(-1)?.position ?? this.#head
    if (first === this.#head + 1 && last === this.#head + next.length) return
    throw new AnnalsError('internal', `Appending from position ${first} to head ${this.#head}.`)
  }

  /** The records as frames, with a turn of the event loop between every few. */
  async #framed(records: readonly OperationRecord[]): Promise<Framed[]> {
    const salts = this.#env.randomBytes(records.length * saltBytes)
    const framed: Framed[] = []
    for (const [index, record] of records.entries()) {
      if (index > 0 && index % limits.encodedPerTurn === 0) await nextTurn()
      const frame = encodeFrame(record, salts.subarray(index * saltBytes, (index + 1) * saltBytes))
      framed.push({ position: record.position, ...frame })
    }
    return framed
  }

  #checkReached(position: number): void {
    if (Number.isSafeInteger(position) && position >= 1 && position <= this.#head) return
    throw new AnnalsError(
      'position_not_reached',
      `Position ${position} is not in the log, which ends at ${this.#head}.`,
    )
  }

  /** Reads wait for a reopening that is under way; afterwards the same keys hold the same bytes. */
  async #reading<T>(read: (handle: Handle) => Promise<T>): Promise<T> {
    if (this.#closed) throw new AnnalsError('store_closed', 'The operation log is closed.')
    if (this.#attempted !== null) await this.#reopen(this.#attempted)
    const handle = this.#handle
    try {
      return await read(handle)
    } catch (error) {
      // The handle may have been replaced while this read was under way.
      if (this.#attempted !== null) await this.#reopen(this.#attempted)
      if (handle !== this.#handle) return read(this.#handle)
      if (error instanceof AnnalsError) throw error
      throw new AnnalsError('log_unavailable', `The operation log cannot be read: ${messageOf(error)}.`, {
        cause: error,
      })
    }
  }

  /** Overwrites frames. A failure costs the handle, not the log: whoever asked must ask again. */
  async #rewrite(puts: readonly Entry[]): Promise<void> {
    this.#medium.admit(bytesOf(puts))
    try {
      await this.#handle.write(puts)
    } catch (error) {
      this.#attempted = this.#frontier
      await this.#reopen(this.#frontier)
      throw new AnnalsError(
        'write_failed',
        `Payloads could not be removed from the log: ${messageOf(error)}.`,
        {
          fate: 'not_written',
          hint: 'What was to be removed is remembered, and removed when the store is opened the next time.',
          cause: error,
        },
      )
    }
  }

  /** Writes the batch; after a failure, returns only if the batch turns out to be durable all the same. */
  async #writeOrFindOut(puts: readonly Entry[], frontier: MerkleFrontier): Promise<void> {
    try {
      await this.#handle.write(puts)
    } catch (error) {
      this.#attempted = frontier
      if (await this.#survived(frontier, error)) return
      throw new AnnalsError('write_failed', `The operation log could not be written: ${messageOf(error)}.`, {
        fate: 'not_written',
        hint: 'Nothing of this write is in the store; repeat it once the disk is well again.',
        cause: error,
      })
    }
  }

  async #survived(attempted: MerkleFrontier, failure: unknown): Promise<boolean> {
    try {
      await this.#reopen(attempted)
    } catch (error) {
      if (error instanceof AnnalsError && error.code === 'log_tail_lost') throw error
      throw new AnnalsError(
        'write_failed',
        `The operation log failed and cannot be reopened: ${messageOf(error)}`,
        {
          fate: 'indeterminate',
          hint: 'The write may or may not be there once the store opens again; an idempotencyKey makes repeating it safe.',
          cause: failure,
        },
      )
    }
    return this.#head === attempted.size
  }

  #reopen(attempted: MerkleFrontier): Promise<void> {
    this.#reopening ??= this.#replaceHandle(attempted).finally(() => {
      this.#reopening = null
    })
    return this.#reopening
  }

  // Opening makes LevelDB write what it recovers into a new, synced table: what is read now is durable.
  async #replaceHandle(attempted: MerkleFrontier): Promise<void> {
    await this.#handle.close().catch(() => undefined)
    this.#handle = await this.#medium.open()
    const { head, origin } = await readState(this.#handle, this.#medium.name)
    const found = new MerkleFrontier(head.head, head.peaks)
    const expected = head.head === attempted.size ? attempted : this.#frontier
    if (found.size !== expected.size || !found.root().equals(expected.root()))
      throw tailLost(this.#medium.name, this.#head, head.head)
    await verifyNewest(this.#handle, head.head)
    this.#frontier = expected
    this.#head = head.head
    this.#committedAt = head.committedAt
    this.#origin = origin
    this.#attempted = null
  }
}

function checkedBytes(position: number, bytes: Buffer | undefined): Buffer {
  checkedFrame(position, bytes)
  return bytes!
}

function bytesOf(puts: readonly Entry[]): number {
  return puts.reduce((bytes, { key, value }) => bytes + key.length + value.length, 0)
}
