import { describe, expect, test } from 'vitest'
import { headOf, ids, points, type Topic, untyped } from '../fixture.ts'

const everything = ['documents', 'embeddings', 'metadatas', 'uris'] as const

export const records: Topic = (fixture) => {
  describe('add', () => {
    test('keeps every part of a record', async () => {
      const notes = await fixture.collection()
      const receipt = await notes.add({
        ids: ['a', 'b'],
        embeddings: [[0.1, -2], Float32Array.of(3.5, 4)],
        documents: ['first', null],
        metadatas: [{ text: 'x', n: 1, f: 0.5, yes: true, list: ['p', 'q'] }, null],
        uris: [null, 'file:b'],
      })
      expect(receipt.count).toBe(2)
      const got = await notes.get({ include: [...everything] })
      expect(got.ids).toEqual(['a', 'b'])
      expect(got.embeddings).toEqual([
        [Math.fround(0.1), -2],
        [3.5, 4],
      ])
      expect(got.documents).toEqual(['first', null])
      expect(got.metadatas).toEqual([{ text: 'x', n: 1, f: 0.5, yes: true, list: ['p', 'q'] }, null])
      expect(got.uris).toEqual([null, 'file:b'])
    })

    test.each(['l2', 'cosine', 'ip'])('gives %s vectors back bit for bit', async (space) => {
      const notes = await fixture.collection({ hnsw: { space } })
      const values = [1e-45, -0, 3.4028234663852886e38, 1 / 3, -1.1754943508222875e-38, 16777217, 0.1]
      const vector = Float32Array.from(values)
      await notes.add({ ids: ['a', 'b'], embeddings: [values, vector] })
      const { embeddings } = await notes.get({ include: ['embeddings'] })
      for (const embedding of embeddings!) {
        const same = embedding.map((value, index) => Object.is(value, vector[index]))
        expect(same).toEqual(values.map(() => true))
      }
    })

    test('skips ids that exist, and counts only what is new', async () => {
      const notes = await fixture.collection()
      await notes.add({ ids: ['a'], embeddings: [[1, 1]], documents: ['old'], metadatas: [{ v: 1 }] })
      const { count } = await notes.add({
        ids: ['a', 'b'],
        embeddings: points(2),
        documents: ['new', 'new'],
        metadatas: [{ v: 2 }, { v: 2 }],
      })
      expect(count).toBe(1)
      const got = await notes.get()
      expect(got.documents).toEqual(['old', 'new'])
      expect(got.metadatas).toEqual([{ v: 1 }, { v: 2 }])
    })

    test('does not hold on to what the caller goes on using', async () => {
      const notes = await fixture.collection()
      const vector = Float32Array.of(1, 2)
      const metadata = { list: ['a'], n: 1 }
      const add = notes.add({ ids: ['a'], embeddings: [vector], metadatas: [metadata] })
      vector[0] = 99
      metadata.n = 99
      metadata.list.push('b')
      await add
      vector[1] = 99
      const got = await notes.get({ include: ['embeddings', 'metadatas'] })
      expect(got.embeddings).toEqual([[1, 2]])
      expect(got.metadatas).toEqual([{ list: ['a'], n: 1 }])
      expect((await notes.query({ queryEmbeddings: [[1, 2]] })).distances).toEqual([[0]])
    })

    test('keeps texts and ids exactly', async () => {
      const notes = await fixture.collection()
      const texts = [
        '',
        ' ',
        'a\0b',
        'ünïcödé',
        '日本語',
        '👩‍👩‍👧',
        '\u2028\u2029',
        '"\\\n\r\t',
        'e\u0301',
        '\ufeffx',
        '1',
        '01',
      ]
      const keys = texts.map((text, index) => (text === '' || text.includes('\0') ? `id${index}` : text))
      await notes.add({
        ids: keys,
        embeddings: points(texts.length),
        documents: texts,
        metadatas: texts.map((text) => ({ text })),
        uris: texts,
      })
      const got = await notes.get({ include: [...everything] })
      expect(got.ids).toEqual(keys)
      expect(got.documents).toEqual(texts)
      expect(got.metadatas).toEqual(texts.map((text) => ({ text })))
      expect(got.uris).toEqual(texts)
      for (const id of keys) expect((await notes.get({ ids: [id] })).ids).toEqual([id])
    })

    test('keeps metadata exactly, whatever the keys and numbers', async () => {
      const notes = await fixture.collection()
      const metadata = {
        ...(JSON.parse('{"__proto__": "p", "constructor": "c", "toString": 1}') as object),
        '0': 'zero',
        'a b.c': true,
        ключ: -1,
        big: 2 ** 53 - 1,
        small: -(2 ** 53 - 1),
        tiny: 5e-324,
        third: 1 / 3,
        numbers: [1, 2.5, -3],
        booleans: [true, false],
      } as Record<string, unknown>
      await notes.add({ ids: ['a'], embeddings: [[1]], metadatas: [untyped(metadata)] })
      const [got] = (await notes.get()).metadatas!
      expect(Object.entries(got!).sort()).toEqual(Object.entries(metadata).sort())
    })

    test('drops empty arrays, and has no metadata without keys', async () => {
      const notes = await fixture.collection()
      await notes.add({
        ids: ['a', 'b'],
        embeddings: points(2),
        metadatas: [{ list: [], n: 1 }, { list: [] }],
      })
      expect((await notes.get()).metadatas).toEqual([{ n: 1 }, null])
    })

    test('is all or nothing', async () => {
      const notes = await fixture.collection()
      await expect(
        notes.add({ ids: ['a', 'b'], embeddings: [[1, 1], [1]] as number[][] }),
      ).rejects.toMatchObject({ code: 'dimension_mismatch' })
      expect(await notes.count()).toBe(0)
      await notes.add({ ids: ['a'], embeddings: [[1, 2, 3]] })
    })

    test('takes thousands of records at once', async () => {
      const notes = await fixture.collection()
      const { count } = await notes.add({ ids: ids(3_000), embeddings: points(3_000) })
      expect(count).toBe(3_000)
      expect(await notes.count()).toBe(3_000)
      expect((await notes.get({ limit: 2, offset: 2_998 })).ids).toEqual(['r2998', 'r2999'])
    })
  })

  describe('update', () => {
    test('changes the given parts alone', async () => {
      const notes = await fixture.collection()
      const whole = { documents: ['doc'], metadatas: [{ a: 1 }], uris: ['uri'] }
      await notes.add({ ids: ['a'], embeddings: [[1, 2]], ...whole })
      const now = async () => (await notes.get({ include: [...everything] })).rows()[0]
      await notes.update({ ids: ['a'], documents: ['other'] })
      expect(await now()).toMatchObject({
        embedding: [1, 2],
        document: 'other',
        metadata: { a: 1 },
        uri: 'uri',
      })
      await notes.update({ ids: ['a'], embeddings: [[3, 4]] })
      expect(await now()).toMatchObject({
        embedding: [3, 4],
        document: 'other',
        metadata: { a: 1 },
        uri: 'uri',
      })
      await notes.update({ ids: ['a'], uris: ['elsewhere'] })
      await notes.update({ ids: ['a'], metadatas: [{ b: 2 }] })
      expect(await now()).toMatchObject({ document: 'other', metadata: { a: 1, b: 2 }, uri: 'elsewhere' })
      await notes.update({ ids: ['a'], documents: [''] })
      expect(await now()).toMatchObject({ document: '' })
    })

    test('merges metadata; null removes a key, and an empty array too', async () => {
      const notes = await fixture.collection()
      await notes.add({ ids: ['a'], embeddings: [[1]], metadatas: [{ a: 1, b: 2, c: 3 }] })
      await notes.update({ ids: ['a'], metadatas: [{ a: null, b: 'two', d: [4], unknown: null }] })
      expect((await notes.get()).metadatas).toEqual([{ b: 'two', c: 3, d: [4] }])
      await notes.update({ ids: ['a'], metadatas: [{ b: null, c: [], d: null }] })
      expect((await notes.get()).metadatas).toEqual([null])
      expect((await notes.get({ where: { b: 'two' } })).ids).toEqual([])
    })

    test('skips unknown ids, and records that nothing is said of', async () => {
      const client = fixture.client()
      const notes = await fixture.collection({ client })
      await notes.add({ ids: ['a', 'b'], embeddings: points(2) })
      const { count } = await notes.update({
        ids: ['a', 'x', 'b'],
        metadatas: [{ v: 1 }, { v: 1 }, null],
      })
      expect(count).toBe(1)
      expect(await notes.count()).toBe(2)
      const head = await headOf(client)
      expect(await notes.update({ ids: ['x'], documents: ['d'] })).toMatchObject({ count: 0, position: head })
      expect(await notes.update({ ids: ['a'] })).toMatchObject({ count: 0, position: head })
      expect(await notes.update({ ids: ['a'], metadatas: [{}] })).toMatchObject({ count: 0, position: head })
    })

    test('moves a vector, and the old one is found no more', async () => {
      const notes = await fixture.collection()
      await notes.add({
        ids: ['a', 'b'],
        embeddings: [
          [0, 0],
          [10, 0],
        ],
      })
      await notes.update({ ids: ['a'], embeddings: [[20, 0]] })
      const found = await notes.query({
        queryEmbeddings: [
          [0, 0],
          [20, 0],
        ],
      })
      expect(found.ids).toEqual([
        ['b', 'a'],
        ['a', 'b'],
      ])
      expect(found.distances).toEqual([
        [100, 400],
        [0, 100],
      ])
    })
  })

  describe('upsert', () => {
    test('adds and changes in one write', async () => {
      const notes = await fixture.collection()
      await notes.add({ ids: ['a'], embeddings: [[1, 1]], documents: ['old'], metadatas: [{ k: 1 }] })
      const { count } = await notes.upsert({
        ids: ['b', 'a'],
        embeddings: [
          [2, 2],
          [3, 3],
        ],
        documents: ['new', null],
        metadatas: [{ k: 2 }, { k: null, l: 1 }],
      })
      expect(count).toBe(2)
      const got = await notes.get({ include: [...everything] })
      expect(got.ids).toEqual(['a', 'b'])
      expect(got.documents).toEqual(['old', 'new'])
      expect(got.embeddings).toEqual([
        [3, 3],
        [2, 2],
      ])
      expect(got.metadatas).toEqual([{ l: 1 }, { k: 2 }])
    })

    test('needs a vector for what is new only', async () => {
      const notes = await fixture.collection()
      await notes.add({ ids: ['a'], embeddings: [[1, 1]] })
      await notes.upsert({ ids: ['a'], metadatas: [{ k: 1 }] })
      await expect(notes.upsert({ ids: ['a', 'b'], metadatas: [{ k: 2 }, { k: 2 }] })).rejects.toMatchObject({
        code: 'invalid_argument',
        message: expect.stringContaining('"b"'),
      })
      expect((await notes.get()).metadatas).toEqual([{ k: 1 }])
    })
  })

  describe('delete', () => {
    const five = async () => {
      const notes = await fixture.collection()
      await notes.add({
        ids: ids(5),
        embeddings: points(5),
        metadatas: [{ k: 1 }, { k: 1 }, { k: 2 }, { k: 1 }, { k: 2 }],
        documents: ['apple', 'pear', 'apple pie', 'plum', null],
      })
      return notes
    }
    const left = async (notes: Awaited<ReturnType<typeof five>>) => (await notes.get()).ids

    test('by ids, unknown ones left out', async () => {
      const notes = await five()
      expect((await notes.delete({ ids: ['r3', 'x', 'r0'] })).count).toBe(2)
      expect(await left(notes)).toEqual(['r1', 'r2', 'r4'])
      expect((await notes.query({ queryEmbeddings: [[0, 1]] })).ids).toEqual([['r1', 'r2', 'r4']])
    })

    test('by where, whereDocument, and both', async () => {
      const notes = await five()
      expect((await notes.delete({ where: { k: 2 }, whereDocument: { $contains: 'pie' } })).count).toBe(1)
      expect((await notes.delete({ whereDocument: { $contains: 'apple' } })).count).toBe(1)
      expect((await notes.delete({ where: { k: 1 } })).count).toBe(2)
      expect(await left(notes)).toEqual(['r4'])
    })

    test('by ids and a filter takes what fits both', async () => {
      const notes = await five()
      expect((await notes.delete({ ids: ['r0', 'r2', 'x'], where: { k: 1 } })).count).toBe(1)
      expect(await left(notes)).toEqual(['r1', 'r2', 'r3', 'r4'])
    })

    test('with a limit takes the oldest', async () => {
      const notes = await five()
      expect((await notes.delete({ where: { k: 1 }, limit: 2 })).count).toBe(2)
      expect(await left(notes)).toEqual(['r2', 'r3', 'r4'])
      expect((await notes.delete({ where: { k: 2 }, limit: 0 })).count).toBe(0)
      expect((await notes.delete({ where: { k: 2 }, limit: 99 })).count).toBe(2)
    })

    test('of nothing writes nothing', async () => {
      const notes = await five()
      expect((await notes.delete({ ids: ['x'] })).count).toBe(0)
      expect((await notes.delete({ where: { k: 9 } })).count).toBe(0)
      expect(await notes.count()).toBe(5)
    })
  })

  describe('order', () => {
    test('is that of insertion; a change keeps the place, add after delete takes the last', async () => {
      const notes = await fixture.collection()
      await notes.add({ ids: ['c', 'a', 'b'], embeddings: points(3) })
      await notes.update({ ids: ['c'], embeddings: [[9, 9]] })
      await notes.upsert({ ids: ['a', 'd'], embeddings: points(2), documents: ['x', 'y'] })
      expect((await notes.get()).ids).toEqual(['c', 'a', 'b', 'd'])
      await notes.delete({ ids: ['c'] })
      await notes.add({ ids: ['c'], embeddings: [[1, 1]] })
      expect((await notes.get()).ids).toEqual(['a', 'b', 'd', 'c'])
      expect((await notes.get({ ids: ['c', 'd', 'a', 'd', 'x'] })).ids).toEqual(['a', 'd', 'c'])
    })
  })

  describe('get, count and peek', () => {
    test('of an empty collection answer nothing', async () => {
      const notes = await fixture.collection()
      const got = await notes.get({ include: [...everything] })
      expect(got).toMatchObject({ ids: [], embeddings: [], documents: [], metadatas: [], uris: [] })
      expect(await notes.count()).toBe(0)
      expect((await notes.peek()).ids).toEqual([])
    })

    test('answer the columns that were asked for', async () => {
      const notes = await fixture.collection()
      await notes.add({ ids: ['a'], embeddings: [[1]], documents: ['d'], metadatas: [{ k: 1 }], uris: ['u'] })
      expect(await notes.get()).toMatchObject({
        documents: ['d'],
        metadatas: [{ k: 1 }],
        embeddings: null,
        uris: null,
        include: ['documents', 'metadatas'],
      })
      expect(await notes.get({ include: [] })).toMatchObject({ ids: ['a'], documents: null, metadatas: null })
      expect(await notes.get({ include: ['uris'] })).toMatchObject({ uris: ['u'], include: ['uris'] })
      expect((await notes.get({ include: ['embeddings'] })).rows()).toEqual([
        { id: 'a', embedding: [1], document: null, metadata: null, uri: null },
      ])
    })

    test('go in pages, with and without a filter', async () => {
      const notes = await fixture.collection()
      await notes.add({
        ids: ids(10),
        embeddings: points(10),
        metadatas: Array.from({ length: 10 }, (_, n) => ({ even: n % 2 === 0 })),
      })
      expect((await notes.get({ limit: 3 })).ids).toEqual(ids(3))
      expect((await notes.get({ offset: 8 })).ids).toEqual(ids(2, 8))
      expect((await notes.get({ limit: 3, offset: 8 })).ids).toEqual(ids(2, 8))
      expect((await notes.get({ limit: 0 })).ids).toEqual([])
      expect((await notes.get({ offset: 99 })).ids).toEqual([])
      expect((await notes.get({ limit: 2, offset: 1, where: { even: true } })).ids).toEqual(['r2', 'r4'])
      const [limit, offset] = [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
      expect((await notes.get({ limit, offset })).ids).toEqual([])
      expect((await notes.get({ limit })).ids).toEqual(ids(10))
    })

    test('by ids alone, none of them, and ids with a filter', async () => {
      const notes = await fixture.collection()
      await notes.add({ ids: ids(3), embeddings: points(3), metadatas: [{ k: 1 }, { k: 2 }, { k: 1 }] })
      expect((await notes.get({ ids: [] })).ids).toEqual([])
      expect((await notes.get({ ids: ['r1', 'r2'], where: { k: 1 } })).ids).toEqual(['r2'])
    })

    test('peek shows the first ten, with vectors', async () => {
      const notes = await fixture.collection()
      await notes.add({ ids: ids(12), embeddings: points(12) })
      const peeked = await notes.peek()
      expect(peeked.ids).toEqual(ids(10))
      expect(peeked.embeddings).toEqual(points(10))
      expect((await notes.peek({ limit: 2 })).ids).toEqual(ids(2))
    })
  })
}
