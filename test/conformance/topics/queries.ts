import { expect, test } from 'vitest'
import type { Include } from '../../../src/index.ts'
import { ids, points, refusalOf, type Topic } from '../fixture.ts'

export const queries: Topic = (fixture) => {
  const line = async () => {
    const notes = await fixture.collection()
    await notes.add({
      ids: ids(20),
      embeddings: points(20),
      documents: Array.from({ length: 20 }, (_, n) => `number ${n}`),
      metadatas: Array.from({ length: 20 }, (_, n) => ({ even: n % 2 === 0, n })),
      uris: Array.from({ length: 20 }, (_, n) => `file:${n}`),
    })
    return notes
  }

  test('answer each of many vectors by itself, nearest first', async () => {
    const notes = await line()
    const found = await notes.query({
      queryEmbeddings: [[0, 1], Float32Array.of(19, 1), [9.4, 1]],
      nResults: 2,
    })
    expect(found.ids).toEqual([
      ['r0', 'r1'],
      ['r19', 'r18'],
      ['r9', 'r10'],
    ])
    expect(found.distances!.slice(0, 2)).toEqual([
      [0, 1],
      [0, 1],
    ])
    expect(found.distances![2]![0]).toBeCloseTo(0.16, 6)
    expect(found.documents![1]).toEqual(['number 19', 'number 18'])
    expect(found.metadatas![0]![1]).toEqual({ even: false, n: 1 })
  })

  test('give ten neighbours when nothing is said, fewer where there are fewer, none for none', async () => {
    const notes = await line()
    const count = async (nResults?: number) => {
      const found = await notes.query({
        queryEmbeddings: [[0, 1]],
        ...(nResults !== undefined && { nResults }),
      })
      return found.ids[0]!.length
    }
    expect([await count(), await count(5), await count(500), await count(0)]).toEqual([10, 5, 20, 0])
    expect(
      (
        await notes.query({
          queryEmbeddings: [
            [0, 1],
            [1, 1],
          ],
          nResults: 0,
        })
      ).ids,
    ).toEqual([[], []])
  })

  test('give the columns that were asked for', async () => {
    const notes = await line()
    const ask = async (include?: Include[]) =>
      notes.query({ queryEmbeddings: [[3, 1]], nResults: 1, ...(include && { include }) })
    expect(await ask()).toMatchObject({
      embeddings: null,
      uris: null,
      include: ['documents', 'metadatas', 'distances'],
    })
    expect(await ask(['embeddings', 'uris'])).toMatchObject({
      ids: [['r3']],
      embeddings: [[[3, 1]]],
      uris: [['file:3']],
      distances: null,
      documents: null,
      metadatas: null,
    })
    expect((await ask([])).rows()).toEqual([
      [{ id: 'r3', distance: null, embedding: null, document: null, metadata: null, uri: null }],
    ])
    expect((await ask(['distances'])).rows()[0]![0]).toMatchObject({ id: 'r3', distance: 0 })
  })

  test('keep to ids, filters and both', async () => {
    const notes = await line()
    const near = { queryEmbeddings: [[0, 1]], nResults: 3 }
    expect((await notes.query({ ...near, ids: ['r9', 'r5', 'x', 'r5'] })).ids).toEqual([['r5', 'r9']])
    expect((await notes.query({ ...near, ids: [] })).ids).toEqual([[]])
    expect((await notes.query({ ...near, ids: ['x'] })).ids).toEqual([[]])
    expect((await notes.query({ ...near, where: { even: false } })).ids).toEqual([['r1', 'r3', 'r5']])
    expect((await notes.query({ ...near, whereDocument: { $contains: '1' } })).ids).toEqual([
      ['r1', 'r10', 'r11'],
    ])
    expect((await notes.query({ ...near, ids: ['r8', 'r9'], where: { even: true } })).ids).toEqual([['r8']])
    expect((await notes.query({ ...near, where: { n: 99 } })).ids).toEqual([[]])
  })

  test('of an empty collection find nothing, whatever the dimension', async () => {
    const notes = await fixture.collection()
    expect(
      await notes.query({
        queryEmbeddings: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      }),
    ).toMatchObject({
      ids: [[], []],
      distances: [[], []],
      documents: [[], []],
    })
    await notes.add({ ids: ['a'], embeddings: [[1, 1]] })
    await notes.delete({ ids: ['a'] })
    expect((await notes.query({ queryEmbeddings: [[1, 1]] })).ids).toEqual([[]])
  })

  test('of another dimension are refused', async () => {
    const notes = await line()
    const error = await refusalOf(() =>
      notes.query({
        queryEmbeddings: [
          [1, 1],
          [1, 2, 3],
        ],
      }),
    )
    expect(error.code).toBe('dimension_mismatch')
    expect(error.message).toMatch(/dimension of 2, got 3/)
  })

  test('see every write before them, while segments are sealed under them', async () => {
    const notes = await fixture.collection({ hnsw: { sync_threshold: 50, batch_size: 10, num_threads: 2 } })
    for (let round = 0; round < 6; round++) {
      await notes.add({ ids: ids(45, round * 45), embeddings: points(45, round * 45) })
      if (round % 3 === 2) await notes.delete({ ids: [`r${round * 45}`] })
      const last = round * 45 + 44
      const found = await notes.query({
        queryEmbeddings: [
          [last, 1],
          [0, 1],
        ],
        nResults: 3,
      })
      expect(found.ids).toEqual([
        [`r${last}`, `r${last - 1}`, `r${last - 2}`],
        ['r0', 'r1', 'r2'],
      ])
    }
    expect(await notes.count()).toBe(268)
    const found = await notes.query({ queryEmbeddings: [[90, 1]], nResults: 3 })
    expect(found.ids).toEqual([['r89', 'r91', 'r88']])
  })

  test('find in sealed segments what was updated and deleted since', async () => {
    const client = fixture.client()
    const notes = await fixture.collection({ client, hnsw: { sync_threshold: 50, batch_size: 50 } })
    await notes.add({ ids: ids(200), embeddings: points(200) })
    await client.flush()
    const { collections } = await client.stats()
    expect(collections[0]).toMatchObject({ records: 200, sealedVectors: 200, growingVectors: 0 })
    expect(collections[0]!.sealedSegments).toBeGreaterThan(0)
    await notes.update({ ids: ['r100'], embeddings: [[1000, 1]] })
    await notes.delete({ ids: ['r99'] })
    const found = await notes.query({
      queryEmbeddings: [
        [100, 1],
        [1000, 1],
      ],
      nResults: 2,
    })
    expect(found.ids).toEqual([
      ['r101', 'r98'],
      ['r100', 'r199'],
    ])
    expect(found.distances).toEqual([
      [1, 4],
      [0, 801 ** 2],
    ])
  })
}
