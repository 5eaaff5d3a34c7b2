import { expect, test } from 'vitest'
import type { Topic } from '../fixture.ts'

/** Worked out by hand. */
const expected: Record<string, [id: string, distance: number][]> = {
  // Squared: (3-1)² + (4-2)² and so on.
  l2: [
    ['x', 0],
    ['zero', 5],
    ['far', 8],
    ['minus', 20],
  ],
  // 1 - (1·3 + 2·4) and so on.
  ip: [
    ['far', -10],
    ['x', -4],
    ['zero', 1],
    ['minus', 6],
  ],
  // 1 - 11 / (√5 · 5) = 0.01613009
  cosine: [
    ['x', 0],
    ['far', 0.016130089900092532],
    ['zero', 1],
    ['minus', 2],
  ],
}

const given = {
  ids: ['x', 'far', 'minus', 'zero'],
  embeddings: [
    [1, 2],
    [3, 4],
    [-1, -2],
    [0, 0],
  ],
}

export const spaces: Topic = (fixture) => {
  test.each(Object.keys(expected))('%s gives the distances of hnswlib', async (space) => {
    const notes = await fixture.collection({ hnsw: { space } })
    await notes.add(given)
    const { ids, distances } = await notes.query({ queryEmbeddings: [[1, 2]] })
    expect(ids[0]).toEqual(expected[space]!.map(([id]) => id))
    distances![0]!.forEach((distance, at) => {
      expect(distance).toBeCloseTo(expected[space]![at]![1], 6)
    })
  })

  test.each(Object.keys(expected))('%s answers a query of zeros', async (space) => {
    const notes = await fixture.collection({ hnsw: { space } })
    await notes.add(given)
    const { distances } = await notes.query({ queryEmbeddings: [[0, 0]] })
    expect(distances![0]).toEqual(space === 'l2' ? [0, 5, 5, 25] : [1, 1, 1, 1])
  })

  test('cosine does not depend on length', async () => {
    const notes = await fixture.collection({ hnsw: { space: 'cosine' } })
    await notes.add({
      ids: ['a', 'b'],
      embeddings: [
        [1e-3, 0],
        [0, 1e3],
      ],
    })
    const { ids, distances } = await notes.query({ queryEmbeddings: [[5e4, 0]] })
    expect(ids).toEqual([['a', 'b']])
    expect(distances![0]![0]).toBeCloseTo(0, 6)
    expect(distances![0]![1]).toBeCloseTo(1, 6)
  })

  test('one record, one dimension, and more neighbours asked for than there are', async () => {
    for (const space of ['l2', 'cosine', 'ip']) {
      const notes = await fixture.collection({ hnsw: { space } })
      expect((await notes.query({ queryEmbeddings: [[1]], nResults: 5 })).ids).toEqual([[]])
      await notes.add({ ids: ['only'], embeddings: [[2]] })
      const { ids, distances } = await notes.query({ queryEmbeddings: [[2]], nResults: 100 })
      expect(ids).toEqual([['only']])
      expect(distances).toEqual([[space === 'ip' ? -3 : 0]])
    }
  })

  test('an overflowing distance is infinite, and sorts last', async () => {
    const notes = await fixture.collection()
    await notes.add({
      ids: ['far', 'near'],
      embeddings: [
        [-3e38, 0],
        [1, 0],
      ],
    })
    const { ids, distances } = await notes.query({ queryEmbeddings: [[3e38, 0]] })
    expect(ids[0]).toHaveLength(2)
    expect(distances![0]!.every((distance) => distance === Number.POSITIVE_INFINITY)).toBe(true)
    expect((await notes.query({ queryEmbeddings: [[0, 0]] })).ids).toEqual([['near', 'far']])
  })

  test('equal distances go by age', async () => {
    const notes = await fixture.collection()
    await notes.add({
      ids: ['b', 'a', 'c'],
      embeddings: [
        [1, 0],
        [-1, 0],
        [0, 1],
      ],
    })
    expect((await notes.query({ queryEmbeddings: [[0, 0]] })).ids).toEqual([['b', 'a', 'c']])
    expect((await notes.query({ queryEmbeddings: [[0, 0]], nResults: 2 })).ids).toEqual([['b', 'a']])
  })
}
