/**
 * What a conformance test gets: a store of its own behind one client, whatever the client is. The suite knows
 * nothing else of it, so any client that can be made this way can be put under it.
 */
import { afterAll, afterEach } from 'vitest'
import type { EmbeddingFunction } from '../../src/embedding/embedding-function.ts'
import type { Env } from '../../src/env.ts'
import {
  AnnalsError,
  type Client,
  type Collection,
  type ErrorCode,
  type PersistentClient,
} from '../../src/index.ts'

/** What a test may ask of a client. */
export interface OpenOptions {
  tenant?: string
  database?: string
  env?: Env
  memoryBudgetBytes?: number
}

/** Where one store lives. */
export interface Place {
  /** A client of this store. `isShared` says whether a second one sees the same store. */
  open(options?: OpenOptions): Client
  readonly isShared: boolean
  /** Closes what is left open and removes everything. */
  dispose(): Promise<void>
}

/** One way to run the suite. */
export interface Face {
  name: string
  place: () => Place
}

/** The topics' access to the face that they run on. */
export interface Fixture {
  readonly face: Face
  /** A client of a new store; closed and removed after the test. */
  client(options?: OpenOptions): Client
  /** A new store for several clients; removed after the test. */
  place(): Place
  /** A collection in a new store, with vectors only. */
  collection(options?: CollectionSetup): Promise<Collection>
  /**
   * What `make` gives, made by the first test that asks and kept for the others: for tests that only read, or are
   * refused. Its stores are removed after the last test of the topic.
   */
  once<T>(make: (kept: Stores) => Promise<T>): () => Promise<T>
}

/** Stores, and when they go. */
type Stores = Omit<Fixture, 'once'>

export interface CollectionSetup {
  client?: Client
  name?: string
  hnsw?: Record<string, unknown>
  embeddingFunction?: EmbeddingFunction | null
}

/** Tests of one subject; called inside a `describe`. */
export type Topic = (fixture: Fixture) => void

/** A fixture whose stores go when a test has ended. To be called inside a `describe`. */
export function fixtureFor(face: Face): Fixture {
  const kept = storesUntil(afterAll, face)
  return {
    ...storesUntil(afterEach, face),
    once: (make) => {
      let made: ReturnType<typeof make> | null = null
      return () => {
        made ??= make(kept)
        return made
      }
    },
  }
}

function storesUntil(end: typeof afterEach | typeof afterAll, face: Face): Stores {
  let places: Place[] = []
  end(async () => {
    const used = places
    places = []
    for (const place of used) await place.dispose()
  })
  const place = (): Place => {
    const made = face.place()
    places.push(made)
    return made
  }
  const client = (options?: OpenOptions): Client => place().open(options)
  return {
    face,
    client,
    place,
    collection: (setup = {}) => {
      const { name = 'notes', hnsw, embeddingFunction = null } = setup
      const configuration = hnsw === undefined ? {} : { configuration: { hnsw } }
      return (setup.client ?? client()).createCollection({ name, embeddingFunction, ...configuration })
    },
  }
}

/** What a rejected call, or a thrown error, says. */
export async function refusalOf(run: () => unknown): Promise<AnnalsError> {
  try {
    await run()
  } catch (error) {
    if (error instanceof AnnalsError) return error
    throw error
  }
  throw new Error('The call was accepted.')
}

/** The code alone. */
export async function codeOf(run: () => unknown): Promise<ErrorCode> {
  return (await refusalOf(run)).code
}

/** Everything that an async iterable gives. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

/** As JavaScript callers can hand it in. */
export function untyped<T>(value: unknown): T {
  return value as T
}

/** The store's newest position. */
export async function headOf(client: Client | PersistentClient): Promise<number> {
  return (await client.stats()).head
}

/** Vectors with two values, of which the first tells them apart. */
export function points(count: number, from = 0): number[][] {
  return Array.from({ length: count }, (_, index) => [from + index, 1])
}

/** `r0`, `r1`, … */
export function ids(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => `r${from + index}`)
}

/** A clock that goes as it is told. */
export class TestClock {
  now: number

  constructor(now = Date.parse('2026-03-01T12:00:00Z')) {
    this.now = now
  }
}
