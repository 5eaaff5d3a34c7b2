import { setTimeout as delay } from 'node:timers/promises'

/**
 * One call while it is under way: what can end it before its time. The caller's signal, the client's close, and a
 * limit of time all abort `signal`, each with its reason.
 *
 * What holds: nothing is left on the caller's signal once the exchange was released.
 */
export class Exchange {
  readonly #controller = new AbortController()
  readonly #given: AbortSignal | undefined
  readonly #onRelease: (exchange: Exchange) => void
  #timer: NodeJS.Timeout | null = null
  readonly #onAbort = () => this.end(this.#given?.reason)

  constructor(given: AbortSignal | undefined, onRelease: (exchange: Exchange) => void) {
    this.#given = given
    this.#onRelease = onRelease
    given?.addEventListener('abort', this.#onAbort, { once: true })
    if (given?.aborted) this.#onAbort()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  end(reason: unknown): void {
    this.#controller.abort(reason)
  }

  /** From now on it may take so long and no longer; without a number, as long as it takes. */
  limit(ms: number | null, reason: () => unknown): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = ms === null ? null : setTimeout(() => this.end(reason()), ms)
  }

  /** Settles after a time; throws the reason when it is ended meanwhile. */
  async pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.signal }).catch(() => undefined)
    this.signal.throwIfAborted()
  }

  release(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#given?.removeEventListener('abort', this.#onAbort)
    this.#onRelease(this)
  }
}
