import { AnnalsError } from '../../errors.ts'

/** How many requests may be worked on at once. */
export interface LoadLimits {
  concurrentRequests: number
  /** Answers that go on: feeds, jobs, streams. */
  openStreams: number
}

/** What a request is to the gate: streams are counted apart, as they stay. */
export type LoadKind = 'request' | 'stream'

/**
 * Counts what is being worked on, and refuses what is too much, so that a crowd costs the crowd's time and not
 * the memory of the server.
 */
export class LoadGate {
  readonly #limits: Readonly<Record<LoadKind, number>>
  readonly #open: Record<LoadKind, number> = { request: 0, stream: 0 }

  constructor({ concurrentRequests, openStreams }: LoadLimits) {
    this.#limits = { request: concurrentRequests, stream: openStreams }
  }

  /** How many are being worked on. */
  open(kind: LoadKind): number {
    return this.#open[kind]
  }

  /** Lets one in; what is answered lets it out again, however often it is called. Throws `busy`. */
  enter(kind: LoadKind): () => void {
    if (this.#open[kind] >= this.#limits[kind])
      throw new AnnalsError('busy', `The server is working on ${this.#limits[kind]} ${kind}s already.`, {
        fate: 'not_written',
        hint: 'Try again in a second.',
      })
    this.#open[kind]++
    let isIn = true
    return () => {
      if (isIn) this.#open[kind]--
      isIn = false
    }
  }
}
