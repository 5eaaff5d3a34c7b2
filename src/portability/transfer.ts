/** How far a backup, restore or replay has come. */
export interface TransferProgress {
  /** The position that was reached. */
  position: number
  /** The position that will be reached, as far as that is known. */
  until: number
  /** Bytes of frames so far. */
  bytes: number
}

/** What every long transfer can be told. */
export interface TransferOptions {
  /** Stops it: the promise is rejected with the signal's reason, and the same call goes on later. */
  signal?: AbortSignal
  /** Told after each part, in order. */
  onProgress?: (progress: TransferProgress) => void
}
