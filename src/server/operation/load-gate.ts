import { AnnalsError } from '../../errors.ts'

/** How many requests may be worked on at once. */
export interface LoadLimits {
  concurrentRequests: number
  /** Answers that go on: feeds, jobs, streams. */
  openStreams: number
}

/** What a request is to the gate: streams are counted apart, as they stay. */
export type LoadKind = 'request' | 'stream'

/** A place in the gate. It is taken as long as anybody holds it. */
export class Place {
  readonly #count: (change: 1 | -1) => void
  #holders = 0

  constructor(count: (change: 1 | -1) => void) {
    this.#count = count
  }

  /** Holds the place, beside whoever does already; what is answered lets it go, however often it is called. */
  hold(): () => void {
    if (this.#holders === 0) this.#count(1)
    this.#holders++
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#holders--
      if (this.#holders === 0) this.#count(-1)
    }
  }
}

/** Does `work` and holds the place, where there is one, until it has ended. */
export async function during<T>(place: Place | null, work: () => T | Promise<T>): Promise<T> {
  const leave = place?.hold()
  try {
    return await work()
  } finally {
    leave?.()
  }
}

/**
 * Counts what is being worked on, and refuses what is too much, so that a crowd costs the crowd's time and not
 * the memory of the server. What goes on after its caller has left, or has been told that it takes too long, counts
 * until it ends.
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

  /** A place for one more, which counts once it is held. Throws `busy`. */
  place(kind: LoadKind): Place {
    if (this.#open[kind] >= this.#limits[kind])
      throw new AnnalsError('busy', `The server is working on ${this.#limits[kind]} ${kind}s already.`, {
        fate: 'not_written',
        hint: 'Try again in a second.',
      })
    return new Place((change) => {
      this.#open[kind] += change
    })
  }
}
