/** When a call that failed is tried again. */

const firstDelayMs = 100
const delayMsMax = 5_000
/** A server that asks for more patience than this is told of to the caller instead. */
const retryAfterMsMax = 30_000

/**
 * How long to wait before the next attempt: twice as long each time, half of it by chance, so that many clients do
 * not come back all at once; but not before the server said (`retryAfterMs`). `null`: not at all.
 *
 * @param attempt how many attempts have failed, from 1.
 * @param chance from 0 to 1.
 */
export function retryDelayMs(attempt: number, chance: number, retryAfterMs: number | null): number | null {
  if (retryAfterMs !== null && retryAfterMs > retryAfterMsMax) return null
  const longest = Math.min(delayMsMax, firstDelayMs * 2 ** (attempt - 1))
  return Math.round(Math.max(longest * (0.5 + chance / 2), retryAfterMs ?? 0))
}

/** The header `Retry-After`: seconds, or the time to wait for; `null` where it says neither. */
export function parseRetryAfter(text: string | null, now: number): number | null {
  if (text === null) return null
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  const until = Date.parse(text)
  return Number.isNaN(until) ? null : Math.max(0, until - now)
}
