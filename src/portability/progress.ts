import { invalid } from '../validation/values.ts'

/** How far an export or import has come. */
export interface ExchangeProgress {
  /** The collection that is being worked on. */
  collection: string
  /** Records done so far. */
  records: number
  /** Records in all; `null` where the source does not say. */
  total: number | null
  /** Bytes written by an export, or read by an import; 0 where there is no file. */
  bytes: number
}

export type OnProgress = (progress: ExchangeProgress) => void

/** What every export and import can be told about its way. */
export interface ExchangeControl {
  /** Stops the work; the promise is rejected with the signal's reason. */
  signal?: AbortSignal
  /** Called after every batch, and at the end. What it throws ends the work. */
  onProgress?: OnProgress
  /** Records in one batch: of memory, and of one write; default 1,000. */
  batchSize?: number
}

/** Checks the parts of `ExchangeControl` and fills in the defaults. */
export function checkControl(
  given: Record<string, unknown>,
  place: string,
  batchSizeMax: number,
): { signal: AbortSignal | null; onProgress: OnProgress; batchSize: number } {
  const { signal = null, onProgress = () => undefined, batchSize = 1_000 } = given
  if (signal !== null && !(signal instanceof AbortSignal))
    throw invalid(`${place}.signal`, 'must be an AbortSignal', signal)
  if (typeof onProgress !== 'function') throw invalid(`${place}.onProgress`, 'must be a function', onProgress)
  if (!Number.isInteger(batchSize) || (batchSize as number) < 1 || (batchSize as number) > batchSizeMax)
    throw invalid(`${place}.batchSize`, `must be a whole number from 1 to ${batchSizeMax}`, batchSize)
  return { signal, onProgress: onProgress as OnProgress, batchSize: batchSize as number }
}

/** Waits for `work`, but no longer than until the signal fires; the work itself goes on unheard. */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal | null): Promise<T> {
  if (signal === null) return work
  work.catch(() => undefined)
  signal.throwIfAborted()
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
