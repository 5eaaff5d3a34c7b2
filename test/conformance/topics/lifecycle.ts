import { expect, test } from 'vitest'
import { codeOf, headOf, ids, points, type Topic } from '../fixture.ts'

export const lifecycle: Topic = (fixture) => {
  test('a client opens by itself or when it is told to, and closes once', async () => {
    const client = fixture.client()
    await client.open()
    await client.open()
    const notes = await fixture.collection({ client })
    await notes.add({ ids: ['a'], embeddings: [[1]] })
    await client.flush()
    await client.flush()
    await Promise.all([client.close(), client.close()])
    await client.close()
  })

  test('one that was never opened closes too', async () => {
    await fixture.client().close()
  })

  test('after close every call is refused', async () => {
    const client = fixture.client()
    const notes = await fixture.collection({ client })
    await notes.add({ ids: ['a'], embeddings: [[1]] })
    await notes.count()
    await client.close()
    for (const call of [
      () => client.open(),
      () => client.flush(),
      () => client.stats(),
      () => client.listCollections(),
      () => client.createCollection({ name: 'more' }),
      () => client.asOf(1).countCollections(),
    ])
      expect(await codeOf(call)).toBe('store_closed')
  })

  test('close waits for the writes that came before it', async () => {
    const client = fixture.client()
    const notes = await fixture.collection({ client })
    const writes = ids(50).map((id) => notes.add({ ids: [id], embeddings: [[1]] }))
    await client.close()
    const receipts = await Promise.all(writes)
    expect(receipts.map(({ position }) => position)).toEqual(Array.from({ length: 50 }, (_, n) => n + 2))
  })

  test('stats tell what is there', async () => {
    const begun = Date.now()
    const client = fixture.client()
    const notes = await fixture.collection({ client, hnsw: { sync_threshold: 50, batch_size: 50 } })
    await notes.add({ ids: ids(120), embeddings: points(120) })
    await notes.delete({ ids: ['r0'] })
    await client.flush()
    const stats = await client.stats()
    expect(stats).toMatchObject({ head: 122, sealing: 0, recovery: { lost: [], truncatedTo: null } })
    expect(stats.root).toMatch(/^[0-9a-f]{64}$/)
    expect(stats.collections).toMatchObject([
      {
        name: 'notes',
        records: 119,
        dimension: 2,
        lastPosition: 122,
        sealedVectors: 100,
        growingVectors: 20,
      },
    ])
    expect(stats.committedAt.getTime()).toBeGreaterThanOrEqual(begun)
  })

  test('a handle knows how long the vectors are from the first write through it', async () => {
    const client = fixture.client()
    const notes = await fixture.collection({ client })
    expect(notes.dimension).toBe(null)
    await notes.delete({ ids: ['none'] })
    await notes.update({ ids: ['none'], embeddings: [[1, 2, 3]] })
    expect(notes.dimension).toBe(null)
    await notes.add({ ids: ['a'], embeddings: [[1, 2]] })
    expect(notes.dimension).toBe(2)
    expect((await client.getCollection({ name: 'notes' })).dimension).toBe(2)
    expect(await codeOf(() => notes.add({ ids: ['b'], embeddings: [[1, 2, 3]] }))).toBe('dimension_mismatch')
    expect(notes.dimension).toBe(2)
    const second = await fixture.collection({ client, name: 'second' })
    await second.conditional().run(async (transaction) => {
      await transaction.upsert({ ids: ['a'], embeddings: [[1, 2, 3]] })
    })
    expect(second.dimension).toBe(3)
  })

  test('heartbeat, version and the size of a batch', async () => {
    const client = fixture.client()
    const begun = Date.now()
    const beatMs = Math.round((await client.heartbeat()) / 1e6)
    expect(beatMs).toBeGreaterThanOrEqual(begun)
    expect(beatMs).toBeLessThanOrEqual(Date.now())
    expect(await client.version()).toMatch(/^\d+\.\d+\.\d+/)
    const size = await client.getMaxBatchSize()
    expect(size).toBeGreaterThanOrEqual(5_461)
    const notes = await fixture.collection({ client })
    expect((await notes.add({ ids: ids(size), embeddings: points(size) })).count).toBe(size)
  })

  test('a small memory budget changes no answer', async () => {
    const client = fixture.client({ memoryBudgetBytes: 1 })
    const hnsw = { sync_threshold: 50, batch_size: 50 }
    const names = ['one', 'two', 'three']
    const collections = await Promise.all(names.map((name) => fixture.collection({ client, name, hnsw })))
    for (const [at, notes] of collections.entries())
      await notes.add({ ids: ids(120), embeddings: points(120, at * 1_000) })
    await client.flush()
    for (let round = 0; round < 2; round++) {
      for (const [at, notes] of collections.entries()) {
        await notes.update({ ids: [`r${round}`], embeddings: [[at * 1_000 + 500 + round, 1]] })
        const query = { queryEmbeddings: [[at * 1_000 + 510, 1]], nResults: 1 }
        expect((await notes.query(query)).ids).toEqual([[`r${round}`]])
        expect((await client.stats()).collections.filter(({ loaded }) => loaded)).toEqual([])
      }
    }
    // All at once: each is loaded, used and let go while the others are.
    const found = await Promise.all(
      collections.map((notes, at) => notes.query({ queryEmbeddings: [[at * 1_000 + 60, 1]], nResults: 1 })),
    )
    expect(found.map(({ ids: [first] }) => first)).toEqual([['r60'], ['r60'], ['r60']])
    expect(await headOf(client)).toBe(3 + 360 + 6)
  })

  test('collections are loaded while writes go on', async () => {
    const client = fixture.client({ memoryBudgetBytes: 1 })
    const notes = await fixture.collection({ client })
    await notes.add({ ids: ids(600), embeddings: points(600) })
    const both = await Promise.all([
      notes.query({ queryEmbeddings: [[0, 1]], nResults: 1 }),
      notes.add({ ids: ['new'], embeddings: [[-5, 1]] }),
      notes.delete({ ids: ['r0'] }),
      notes.update({ ids: ['r1'], embeddings: [[-2.5, 1]] }),
      notes.query({ queryEmbeddings: [[0, 1]], nResults: 1 }),
    ])
    expect(both[1].count).toBe(1)
    const found = await notes.query({
      queryEmbeddings: [
        [-5, 1],
        [0, 1],
      ],
      nResults: 2,
    })
    expect(found.ids).toEqual([
      ['new', 'r1'],
      ['r2', 'r1'],
    ])
  })

  test('a threshold that is lowered counts, although a query on the past was first', async () => {
    const client = fixture.client()
    const notes = await fixture.collection({ client, hnsw: { sync_threshold: 5_000, batch_size: 10 } })
    const { position } = await notes.add({ ids: ids(400), embeddings: points(400) })
    await notes.modify({ configuration: { hnsw: { sync_threshold: 500 } } })
    await notes.asOf(position).query({ queryEmbeddings: [[0, 1]], nResults: 1 })
    await notes.add({ ids: ids(100, 400), embeddings: points(100) })
    await client.flush()
    const { collections } = await client.stats()
    expect(collections[0]).toMatchObject({ sealedVectors: 500, growingVectors: 0 })
  })

  test('a threshold that is lowered while the collection is being loaded counts', async () => {
    const client = fixture.client()
    const notes = await fixture.collection({ client, hnsw: { sync_threshold: 9_000, batch_size: 10 } })
    await notes.add({ ids: ids(4_000), embeddings: points(4_000) })
    await Promise.all([
      notes.query({ queryEmbeddings: [[0, 1]], nResults: 1 }),
      notes.modify({ configuration: { hnsw: { sync_threshold: 4_000 } } }),
    ])
    await notes.add({ ids: ['more'], embeddings: [[0, 1]] })
    await client.flush()
    const { collections } = await client.stats()
    expect(collections[0]).toMatchObject({ sealedVectors: 4_000, growingVectors: 1 })
  })
}
