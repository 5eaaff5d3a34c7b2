/**
 * What stands behind a client of the suite when reads do not come from where writes went: a store that is
 * closed, moved and opened again in between, or a second store that follows the first.
 */
import { type Client, type Collection, replay } from '../../src/index.ts'

/** The two sides of a store under test. */
export interface Behind {
  /** Takes the writes. */
  readonly writing: Client
  /** Answers the reads. */
  readonly reading: Client
  write<T>(run: (client: Client) => Promise<T>): Promise<T>
  read<T>(run: (client: Client) => T | Promise<T>): Promise<T>
  /** Until reads see what was written. */
  fresh(): Promise<void>
  /** While somebody is inside, nothing is moved. */
  enter(): () => void
  /** The UUID that the store knows for the one that the test knows, and the other way round. */
  inward(id: string): string
  outward(id: string): string
  close(): Promise<void>
}

/** What is done between writes and reads. */
export interface Moves {
  /** Takes the open client of a store, closes it, and leaves a store where the next client is opened. */
  between(client: Client): Promise<Moved>
  /** After a write, when no other is under way. */
  written?(client: Client): Promise<void>
  /** Whether nothing is moved after a write that was refused: where moving takes its time. */
  readonly skipsRefused?: boolean
}

/** The new UUIDs of collections, by the old ones; nothing where they were kept. */
export type Moved = ReadonlyMap<string, string> | undefined

/** Closes the store between a write and the next read, and opens it again. */
export class Reopener implements Behind {
  #client: Client
  readonly #make: () => Client
  readonly #moves: Moves
  readonly #inward = new Map<string, string>()
  readonly #outward = new Map<string, string>()
  #active = 0
  #isDirty = false
  #isClosed = false
  #reopening: Promise<void> | null = null

  constructor(make: () => Client, moves: Moves) {
    this.#make = make
    this.#moves = moves
    this.#client = make()
  }

  get writing(): Client {
    return this.#client
  }

  get reading(): Client {
    return this.#client
  }

  /** Calls at once where nothing is being reopened, so that calls keep their order. */
  async write<T>(run: (client: Client) => Promise<T>): Promise<T> {
    while (this.#reopening !== null) await this.#reopening
    const done = this.enter()
    try {
      const answer = await run(this.#client)
      this.#isDirty = true
      if (this.#active === 1 && !this.#isClosed) await this.#moves.written?.(this.#client)
      return answer
    } catch (error) {
      if (this.#moves.skipsRefused !== true) this.#isDirty = true
      throw error
    } finally {
      done()
    }
  }

  async read<T>(run: (client: Client) => T | Promise<T>): Promise<T> {
    await this.fresh()
    const done = this.enter()
    try {
      return await run(this.#client)
    } finally {
      done()
    }
  }

  /** Reopens where something was written since, and nothing is under way. */
  async fresh(): Promise<void> {
    if (this.#isDirty && !this.#isClosed && this.#active === 0 && this.#reopening === null)
      this.#reopening = this.#reopen().finally(() => {
        this.#reopening = null
      })
    while (this.#reopening !== null) await this.#reopening
  }

  enter(): () => void {
    this.#active += 1
    return () => {
      this.#active -= 1
    }
  }

  inward(id: string): string {
    return this.#inward.get(id.toLowerCase()) ?? id
  }

  outward(id: string): string {
    return this.#outward.get(id) ?? id
  }

  close(): Promise<void> {
    this.#isClosed = true
    return this.#client.close()
  }

  async #reopen(): Promise<void> {
    const moved = await this.#moves.between(this.#client)
    for (const [from, to] of moved ?? []) {
      const known = this.outward(from)
      this.#inward.set(known, to)
      this.#outward.set(to, known)
    }
    this.#client = this.#make()
    // Sealing goes on in the background; a test that looks at segments wants it done.
    await this.#client.flush()
    this.#isDirty = false
  }
}

/** Two stores, of which the second follows the first and answers the reads. */
export class Follower implements Behind {
  readonly writing: Client
  readonly reading: Client
  readonly #stop = new AbortController()
  readonly #waiting = new Set<() => void>()
  #following: Promise<unknown> | null = null
  #failure: unknown = null
  #reached = 0
  #isClosed = false

  constructor(primary: Client, standby: Client) {
    this.writing = primary
    this.reading = standby
  }

  write<T>(run: (client: Client) => Promise<T>): Promise<T> {
    return run(this.writing)
  }

  async read<T>(run: (client: Client) => T | Promise<T>): Promise<T> {
    await this.fresh()
    return run(this.reading)
  }

  /** Waits until the standby stands where the primary is now. */
  async fresh(): Promise<void> {
    if (this.#isClosed) return
    const { head } = await this.writing.stats()
    this.#following ??= this.#follow()
    while (this.#reached < head && !this.#isClosed) {
      if (this.#failure !== null) throw this.#failure
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  enter(): () => void {
    return () => undefined
  }

  inward(id: string): string {
    return id
  }

  outward(id: string): string {
    return id
  }

  async close(): Promise<void> {
    this.#isClosed = true
    // At once, as a test may have writes under way.
    const closed = this.writing.close()
    this.#stop.abort()
    this.#wake()
    await this.#following
    await this.reading.close()
    await closed
  }

  async #follow(): Promise<void> {
    try {
      await replay(this.writing, this.reading, {
        follow: true,
        signal: this.#stop.signal,
        onProgress: ({ position }) => {
          this.#reached = position
          this.#wake()
        },
      })
      if (!this.#isClosed) throw new Error('Following ended by itself.')
    } catch (error) {
      this.#failure = error
      this.#wake()
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}

/** The handles of one collection, one for each client that stood behind. */
export class Handles {
  latest: Collection
  readonly #find: (client: Client) => Promise<Collection>
  readonly #known = new WeakMap<Client, Collection>()

  constructor(first: Collection, on: Client, find: (client: Client) => Promise<Collection>) {
    this.latest = first
    this.#find = find
    this.#known.set(on, first)
  }

  /** Calls at once where the handle is known, so that calls keep their order. */
  call<T>(client: Client, run: (handle: Collection) => T | Promise<T>): T | Promise<T> {
    const known = this.#known.get(client)
    return known === undefined ? this.on(client).then(run) : run(known)
  }

  async on(client: Client): Promise<Collection> {
    const handle = this.#known.get(client) ?? (await this.#find(client))
    this.#known.set(client, handle)
    this.latest = handle
    return handle
  }
}
