/**
 * Keeps the writes of one client in the order of their calls, although some must wait for an embedding
 * function first. Preparations run side by side; only the submissions wait for each other.
 */
export class CallOrder {
  readonly #untilAnswered: boolean
  #submitted: Promise<unknown> = Promise.resolve()

  /** `untilAnswered`: only the answer says that a submission has taken its place, as over a network. */
  constructor({ untilAnswered = false }: { untilAnswered?: boolean } = {}) {
    this.#untilAnswered = untilAnswered
  }

  /** Prepares at once, and submits when all earlier calls have been submitted or have failed. */
  async run<P, R>(prepare: () => Promise<P>, submit: (prepared: P) => Promise<R>): Promise<R> {
    const before = this.#submitted
    // Wrapped: the next call waits for this one's submission, not for its result.
    const submission = (async () => {
      const prepared = prepare()
      // Handled below; a failure must not count as unhandled while earlier calls are still waited for.
      prepared.catch(() => undefined)
      await before
      const result = submit(await prepared)
      if (this.#untilAnswered) await result
      return { result }
    })()
    this.#submitted = submission.catch(() => undefined)
    return (await submission).result
  }

  /** Waits until all earlier calls have been submitted or have failed. */
  passed(): Promise<void> {
    const nothing = async (): Promise<void> => undefined
    return this.run(nothing, nothing)
  }
}
