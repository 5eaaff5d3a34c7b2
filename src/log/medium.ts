/** One entry of an ordered store. */
export interface Entry {
  key: Buffer
  value: Buffer
}

/** Keys from `gte` on, below `lt`. */
export interface KeyRange {
  gte: Buffer
  lt: Buffer
}

/** Which entries of a range are read; in the order of their keys, or backwards. */
export interface EntryRange extends KeyRange {
  limit: number
  /** The entry with which so many bytes are reached is the last; default: no bound. */
  bytesMax?: number
  reverse?: boolean
}

/**
 * An ordered set of keys with atomic batches: all that the log needs of LevelDB.
 * Reads throw `log_damaged` where the medium itself notices damage.
 */
export interface Handle {
  /** Bytes that opening had to recover from the medium's own log: what a damage to it can have cost. */
  readonly recoveredBytes: number
  get(key: Buffer): Promise<Buffer | undefined>
  getMany(keys: Buffer[]): Promise<(Buffer | undefined)[]>
  entries(range: EntryRange): Promise<Entry[]>
  /** Writes and removes atomically; durable once it returns. A failure finishes the handle. */
  write(puts: readonly Entry[], removals?: readonly Buffer[]): Promise<void>
  /** Rewrites what holds `range`, so that what was overwritten in it is gone from the files. */
  compact(range: KeyRange): Promise<void>
  close(): Promise<void>
}

/** Where handles come from. A finished handle is closed and another one opened on the same medium. */
export interface Medium {
  /** How messages name it. */
  readonly name: string
  /**
   * Opens the medium, creating it if nothing was ever there.
   * Throws `store_locked`, `log_damaged`, `log_unavailable`.
   */
  open(options?: { repair?: boolean }): Promise<Handle>
  /** Throws `disk_full` when `bytes` more would eat into the reserve. Nothing has been written then. */
  admit(bytes: number): void
}
