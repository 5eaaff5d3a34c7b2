import { AnnalsError } from '../../errors.ts'

interface Deadline {
  /** Of a write nobody knows, after the deadline, whether it will be done. */
  writes: boolean
  /** Tells the work that nobody waits for it any more. */
  onLate: () => void
}

/**
 * What `work` answers, unless it takes longer than `limitMs`: then `timed_out`. What cannot be told to stop goes
 * on, and its answer is dropped.
 */
export async function within<T>(
  limitMs: number,
  { writes, onLate }: Deadline,
  work: () => T | Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(timedOut(limitMs, writes))
      onLate()
    }, limitMs)
    timer.unref()
  })
  try {
    const working = Promise.resolve(work())
    // After the deadline nobody waits for it: its failure must not count as unhandled.
    working.catch(() => undefined)
    return await Promise.race([working, deadline])
  } finally {
    clearTimeout(timer)
  }
}

function timedOut(limitMs: number, writes: boolean): AnnalsError {
  const hint = 'The write may still be done: repeat it with the same idempotency key.'
  return new AnnalsError('timed_out', `This took longer than ${limitMs} ms.`, {
    ...(writes && { fate: 'indeterminate', hint }),
  })
}
