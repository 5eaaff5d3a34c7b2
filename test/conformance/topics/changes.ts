import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Change, Client } from '../../../src/index.ts'
import { all, codeOf, type Fixture, ids, points, type Topic, untyped } from '../fixture.ts'

/** Reads a live feed until it has seen `count` changes. */
async function take(feed: AsyncIterable<Change>, count: number): Promise<Change[]> {
  const taken: Change[] = []
  for await (const change of feed) {
    taken.push(change)
    if (taken.length === count) break
  }
  return taken
}

async function written(
  fixture: Fixture,
): Promise<{ client: Client; notes: Awaited<ReturnType<Fixture['collection']>> }> {
  const client = fixture.client()
  const notes = await fixture.collection({ client })
  await notes.add({ ids: ['a', 'b'], embeddings: points(2), documents: ['x', 'y'] }, { actor: 'ada' })
  await notes.update({ ids: ['a'], metadatas: [{ v: 1 }] })
  await notes.delete({ ids: ['b'] })
  return { client, notes }
}

const positionsOf = (changes: Change[]): number[] => changes.map(({ position }) => position)

export const changes: Topic = (fixture) => {
  describe('tell', () => {
    test('everything, in the order of the log, with the record before and after', async () => {
      const { client, notes } = await written(fixture)
      const a = { embedding: [0, 1], document: 'x', uri: null, metadata: null }
      const b = { embedding: [1, 1], document: 'y', uri: null, metadata: null }
      const told = await all(client.changes())
      expect(told).toMatchObject([
        { position: 1, type: 'create-collection', collection: notes.id, id: null, state: { name: 'notes' } },
        { position: 2, type: 'add', id: 'a', before: null, after: a, actor: 'ada', state: null },
        { position: 3, type: 'add', id: 'b', before: null, after: b, commit: { first: 2, count: 2 } },
        { position: 4, type: 'update', id: 'a', before: a, after: { ...a, metadata: { v: 1 } } },
        { position: 5, type: 'delete', id: 'b', before: b, after: null, collection: notes.id },
      ])
    })

    test('what came after a position, so that a reader goes on where it stopped', async () => {
      const { client } = await written(fixture)
      const seen: number[] = []
      for (let after = 0; seen.length < 5; after = seen.at(-1)!) {
        const [next] = await take(client.changes({ after }), 1)
        seen.push(next!.position)
      }
      expect(seen).toEqual([1, 2, 3, 4, 5])
      expect(await all(client.changes({ after: 5 }))).toEqual([])
      expect(await codeOf(() => all(client.changes({ after: 6 })))).toBe('position_not_reached')
    })

    test('one collection, by its handle, name or id', async () => {
      const { client, notes } = await written(fixture)
      const other = await fixture.collection({ client, name: 'other' })
      await other.add({ ids: ['o'], embeddings: [[1]] })
      expect(positionsOf(await all(other.changes()))).toEqual([6, 7])
      expect(positionsOf(await all(client.changes({ collection: 'other' })))).toEqual([6, 7])
      expect(positionsOf(await all(client.changes({ collection: notes.id, after: 3 })))).toEqual([4, 5])
      expect(await codeOf(() => all(client.changes({ collection: 'no such' })))).toBe('collection_not_found')
    })

    test('a deleted collection, by its id', async () => {
      const { client, notes } = await written(fixture)
      await client.deleteCollection({ name: 'notes' })
      expect(positionsOf(await all(client.changes({ collection: notes.id })))).toEqual([1, 2, 3, 4, 5, 6])
    })

    test('only the own tenant and database', async ({ skip }) => {
      const place = fixture.place()
      if (!place.isShared) skip('this client has its store for itself')
      const [one, two] = [place.open(), place.open({ tenant: 'acme', database: 'main' })]
      await one.createTenant({ name: 'acme' })
      await two.createDatabase({ name: 'main' })
      await one.createCollection({ name: 'notes' })
      await two.createCollection({ name: 'notes' })
      const told = async (client: Client) =>
        (await all(client.changes())).map(({ type, position }) => [position, type])
      expect(await told(one)).toEqual([[3, 'create-collection']])
      expect(await told(two)).toEqual([
        [1, 'create-tenant'],
        [2, 'create-database'],
        [4, 'create-collection'],
      ])
    })
  })

  describe('live', () => {
    test('go on with what comes, each change once, in order', async () => {
      const { client, notes } = await written(fixture)
      const reading = take(client.changes({ live: true }), 5 + 60)
      for (let round = 0; round < 20; round++) {
        await notes.add({ ids: ids(3, round * 3), embeddings: points(3) })
        if (round % 7 === 0) await delay(2)
      }
      expect(positionsOf(await reading)).toEqual(Array.from({ length: 65 }, (_, n) => n + 1))
    })

    test('miss nothing when the reader is slow', async () => {
      const { client, notes } = await written(fixture)
      const seen: number[] = []
      const reading = (async () => {
        for await (const { position } of client.changes({ live: true, after: 5 })) {
          seen.push(position)
          await delay(1)
          if (seen.length === 40) break
        }
      })()
      await Promise.all(ids(40).map((id) => notes.add({ ids: [id], embeddings: [[1, 1]] })))
      await reading
      expect(seen).toEqual(Array.from({ length: 40 }, (_, n) => n + 6))
    })

    test('are visible to reads when they are told', async () => {
      const { client, notes } = await written(fixture)
      const reading = (async () => {
        for await (const { id } of client.changes({ live: true, after: 5 })) {
          expect((await notes.get({ ids: [id!] })).ids).toEqual([id])
          if (id === 'r9') break
        }
      })()
      for (const id of ids(10)) await notes.add({ ids: [id], embeddings: [[1, 1]] })
      await reading
    })

    test('end with the signal, also one that came before', async () => {
      const { client, notes } = await written(fixture)
      const stop = new AbortController()
      const seen: number[] = []
      for await (const { position } of client.changes({ live: true, signal: stop.signal })) {
        seen.push(position)
        if (position === 5) await notes.add({ ids: ['c'], embeddings: [[1, 1]] })
        if (position === 6) stop.abort()
      }
      expect(seen).toEqual([1, 2, 3, 4, 5, 6])
      expect(await all(client.changes({ live: true, signal: stop.signal }))).toEqual([])
    })

    test('end when the store is closed', async () => {
      const { client } = await written(fixture)
      let told = 0
      for await (const { position } of client.changes({ live: true })) {
        told += 1
        if (position === 5) void client.close()
      }
      expect(told).toBe(5)
    })
  })

  describe('as an Observable', () => {
    const observe = (client: Client, options: object, until: number) =>
      new Promise<number[]>((resolve, reject) => {
        const seen: number[] = []
        const subscription = client
          .changes(options)
          .toObservable()
          .subscribe({
            next: ({ position }) => {
              seen.push(position)
              if (seen.length < until) return
              resolve(seen)
              queueMicrotask(() => subscription.unsubscribe())
            },
            error: reject,
            complete: () => resolve(seen),
          })
      })

    test('complete at the end', async () => {
      const { client } = await written(fixture)
      expect(await observe(client, {}, 99)).toEqual([1, 2, 3, 4, 5])
      expect(await observe(client, { after: 3 }, 99)).toEqual([4, 5])
    })

    test('go on live until unsubscribed', async () => {
      const { client, notes } = await written(fixture)
      const seen = observe(client, { live: true, after: 4 }, 3)
      await notes.add({ ids: ['c'], embeddings: [[1, 1]] })
      await notes.add({ ids: ['d'], embeddings: [[1, 1]] })
      expect(await seen).toEqual([5, 6, 7])
      await notes.add({ ids: ['e'], embeddings: [[1, 1]] })
    })

    test('tell errors', async () => {
      const { client } = await written(fixture)
      await expect(observe(client, { after: 99 }, 1)).rejects.toMatchObject({ code: 'position_not_reached' })
    })
  })

  const untouched = fixture.once(async (kept) => {
    const client = kept.client()
    return { client, notes: await kept.collection({ client }) }
  })
  test.each([
    [{ after: -1 }, 'invalid_argument'],
    [{ after: 'x' }, 'invalid_argument'],
    [{ live: 1 }, 'invalid_argument'],
    [{ signal: {} }, 'invalid_argument'],
    [{ since: 3 }, 'unsupported_option'],
    [7, 'invalid_argument'],
  ])('%j is refused', async (options, code) => {
    const { client, notes } = await untouched()
    expect(await codeOf(() => client.changes(untyped(options)))).toBe(code)
    expect(await codeOf(() => notes.changes(untyped(options)))).toBe(code)
  })
}
