import type { OriginRecord } from '../format/head-record.ts'
import type { Commit, OperationRecord } from '../types.ts'
import type { MerkleFrontier } from './merkle-tree.ts'

/**
 * What the log does when it finds damage while opening; the names are RocksDB's.
 *
 * - `tolerate-tail` (default): operation records that were never acknowledged may go; any other damage refuses.
 * - `absolute`: any damage refuses.
 * - `point-in-time`: everything from the first damaged record on is given up.
 * - `salvage`: damaged records are replaced by `lost` ones, and a report says which.
 */
export type Recovery = 'tolerate-tail' | 'absolute' | 'point-in-time' | 'salvage'

/** What is remembered of the log outside the log, so that a lost tail is noticed. */
export interface LogMark {
  storeId: string
  position: number
  /** The frontier of the tree at `position`. */
  frontier: MerkleFrontier
}

/** What recovery gave up. Empty lists and `null` after an ordinary open. */
export interface RecoveryReport {
  mode: Recovery
  /** Positions whose operation records could not be read and now hold `lost` records. */
  lost: { position: number; reason: string }[]
  /** The head after everything behind it was given up, or `null`. */
  truncatedTo: number | null
}

/** One operation record as it stands in the log, and the leaf that it adds to the tree. */
export interface LogEntry {
  record: OperationRecord
  leaf: Buffer
}

/** One operation record as the bytes that stand in the log, every digest checked. */
export interface LogFrame {
  position: number
  bytes: Buffer
  leaf: Buffer
  commit: Commit
  /** Decodes the frame. */
  record: () => OperationRecord
}

/** Of which log an append is a replay, and up to where; the log adds its own head. */
export type Origin = Omit<OriginRecord, 'head'>

/** What an operation record adds to the tree, as the bytes that were hashed. */
export interface LogLeaf {
  position: number
  /** SHA-256(0x00 | header). */
  leaf: Buffer
  header: Buffer
  /** Salt and payload, to which the header commits; `null` once erased. Not checked against the header. */
  content: Buffer | null
}

export interface ReadOptions {
  /** Exclusive; default 0, the beginning. */
  after?: number
  /** Inclusive; default the head at the time of the call. */
  until?: number
}

/**
 * The durable, append-only sequence of operation records: the store's truth.
 *
 * What every implementation promises:
 * - `append` returns when the records are durable; then `head` and `frontier` cover them. All of them or none.
 * - Positions are 1, 2, 3 … without gaps; `append` takes exactly the next ones.
 * - Whatever is read has been checked: by its digest, its position, and for gaps. Damage throws `log_damaged`.
 * - After a failed append the log has found out by itself what became of it: `append` then either returns
 *   (durable after all) or throws with the fate `not_written`; only if it could not find out, `indeterminate`.
 */
export interface OperationLog {
  readonly storeId: string
  /** Raised by every recovery that gave up operation records. */
  readonly epoch: number
  /** The newest durable position; 0 when empty. */
  readonly head: number
  /** `committedAt` of the newest commit, Unix ms; 0 when empty. */
  readonly committedAt: number
  /** The RFC 6962 root over positions 1 to `head`. */
  readonly root: Buffer
  readonly frontier: MerkleFrontier

  /** Of which log this one is a replay; `null` for a log that was only ever written to. */
  readonly origin: OriginRecord | null

  /**
   * Settles when the log can take an append; after a failure it finds out what became of the last one, and
   * `head` may have moved. Whoever decides what to append does so after this.
   * Throws `log_unavailable`, `log_tail_lost` or `store_closed`, with the fate `not_written`.
   */
  ready(): Promise<void>
  /**
   * Appends; `origin` is written in the same batch, and may be given without records. Answers the leaves that the
   * records added to the tree.
   */
  append(records: readonly OperationRecord[], origin?: Origin): Promise<Buffer[]>
  /** As `append`, with frames as they stand in another log: bit for bit, so that the trees are equal. */
  appendFrames(frames: readonly LogFrame[], origin?: Origin): Promise<void>
  /** The operation record at `position`; `position_not_reached` outside 1 to head. */
  read(position: number): Promise<OperationRecord>
  /** Those at the given positions, in their order. */
  readMany(positions: readonly number[]): Promise<OperationRecord[]>
  /** Records in order, read ahead in small pages. */
  range(options?: ReadOptions): AsyncGenerator<LogEntry, void, undefined>
  /** The same as frames: what copies a log reads. */
  frames(options?: ReadOptions): AsyncGenerator<LogFrame, void, undefined>
  /** The leaves of the tree in order, for proofs: headers checked by their digests, payloads not looked at. */
  leaves(options?: ReadOptions): AsyncGenerator<LogLeaf, void, undefined>
  /**
   * Removes salt and payload of the given records for good; headers, leaves and root stay. Not beside an
   * `append`. Answers the bytes removed. Repeating it is safe; the bytes are out of the files after `compact`.
   */
  redact(positions: readonly number[]): Promise<number>
  /** Has the files rewritten, so that what was overwritten is gone from them. */
  compact(): Promise<void>
  /** Releases the log; idempotent. */
  close(): Promise<void>
}
