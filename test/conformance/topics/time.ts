import { describe, expect, test } from 'vitest'
import { systemEnv } from '../../../src/env.ts'
import { codeOf, ids, points, TestClock, type Topic, untyped } from '../fixture.ts'

const hour = 3_600_000

export const time: Topic = (fixture) => {
  const clocked = () => {
    const clock = new TestClock()
    return { clock, client: fixture.client({ env: { ...systemEnv, now: () => clock.now } }) }
  }

  describe('as of a position', () => {
    test('a record is what it was, in every part', async () => {
      const notes = await fixture.collection()
      const first = await notes.add({
        ids: ['a', 'b'],
        embeddings: [
          [1, 0],
          [2, 0],
        ],
        documents: ['one', 'two'],
        metadatas: [{ v: 1 }, { v: 1 }],
        uris: ['u1', 'u2'],
      })
      const second = await notes.update({ ids: ['a'], embeddings: [[9, 0]] })
      const third = await notes.update({ ids: ['a'], documents: ['neu'], metadatas: [{ v: null, w: 2 }] })
      const fourth = await notes.delete({ ids: ['a'] })
      const fifth = await notes.add({ ids: ['a'], embeddings: [[5, 0]] })
      const include = ['embeddings', 'documents', 'metadatas', 'uris'] as const
      const rowsAt = async (at: number) => (await notes.asOf(at).get({ include: [...include] })).rows()
      const b = { id: 'b', embedding: [2, 0], document: 'two', metadata: { v: 1 }, uri: 'u2' }
      const a = { id: 'a', embedding: [1, 0], document: 'one', metadata: { v: 1 }, uri: 'u1' }
      expect(await rowsAt(first.position)).toEqual([a, b])
      expect(await rowsAt(second.position)).toEqual([{ ...a, embedding: [9, 0] }, b])
      const late = { ...a, embedding: [9, 0], document: 'neu', metadata: { w: 2 } }
      expect(await rowsAt(third.position)).toEqual([late, b])
      expect(await rowsAt(fourth.position)).toEqual([b])
      const fresh = { id: 'a', embedding: [5, 0], document: null, metadata: null, uri: null }
      expect(await rowsAt(fifth.position)).toEqual([b, fresh])
    })

    test('get goes in pages, by ids and filters, in the order of then', async () => {
      const notes = await fixture.collection()
      const { position } = await notes.add({
        ids: ids(10),
        embeddings: points(10),
        metadatas: Array.from({ length: 10 }, (_, n) => ({ odd: n % 2 === 1 })),
      })
      await notes.delete({ ids: ['r0', 'r3', 'r8'] })
      await notes.update({ ids: ['r1', 'r4'], metadatas: [{ odd: false }, { odd: true }] })
      await notes.add({ ids: ['r0', 'new'], embeddings: points(2) })
      const past = notes.asOf(position)
      expect((await past.get()).ids).toEqual(ids(10))
      expect((await past.get({ limit: 3, offset: 2 })).ids).toEqual(ids(3, 2))
      expect((await past.get({ offset: 8 })).ids).toEqual(ids(2, 8))
      expect((await past.get({ limit: 0 })).ids).toEqual([])
      expect((await past.get({ where: { odd: true } })).ids).toEqual(['r1', 'r3', 'r5', 'r7', 'r9'])
      expect((await past.get({ where: { odd: true }, limit: 2, offset: 1 })).ids).toEqual(['r3', 'r5'])
      expect((await past.get({ ids: ['new', 'r8', 'r0'] })).ids).toEqual(['r0', 'r8'])
      expect(await past.count()).toBe(10)
      expect((await past.peek({ limit: 4 })).ids).toEqual(ids(4))
    })

    test('query finds the vectors of then, with filters and documents', async () => {
      const notes = await fixture.collection()
      await notes.add({
        ids: ids(6),
        embeddings: points(6),
        metadatas: Array.from({ length: 6 }, (_, n) => ({ n })),
        documents: Array.from({ length: 6 }, (_, n) => `doc ${n}`),
      })
      const { position } = await notes.delete({ ids: ['r5'] })
      await notes.update({
        ids: ['r0'],
        embeddings: [[100, 1]],
        documents: ['moved'],
        metadatas: [{ n: -1 }],
      })
      await notes.delete({ ids: ['r1'] })
      await notes.add({
        ids: ['r1', 'new'],
        embeddings: [
          [200, 1],
          [0, 1],
        ],
      })
      const past = notes.asOf(position)
      const near = { queryEmbeddings: [[0, 1]], nResults: 3 }
      expect(await past.query(near)).toMatchObject({
        ids: [['r0', 'r1', 'r2']],
        distances: [[0, 1, 4]],
        documents: [['doc 0', 'doc 1', 'doc 2']],
        metadatas: [[{ n: 0 }, { n: 1 }, { n: 2 }]],
      })
      expect((await past.query({ ...near, where: { n: { $lt: 2 } } })).ids).toEqual([['r0', 'r1']])
      expect((await past.query({ ...near, whereDocument: { $contains: '1' } })).ids).toEqual([['r1']])
      expect((await past.query({ ...near, whereDocument: { $regex: 'moved' } })).ids).toEqual([[]])
      expect((await past.query({ ...near, ids: ['r1', 'new', 'r5'] })).ids).toEqual([['r1']])
      expect((await past.query({ ...near, nResults: 99 })).ids[0]).toHaveLength(5)
      expect((await notes.query(near)).ids).toEqual([['new', 'r2', 'r3']])
    })

    test('query finds what sealed segments hold, dead and alive', async () => {
      const client = fixture.client()
      const notes = await fixture.collection({ client, hnsw: { sync_threshold: 50, batch_size: 50 } })
      const { position } = await notes.add({ ids: ids(150), embeddings: points(150) })
      await client.flush()
      await notes.delete({ ids: ids(100) })
      await notes.update({ ids: ['r120'], embeddings: [[-1, 1]] })
      const found = await notes.asOf(position).query({
        queryEmbeddings: [
          [0, 1],
          [120, 1],
        ],
        nResults: 2,
      })
      expect(found.ids).toEqual([
        ['r0', 'r1'],
        ['r120', 'r119'],
      ])
      expect((await notes.query({ queryEmbeddings: [[0, 1]], nResults: 2 })).ids).toEqual([['r120', 'r100']])
    })

    test('a large segment that has died since answers as it did', async () => {
      const client = fixture.client()
      const notes = await fixture.collection({ client, hnsw: { sync_threshold: 2_500, num_threads: 1 } })
      const { position } = await notes.add({ ids: ids(2_500), embeddings: points(2_500) })
      await client.flush()
      await notes.delete({ where: { none: { $ne: 1 } } })
      const found = await notes.asOf(position).query({ queryEmbeddings: [[1_000, 1]], nResults: 3 })
      expect(found.ids).toEqual([['r1000', 'r999', 'r1001']])
      expect((await notes.query({ queryEmbeddings: [[1, 1]] })).ids).toEqual([[]])
    })

    test('a position inside a write is the state before it', async () => {
      const notes = await fixture.collection()
      const first = await notes.add({ ids: ['a'], embeddings: [[1]] })
      const second = await notes.add({ ids: ['b', 'c', 'd'], embeddings: [[1], [2], [3]] })
      const at = async (position: number) => (await notes.asOf(position).get()).ids
      expect(await at(second.position - 1)).toEqual(['a'])
      expect(await at(first.position + 1)).toEqual(['a'])
      expect(await at(second.position)).toEqual(['a', 'b', 'c', 'd'])
    })

    test('one that lies ahead is refused, and so is nonsense', async () => {
      const notes = await fixture.collection()
      const { position } = await notes.add({ ids: ['a'], embeddings: [[1]] })
      expect(await codeOf(() => notes.asOf(position + 1).get())).toBe('position_not_reached')
      expect(await codeOf(() => notes.asOf(position + 1).query({ queryEmbeddings: [[1]] }))).toBe(
        'position_not_reached',
      )
      for (const point of [-1, 1.5, Number.NaN, '', null, undefined, {}, new Date('never')])
        expect(await codeOf(() => notes.asOf(untyped(point)))).toBe('invalid_argument')
    })

    test('before its creation a collection is not there', async () => {
      const client = fixture.client()
      await client.createTenant({ name: 'acme' })
      const notes = await fixture.collection({ client })
      expect(await codeOf(() => notes.asOf(1).get())).toBe('collection_not_found')
      expect(await codeOf(() => notes.asOf(0).count())).toBe('collection_not_found')
      expect(await notes.asOf(2).count()).toBe(0)
    })
  })

  describe('as of an instant', () => {
    test('is the last write at or before it', async () => {
      const { clock, client } = clocked()
      const notes = await fixture.collection({ client })
      const start = clock.now
      for (const [n, id] of ['a', 'b', 'c'].entries()) {
        clock.now = start + (n + 1) * 1_000
        await notes.add({ ids: [id], embeddings: [[n]] })
      }
      const at = async (ms: number) => (await notes.asOf(new Date(start + ms)).get()).ids
      expect(await at(0)).toEqual([])
      expect(await at(999)).toEqual([])
      expect(await at(1_000)).toEqual(['a'])
      expect(await at(2_500)).toEqual(['a', 'b'])
      expect(await at(3_000)).toEqual(['a', 'b', 'c'])
      expect(await at(9 * hour)).toEqual(['a', 'b', 'c'])
      expect(await codeOf(() => at(-1))).toBe('collection_not_found')
    })

    test('covers all writes of one millisecond', async () => {
      const { clock, client } = clocked()
      const notes = await fixture.collection({ client })
      for (const id of ['a', 'b', 'c']) await notes.add({ ids: [id], embeddings: [[1]] })
      expect(await notes.asOf(new Date(clock.now)).count()).toBe(3)
      expect(await codeOf(() => notes.asOf(new Date(clock.now - 1)).count())).toBe('collection_not_found')
    })

    test('stands firm when the clock jumps back and forth', async () => {
      const { clock, client } = clocked()
      const notes = await fixture.collection({ client })
      const start = clock.now
      const stamps: number[] = []
      for (const [n, jump] of [0, hour, -hour, -5, 2 * hour, -hour].entries()) {
        clock.now += jump
        const { committedAt } = await notes.add({ ids: [`r${n}`], embeddings: [[n]] })
        stamps.push(committedAt.getTime() - start)
      }
      // 0, then an hour ahead; back again it waits there, until the clock has passed it.
      expect(stamps).toEqual([0, hour, hour, hour, 2 * hour - 5, 2 * hour - 5])
      const at = async (ms: number) => notes.asOf(new Date(start + ms)).count()
      expect(await at(0)).toBe(1)
      expect(await at(hour - 1)).toBe(1)
      expect(await at(hour)).toBe(4)
      expect(await at(2 * hour - 6)).toBe(4)
      expect(await at(2 * hour - 5)).toBe(6)
    })
  })

  describe('the store as of then', () => {
    test('has the collections that were deleted since', async () => {
      const client = fixture.client()
      const notes = await fixture.collection({ client })
      const { position } = await notes.add({ ids: ['a'], embeddings: [[1]], documents: ['kept'] })
      await client.deleteCollection({ name: 'notes' })
      const past = client.asOf(position)
      expect(await past.countCollections()).toBe(1)
      expect((await past.listCollections()).map(({ name }) => name)).toEqual(['notes'])
      const then = await past.getCollection({ name: 'notes', embeddingFunction: null })
      expect(then.id).toBe(notes.id)
      expect((await then.get()).documents).toEqual(['kept'])
      expect((await then.query({ queryEmbeddings: [[1]] })).ids).toEqual([['a']])
      expect(await then.count()).toBe(1)
      expect(await (await past.getCollectionById({ id: notes.id })).count()).toBe(1)
      expect(await codeOf(() => client.getCollectionById({ id: notes.id }))).toBe('collection_not_found')
      expect((await notes.asOf(position).get()).ids).toEqual(['a'])
    })

    test('has them under the names and with the metadata of then', async () => {
      const client = fixture.client()
      const notes = await client.createCollection({ name: 'first', metadata: { v: 1 } })
      const { position } = await notes.modify({ name: 'second', metadata: { v: 2 } })
      await notes.modify({ name: 'third', configuration: { hnsw: { ef_search: 7 } } })
      await client.createCollection({ name: 'second', metadata: { v: 'other' } })
      const past = client.asOf(position)
      const then = await past.getCollection({ name: 'second' })
      expect(then).toMatchObject({ id: notes.id, name: 'second', metadata: { v: 2 } })
      expect(then.configuration.hnsw.ef_search).toBe(100)
      expect(await codeOf(() => past.getCollection({ name: 'third' }))).toBe('collection_not_found')
      expect(await codeOf(() => past.getCollection({ name: 'first' }))).toBe('collection_not_found')
      expect((await client.asOf(position - 1).getCollection({ name: 'first' })).metadata).toEqual({ v: 1 })
      expect(await client.asOf(0).countCollections()).toBe(0)
    })

    test('lists and counts in pages', async () => {
      const client = fixture.client()
      for (const name of ['aaa', 'bbb', 'ccc']) await client.createCollection({ name })
      await client.deleteCollection({ name: 'bbb' })
      await client.createCollection({ name: 'ddd' })
      const names = async (at: number, options = {}) =>
        (await client.asOf(at).listCollections(options)).map(({ name }) => name)
      expect(await names(3)).toEqual(['aaa', 'bbb', 'ccc'])
      expect(await names(3, { limit: 1, offset: 1 })).toEqual(['bbb'])
      expect(await names(4)).toEqual(['aaa', 'ccc'])
      expect(await client.asOf(5).countCollections()).toBe(3)
      expect(await codeOf(() => client.asOf(6).countCollections())).toBe('position_not_reached')
    })
  })

  test('a view stays where it stands while writes go on', async () => {
    const notes = await fixture.collection()
    const { position } = await notes.add({ ids: ['a'], embeddings: [[1]] })
    const view = notes.asOf(position)
    expect((await view.get()).ids).toEqual(['a'])
    await notes.add({ ids: ['b'], embeddings: [[1]] })
    await notes.delete({ ids: ['a'] })
    expect((await view.get()).ids).toEqual(['a'])
    expect((await view.query({ queryEmbeddings: [[1]] })).ids).toEqual([['a']])
    expect(await view.count()).toBe(1)
  })
}
