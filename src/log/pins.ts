/**
 * Positions that somebody still needs: backups and followers at work. Retention keeps what they read. Tags do
 * the same, and stand in the log.
 *
 * What holds: a pin counts from `hold` until its release, which may be called more than once.
 */
export class Pins {
  readonly #held = new Map<symbol, { name: string; position: number }>()

  /** Holds back whatever a read as of `position` needs. Answers how to let go. */
  hold(name: string, position: number): () => void {
    const pin = Symbol(name)
    this.#held.set(pin, { name, position })
    return () => {
      this.#held.delete(pin)
    }
  }

  /** The pins, oldest position first. */
  list(): { name: string; position: number }[] {
    return [...this.#held.values()].sort((a, b) => a.position - b.position)
  }
}
