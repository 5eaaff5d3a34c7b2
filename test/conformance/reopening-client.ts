/**
 * A client that closes its store and opens it again between a write and the next read, and may do something to
 * the folder in between. So whatever a read answers has come from disk, and every test of the suite is one of
 * recovery too.
 */
import { Observable } from 'rxjs'
import type {
  Client,
  Collection,
  GetCollectionOptions,
  ReadableClient,
  ReadableCollection,
} from '../../src/client/api.ts'
import type { EmbeddingFunction } from '../../src/embedding/embedding-function.ts'
import type { Change, ChangeFeed, Point } from '../../src/index.ts'

type Given = EmbeddingFunction | null | undefined

const clientReads = ['stats', 'heartbeat', 'version', 'getMaxBatchSize', 'countCollections'] as const
const catalogReads = ['getTenant', 'getDatabase', 'listDatabases'] as const
const clientWrites = [
  'deleteCollection',
  'createTenant',
  'createDatabase',
  'deleteDatabase',
  'flush',
] as const
const collectionReads = ['get', 'query', 'count', 'peek'] as const
const collectionWrites = ['add', 'update', 'upsert', 'delete', 'modify'] as const

/** Which of the two clients is behind: the handle of a collection is good for one of them only. */
export class Reopener {
  inner: Client
  generation = 0
  isClosed = false
  readonly #make: () => Client
  readonly #between: () => void
  #active = 0
  #isDirty = false
  #reopening: Promise<void> | null = null

  constructor(make: () => Client, between: () => void) {
    this.#make = make
    this.#between = between
    this.inner = make()
  }

  /** Calls at once where nothing is being reopened, so that calls keep their order. */
  async write<T>(run: (client: Client) => Promise<T>): Promise<T> {
    while (this.#reopening !== null) await this.#reopening
    const done = this.enter()
    try {
      return await run(this.inner)
    } finally {
      this.#isDirty = true
      done()
    }
  }

  async read<T>(run: (client: Client) => T | Promise<T>): Promise<T> {
    await this.fresh()
    const done = this.enter()
    try {
      return await run(this.inner)
    } finally {
      done()
    }
  }

  /** Reopens where something was written since, and nothing is under way. */
  async fresh(): Promise<void> {
    if (this.#isDirty && !this.isClosed && this.#active === 0 && this.#reopening === null)
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

  async #reopen(): Promise<void> {
    await this.inner.close()
    this.#between()
    this.inner = this.#make()
    // Sealing goes on in the background; a test that looks at segments wants it done.
    await this.inner.flush()
    this.generation += 1
    this.#isDirty = false
  }
}

/** Wraps a client; `between` runs while its store is closed. */
export function reopeningClient(make: () => Client, between: () => void): Client {
  const reopener = new Reopener(make, between)
  const call = (names: readonly string[], how: 'read' | 'write') =>
    Object.fromEntries(names.map((name) => [name, (...args: unknown[]) => callOn(reopener, how, name, args)]))
  const collection = async (found: Promise<Collection>, given: Given): Promise<Collection> =>
    wrapped(reopener, await found, given)
  const client = {
    get tenant() {
      return reopener.inner.tenant
    },
    get database() {
      return reopener.inner.database
    },
    ...call(clientReads, 'read'),
    ...call(catalogReads, 'read'),
    ...call(clientWrites, 'write'),
    open: () => reopener.inner.open(),
    close: () => {
      reopener.isClosed = true
      return reopener.inner.close()
    },
    createCollection: (...args: Parameters<Client['createCollection']>) =>
      collection(
        reopener.write((inner) => inner.createCollection(...args)),
        args[0]?.embeddingFunction,
      ),
    getOrCreateCollection: (...args: Parameters<Client['getOrCreateCollection']>) =>
      collection(
        reopener.write((inner) => inner.getOrCreateCollection(...args)),
        args[0]?.embeddingFunction,
      ),
    getCollection: (options: GetCollectionOptions) =>
      collection(
        reopener.read((inner) => inner.getCollection(options)),
        options?.embeddingFunction,
      ),
    getCollectionById: (options: Parameters<Client['getCollectionById']>[0]) =>
      collection(
        reopener.read((inner) => inner.getCollectionById(options)),
        options?.embeddingFunction,
      ),
    listCollections: async (...args: Parameters<Client['listCollections']>) => {
      const list = await reopener.read((inner) => inner.listCollections(...args))
      return list.map((one) => wrapped(reopener, one, undefined))
    },
    asOf: (point: Point) => clientView(reopener, point),
    changes: (...args: Parameters<Client['changes']>) => {
      reopener.inner.changes(...args)
      return feed(reopener, async (inner) => inner.changes(...args))
    },
  }
  return client as unknown as Client
}

function callOn(reopener: Reopener, how: 'read' | 'write', name: string, args: unknown[]): Promise<unknown> {
  type Methods = Record<string, (...args: unknown[]) => Promise<unknown>>
  return reopener[how]((inner) => (inner as unknown as Methods)[name]!(...args))
}

function clientView(reopener: Reopener, point: Point): ReadableClient {
  const { tenant, database } = reopener.inner.asOf(point)
  const view = <T>(run: (view: ReadableClient) => Promise<T>): Promise<T> =>
    reopener.read((inner) => run(inner.asOf(point)))
  const collection = async (
    find: (view: ReadableClient) => Promise<ReadableCollection>,
    given: Given,
  ): Promise<ReadableCollection> => collectionView(reopener, await view(find), point, given)
  return {
    tenant,
    database,
    countCollections: () => view((inner) => inner.countCollections()),
    getCollection: (options) =>
      collection((inner) => inner.getCollection(options), options.embeddingFunction),
    getCollectionById: (options) =>
      collection((inner) => inner.getCollectionById(options), options.embeddingFunction),
    listCollections: async (options) => {
      const list = await view((inner) => inner.listCollections(options))
      return list.map((one) => collectionView(reopener, one, point, undefined))
    },
  }
}

/** The same collection of whichever client is behind. */
function wrapped(reopener: Reopener, first: Collection, given: Given): Collection {
  let handle = first
  let generation = reopener.generation
  const current = async (inner: Client): Promise<Collection> => {
    handle = await inner.getCollectionById(byId(first, given))
    generation = reopener.generation
    return handle
  }
  const call = async (how: 'read' | 'write', name: string, args: unknown[]): Promise<unknown> => {
    type Methods = Record<string, (...args: unknown[]) => Promise<unknown>>
    const on = (collection: Collection) => (collection as unknown as Methods)[name]!(...args)
    return reopener[how]((inner) =>
      generation === reopener.generation ? on(handle) : current(inner).then(on),
    )
  }
  const methods = (names: readonly string[], how: 'read' | 'write') =>
    Object.fromEntries(names.map((name) => [name, (...args: unknown[]) => call(how, name, args)]))
  const collection = {
    ...methods(collectionReads, 'read'),
    ...methods(collectionWrites, 'write'),
    history: (...args: Parameters<Collection['history']>) =>
      feed(reopener, async (inner) => (await current(inner)).history(...args)),
    changes: (...args: Parameters<Collection['changes']>) => {
      handle.changes(...args)
      return feed(reopener, async (inner) => (await current(inner)).changes(...args))
    },
    asOf: (point: Point) => collectionView(reopener, handle.asOf(point), point, given),
  }
  return withProperties(collection, () => handle) as unknown as Collection
}

function collectionView(
  reopener: Reopener,
  known: ReadableCollection,
  point: Point,
  given: Given,
): ReadableCollection {
  const find = (inner: Client) => inner.asOf(point).getCollectionById(byId(known, given))
  type Methods = Record<string, (...args: unknown[]) => Promise<unknown>>
  const call = (name: string, args: unknown[]) =>
    reopener.read(async (inner) => ((await find(inner)) as unknown as Methods)[name]!(...args))
  const view = {
    ...Object.fromEntries(collectionReads.map((name) => [name, (...args: unknown[]) => call(name, args)])),
    history: (...args: Parameters<ReadableCollection['history']>) =>
      feed(reopener, async (inner) => (await find(inner)).history(...args)),
  }
  return withProperties(view, () => known) as unknown as ReadableCollection
}

function byId(
  { id }: ReadableCollection,
  given: Given,
): { id: string; embeddingFunction?: EmbeddingFunction | null } {
  return given === undefined ? { id } : { id, embeddingFunction: given }
}

function withProperties(target: object, handle: () => ReadableCollection): object {
  const names = ['id', 'name', 'tenant', 'database', 'metadata', 'configuration'] as const
  const getters = names.map((name) => [name, { enumerable: true, get: () => handle()[name] }])
  return Object.defineProperties(target, Object.fromEntries(getters) as PropertyDescriptorMap)
}

/** While somebody reads from it, nothing is reopened. */
function feed<T>(
  reopener: Reopener,
  open: (inner: Client) => Promise<AsyncIterable<T>>,
): AsyncIterable<T> & ChangeFeed {
  const iterate = async function* (): AsyncGenerator<T> {
    await reopener.fresh()
    const done = reopener.enter()
    try {
      yield* await open(reopener.inner)
    } finally {
      done()
    }
  }
  const toObservable = (): Observable<Change> =>
    new Observable((observer) => {
      const done = reopener.enter()
      const subscription = open(reopener.inner).then((inner) =>
        (inner as unknown as ChangeFeed).toObservable().subscribe(observer),
      )
      return () => {
        void subscription.then((inner) => inner.unsubscribe())
        done()
      }
    })
  return { [Symbol.asyncIterator]: iterate, toObservable } as unknown as AsyncIterable<T> & ChangeFeed
}
