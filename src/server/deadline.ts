import { AnnalsError } from '../errors.ts'

/**
 * What `work` answers, unless it takes longer than `limitMs`: then `timed_out`, and the signal that the work was
 * given is aborted. What cannot be aborted goes on, and its answer is dropped: of a write (`writes`) nobody knows
 * then whether it will be done.
 */
export async function within<T>(
  limitMs: number,
  { writes }: { writes: boolean },
  work: (signal: AbortSignal) => T | Promise<T>,
): Promise<T> {
  const late = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = timedOut(limitMs, writes)
      reject(error)
      late.abort(error)
    }, limitMs)
    timer.unref()
  })
  try {
    const working = Promise.resolve(work(late.signal))
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
