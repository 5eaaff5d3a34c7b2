/**
 * The client that the suite sees when reads do not come from where writes went: after a write, whatever a read
 * answers has come from disk, from a copy or from a standby. So every test of the suite is one of that, too.
 */
import { Observable } from 'rxjs'
import type { Client, GetCollectionOptions, ReadableClient } from '../../src/client/api.ts'
import { BufferedTransaction } from '../../src/client/buffered-transaction.ts'
import type { Collection, ReadableCollection } from '../../src/client/collection-api.ts'
import type { LocalCollection } from '../../src/client/local-collection.ts'
import type { EmbeddingFunction } from '../../src/embedding/embedding-function.ts'
import type { Change, ChangeFeed, ConditionalTransaction, Point } from '../../src/index.ts'
import { type Behind, Follower, Handles, type Moves, Reopener } from './reopener.ts'

type Given = EmbeddingFunction | null | undefined

const clientReads = ['stats', 'heartbeat', 'version', 'getMaxBatchSize', 'countCollections'] as const
const catalogReads = ['getTenant', 'listTenants', 'getDatabase', 'listDatabases', 'getRetention'] as const
const clientWrites = [
  'deleteCollection',
  'createTenant',
  'createDatabase',
  'deleteDatabase',
  'setRetention',
] as const
const collectionReads = ['get', 'query', 'search', 'count', 'peek'] as const
const presentReads = ['forkCount', 'getIndexingStatus'] as const
const collectionWrites = ['add', 'update', 'upsert', 'delete', 'modify'] as const

/** A client whose store is closed, moved and opened again between a write and the next read. */
export function reopeningClient(make: () => Client, moves: Moves): Client {
  return clientOf(new Reopener(make, moves))
}

/** A client that writes to one store and reads from another one, which follows it. */
export function followingClient(primary: Client, standby: Client): Client {
  return clientOf(new Follower(primary, standby))
}

function clientOf(behind: Behind): Client {
  const call = (names: readonly string[], how: 'read' | 'write') =>
    Object.fromEntries(names.map((name) => [name, (...args: unknown[]) => callOn(behind, how, name, args)]))
  const made = (make: (client: Client) => Promise<Collection>, given: Given): Promise<Collection> =>
    behind.write(async (writing) => wrapped(behind, await make(writing), writing, given))
  const found = (find: (client: Client) => Promise<Collection>, given: Given): Promise<Collection> =>
    behind.read(async (reading) => wrapped(behind, await find(reading), reading, given))
  const client = {
    get tenant() {
      return behind.writing.tenant
    },
    get database() {
      return behind.writing.database
    },
    ...call(clientReads, 'read'),
    ...call(catalogReads, 'read'),
    ...call(clientWrites, 'write'),
    open: () => behind.writing.open(),
    close: () => behind.close(),
    flush: async () => {
      await behind.write((writing) => writing.flush())
      if (behind.reading !== behind.writing) await behind.read((reading) => reading.flush())
    },
    createCollection: (...args: Parameters<Client['createCollection']>) =>
      made((writing) => writing.createCollection(...args), args[0]?.embeddingFunction),
    getOrCreateCollection: (...args: Parameters<Client['getOrCreateCollection']>) =>
      made((writing) => writing.getOrCreateCollection(...args), args[0]?.embeddingFunction),
    getCollection: (options: GetCollectionOptions) =>
      found((reading) => reading.getCollection(options), options?.embeddingFunction),
    getCollectionById: (options: Parameters<Client['getCollectionById']>[0]) =>
      found(
        (reading) => reading.getCollectionById({ ...options, id: behind.inward(options.id) }),
        options.embeddingFunction,
      ),
    listCollections: (...args: Parameters<Client['listCollections']>) =>
      behind.read(async (reading) => {
        const list = await reading.listCollections(...args)
        return list.map((one) => wrapped(behind, one, reading, undefined))
      }),
    asOf: (point: Point) => clientView(behind, point),
    changes: (...args: Parameters<Client['changes']>) => {
      behind.writing.changes(...args)
      return feed(behind, async (inner) => inner.changes(...args))
    },
  }
  return client as unknown as Client
}

function callOn(behind: Behind, how: 'read' | 'write', name: string, args: unknown[]): Promise<unknown> {
  type Methods = Record<string, (...args: unknown[]) => Promise<unknown>>
  return behind[how]((inner) => (inner as unknown as Methods)[name]!(...args))
}

function clientView(behind: Behind, point: Point): ReadableClient {
  const { tenant, database } = behind.writing.asOf(point)
  const view = <T>(run: (view: ReadableClient) => Promise<T>): Promise<T> =>
    behind.read((inner) => run(inner.asOf(point)))
  const collection = async (
    find: (view: ReadableClient) => Promise<ReadableCollection>,
    given: Given,
  ): Promise<ReadableCollection> => collectionView(behind, await view(find), point, given)
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
      return list.map((one) => collectionView(behind, one, point, undefined))
    },
  }
}

/** The same collection of whichever client is behind. */
function wrapped(behind: Behind, first: Collection, on: Client, given: Given): Collection {
  const id = behind.outward(first.id)
  const find = (client: Client) => client.getCollectionById(byId(behind, id, given))
  const handles = new Handles(first, on, find)
  type Methods = Record<string, (...args: unknown[]) => Promise<unknown>>
  const methods = (names: readonly string[], how: 'read' | 'write') =>
    Object.fromEntries(
      names.map((name) => [
        name,
        (...args: unknown[]) =>
          behind[how](async (client) =>
            handles.call(client, (handle) => (handle as unknown as Methods)[name]!(...args)),
          ),
      ]),
    )
  const collection = {
    ...methods([...collectionReads, ...presentReads], 'read'),
    ...methods(collectionWrites, 'write'),
    fork: (...args: Parameters<Collection['fork']>) =>
      behind.write(async (writing) =>
        wrapped(behind, await handles.call(writing, (handle) => handle.fork(...args)), writing, given),
      ),
    history: (...args: Parameters<Collection['history']>) =>
      feed(behind, async (reading) => (await handles.on(reading)).history(...args)),
    changes: (...args: Parameters<Collection['changes']>) => {
      handles.latest.changes(...args)
      return feed(behind, async (reading) => (await handles.on(reading)).changes(...args))
    },
    asOf: (point: Point) => collectionView(behind, handles.latest.asOf(point), point, given),
    conditional: () => conditionalOn(behind, handles),
  }
  return withProperties(behind, collection, () => handles.latest) as unknown as Collection
}

/** A transaction whose reads and commit may each meet another client behind the same store. */
function conditionalOn(behind: Behind, handles: Handles): ConditionalTransaction {
  const on = async <T>(client: Client, run: (transactions: LocalCollection['transactions']) => Promise<T>) =>
    handles.call(client, (handle) => run((handle as LocalCollection).transactions))
  return new BufferedTransaction({
    read: (options, at) => behind.read((client) => on(client, (one) => one.read(options, at))),
    prepare: (kind, records) => behind.read((client) => on(client, (one) => one.prepare(kind, records))),
    commit: (transaction, write) =>
      behind.write(async (client) => {
        const receipt = await on(client, (one) => one.commit(transaction, write))
        // The handle that has written is the one whose properties tell of it.
        await handles.on(client)
        return receipt
      }),
  })
}

function collectionView(
  behind: Behind,
  known: ReadableCollection,
  point: Point,
  given: Given,
): ReadableCollection {
  const id = behind.outward(known.id)
  const find = (reading: Client) => reading.asOf(point).getCollectionById(byId(behind, id, given))
  type Methods = Record<string, (...args: unknown[]) => Promise<unknown>>
  const call = (name: string, args: unknown[]) =>
    behind.read(async (inner) => ((await find(inner)) as unknown as Methods)[name]!(...args))
  const view = {
    ...Object.fromEntries(collectionReads.map((name) => [name, (...args: unknown[]) => call(name, args)])),
    history: (...args: Parameters<ReadableCollection['history']>) =>
      feed(behind, async (inner) => (await find(inner)).history(...args)),
  }
  return withProperties(behind, view, () => known) as unknown as ReadableCollection
}

function byId(
  behind: Behind,
  known: string,
  given: Given,
): { id: string; embeddingFunction?: EmbeddingFunction | null } {
  const id = behind.inward(known)
  return given === undefined ? { id } : { id, embeddingFunction: given }
}

function withProperties(behind: Behind, target: object, handle: () => ReadableCollection): object {
  const names = ['name', 'tenant', 'database', 'metadata', 'configuration', 'dimension'] as const
  const getters = names.map((name) => [name, { enumerable: true, get: () => handle()[name] }])
  const id = { enumerable: true, get: () => behind.outward(handle().id) }
  return Object.defineProperties(target, { ...Object.fromEntries(getters), id } as PropertyDescriptorMap)
}

/** While somebody reads from it, nothing is reopened. */
function feed<T>(
  behind: Behind,
  open: (inner: Client) => Promise<AsyncIterable<T>>,
): AsyncIterable<T> & ChangeFeed {
  const iterate = async function* (): AsyncGenerator<T> {
    await behind.fresh()
    const done = behind.enter()
    try {
      yield* await open(behind.reading)
    } finally {
      done()
    }
  }
  const toObservable = (): Observable<Change> =>
    new Observable((observer) => {
      const subscription = behind.fresh().then(async () => {
        const done = behind.enter()
        const inner = await open(behind.reading)
        const subscribed = (inner as unknown as ChangeFeed).toObservable().subscribe(observer)
        subscribed.add(done)
        return subscribed
      })
      return () => void subscription.then((inner) => inner.unsubscribe())
    })
  return { [Symbol.asyncIterator]: iterate, toObservable } as unknown as AsyncIterable<T> & ChangeFeed
}
