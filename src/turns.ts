import { setImmediate as nextTurn } from 'node:timers/promises'

/** Runs long work in the steps that it yields after, with a turn of the event loop between them. */
export async function inTurns<Result>(steps: Generator<void, Result>): Promise<Result> {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    await nextTurn()
  }
}

/**
 * Hands out turns of the event loop, one for each of a crowd: requests that begin, reads that waited for the same
 * index. What a crowd has sent arrives in one turn, all of it; begun at once it would also be worked on in one turn,
 * and timers, the signs of life among them, would wait for two hundred queries.
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
