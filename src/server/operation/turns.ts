/**
 * Hands out turns of the event loop, one for each request that begins. What a crowd has sent arrives in one turn,
 * all of it; begun at once it would also be worked on in one turn, and timers, the signs of life among them, would
 * wait for two hundred queries.
 */
export class Turns {
  readonly #waiting: (() => void)[] = []

  /** Settles in a later turn of the event loop, in the order of the calls, and never two in the same one. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === 1) setImmediate(this.#give)
    })
  }

  readonly #give = (): void => {
    const [next] = this.#waiting
    next?.()
    this.#waiting.shift()
    if (this.#waiting.length > 0) setImmediate(this.#give)
  }
}
