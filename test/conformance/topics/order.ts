import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { all, codeOf, headOf, type Topic } from '../fixture.ts'

/** Takes its time, the longer for the first of several calls. */
function slowFunction() {
  let calls = 0
  return {
    name: 'slow',
    generate: async (texts: string[]) => {
      calls += 1
      await delay(Math.max(0, 60 - 20 * calls))
      return texts.map((text) => [text.length, 1])
    },
  }
}

export const order: Topic = (fixture) => {
  test('unawaited writes take effect in the order of their calls', async () => {
    const notes = await fixture.collection()
    const receipts = await Promise.all([
      notes.add({ ids: ['a'], embeddings: [[1]], metadatas: [{ v: 1 }] }),
      notes.upsert({ ids: ['a', 'b'], embeddings: [[2], [2]], metadatas: [{ v: 2 }, { v: 2 }] }),
      notes.delete({ ids: ['a'] }),
      notes.add({ ids: ['a'], embeddings: [[3]], metadatas: [{ v: 3 }] }),
      notes.delete({ where: { v: 2 } }),
      notes.update({ ids: ['a', 'b'], metadatas: [{ w: 4 }, { w: 4 }] }),
    ])
    expect(receipts.map(({ count }) => count)).toEqual([1, 2, 1, 1, 1, 1])
    expect((await notes.get()).rows()).toMatchObject([{ id: 'a', metadata: { v: 3, w: 4 } }])
    expect((await notes.query({ queryEmbeddings: [[0]] })).distances).toEqual([[9]])
    const history = await all(notes.history('a'))
    expect(history.map(({ type, after }) => [type, after?.metadata ?? null])).toEqual([
      ['add', { v: 1 }],
      ['update', { v: 2 }],
      ['delete', null],
      ['add', { v: 3 }],
      ['update', { v: 3, w: 4 }],
    ])
  })

  test('a write that waits for its embeddings goes before the next all the same', async () => {
    const notes = await fixture.collection({ embeddingFunction: slowFunction() })
    await Promise.all([
      notes.add({ ids: ['a'], documents: ['slow one'] }),
      notes.add({ ids: ['a'], embeddings: [[99, 1]], documents: ['fast'] }),
      notes.update({ ids: ['a'], documents: ['second'] }),
      notes.upsert({ ids: ['b', 'a'], documents: ['x', 'third and last'] }),
    ])
    expect((await notes.get()).rows()).toMatchObject([
      { id: 'a', document: 'third and last' },
      { id: 'b', document: 'x' },
    ])
    expect(await all(notes.history('a'))).toHaveLength(3)
  })

  test('collections are made, changed and deleted in the same order', async () => {
    const client = fixture.client()
    const made = client.createCollection({ name: 'notes', embeddingFunction: null })
    const again = client.getOrCreateCollection({ name: 'notes', embeddingFunction: null })
    const gone = client.deleteCollection({ name: 'notes' })
    const last = client.createCollection({ name: 'notes', embeddingFunction: null })
    const [first, second] = await Promise.all([made, again, gone])
    expect(second.id).toBe(first.id)
    expect((await last).id).not.toBe(first.id)
    expect(await client.countCollections()).toBe(1)
  })

  test('a refused write does not take the others with it', async () => {
    const client = fixture.client()
    const notes = await fixture.collection({ client })
    const writes = [
      notes.add({ ids: ['a'], embeddings: [[1, 1]] }),
      notes.add({ ids: ['b'], embeddings: [[1]] }),
      notes.add({
        ids: ['c', 'c'],
        embeddings: [
          [1, 1],
          [2, 2],
        ],
      }),
      notes.add({ ids: ['d'], embeddings: [[1, 1]] }),
    ]
    const outcomes = (await Promise.allSettled(writes)).map(({ status }) => status)
    expect(outcomes).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
    expect((await notes.get()).ids).toEqual(['a', 'd'])
    expect(await headOf(client)).toBe(3)
  })

  test('a failing embedding function does not hold up what follows', async () => {
    const failing = {
      generate: async () => {
        await delay(10)
        throw new Error('out of order')
      },
    }
    const notes = await fixture.collection({ embeddingFunction: failing })
    const first = codeOf(() => notes.add({ ids: ['a'], documents: ['x'] }))
    const second = notes.add({ ids: ['b'], embeddings: [[1]] })
    expect(await first).toBe('embedding_failed')
    expect((await second).count).toBe(1)
  })

  test('hundreds of writes at once leave what they would have left one by one', async () => {
    const notes = await fixture.collection()
    const writes = Array.from({ length: 300 }, (_, n) => {
      const id = `r${n % 7}`
      if (n % 5 === 4) return notes.delete({ ids: [id] })
      return notes.upsert({ ids: [id], embeddings: [[n]], metadatas: [{ [`k${n % 3}`]: n }] })
    })
    const receipts = await Promise.all(writes)
    const expected = new Map<string, { vector: number; metadata: Record<string, number> }>()
    for (let n = 0; n < 300; n++) {
      const id = `r${n % 7}`
      const old = expected.get(id)
      if (n % 5 === 4) expected.delete(id)
      else {
        if (old === undefined) expected.delete(id)
        expected.set(id, { vector: n, metadata: { ...old?.metadata, [`k${n % 3}`]: n } })
      }
    }
    const rows = (await notes.get({ include: ['embeddings', 'metadatas'] })).rows()
    expect(
      new Map(rows.map((row) => [row.id, { vector: row.embedding![0], metadata: row.metadata }])),
    ).toEqual(expected)
    const positions = receipts.map(({ position }) => position)
    expect(positions).toEqual([...positions].sort((a, b) => a - b))
  })
}
