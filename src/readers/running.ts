/** Promises that are under way, so that whoever closes what they use can wait for them. */
export class Running {
  readonly #promises = new Set<Promise<unknown>>()

  /** The same promise, counted until it settles. */
  track<T>(promise: Promise<T>): Promise<T> {
    this.#promises.add(promise)
    const forget = (): void => {
      this.#promises.delete(promise)
    }
    promise.then(forget, forget)
    return promise
  }

  /** Settles once none is under way. */
  async idle(): Promise<void> {
    while (this.#promises.size > 0) await Promise.allSettled(this.#promises)
  }
}
