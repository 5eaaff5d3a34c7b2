import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Collection, EphemeralClient, PersistentClient } from '../../src/index.ts'
import { vectorOf } from './files.ts'

describe('reindex', () => {
  let folder: string
  let client: PersistentClient
  let many: Collection

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'annals-reindex-'))
    client = new PersistentClient({ path: folder })
    many = await client.createCollection({
      name: 'many',
      configuration: { hnsw: { sync_threshold: 900, batch_size: 300, max_neighbors: 8 } },
    })
    for (let first = 0; first < 3000; first += 300) {
      const numbers = Array.from({ length: 300 }, (_, index) => first + index)
      await many.add({ ids: numbers.map((n) => `r${n}`), embeddings: numbers.map((n) => vectorOf(n)) })
      // Three segments: too few to be merged in the background.
      if (first % 900 === 600) await client.flush()
    }
    await many.delete({ ids: Array.from({ length: 100 }, (_, index) => `r${index}`) })
    await client.flush()
  })

  afterEach(async () => {
    await client.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const statsOf = async () => (await client.stats()).collections[0]!
  const near = async (view = many) =>
    (await view.query({ queryEmbeddings: [vectorOf(777), vectorOf(50)], nResults: 5 })).ids

  test('builds other graphs, swaps them, and says how good they are', async () => {
    const before = await statsOf()
    expect(before.sealedSegments).toBeGreaterThan(1)
    const answers = await near()
    const report = await many.reindex({ hnsw: { maxNeighbors: 24, ef_construction: 150 } }, { actor: 'ada' })
    expect(report.segments).toEqual({ before: before.sealedSegments, after: 1 })
    expect(report.recall).toBeGreaterThan(0.95)
    expect(many.configuration.hnsw).toMatchObject({ max_neighbors: 24, ef_construction: 150 })
    expect(await near()).toEqual(answers)
    expect(readdirSync(join(folder, 'segments', many.id))).toHaveLength(1)
  })

  test('what was deleted stays deleted, what lived in the past is found there', async () => {
    const { head } = await client.stats()
    const past = await near(many.asOf(head - 100) as Collection)
    expect(past[1]).toContain('r50')
    await many.reindex()
    expect((await near())[1]).not.toContain('r50')
    expect(await near(many.asOf(head - 100) as Collection)).toEqual(past)
  })

  test('goes on while records are written and queried', async () => {
    const running = many.reindex()
    for (let i = 0; i < 20; i++) {
      await many.add({ ids: [`new${i}`], embeddings: [vectorOf(10_000 + i)] })
      const { ids } = await many.query({ queryEmbeddings: [vectorOf(10_000 + i)], nResults: 1 })
      expect(ids).toEqual([[`new${i}`]])
    }
    await running
    expect(await many.count()).toBe(2920)
    await client.close()
    client = new PersistentClient({ path: folder })
    many = await client.getCollection({ name: 'many' })
    expect((await many.query({ queryEmbeddings: [vectorOf(10_003)], nResults: 1 })).ids).toEqual([['new3']])
  })

  test('graphs that are too bad are not taken', async () => {
    // In memory, as the reindexing leaves it.
    await near()
    const before = await statsOf()
    await expect(
      many.reindex({ recallMin: 1, hnsw: { max_neighbors: 2, ef_construction: 1, ef_search: 1 } }),
    ).rejects.toThrow('nothing was changed')
    expect(await statsOf()).toEqual(before)
    expect(many.configuration.hnsw.max_neighbors).toBe(8)
  })

  test('another space is refused', async () => {
    await expect(many.reindex({ hnsw: { space: 'cosine' } })).rejects.toMatchObject({
      code: 'unsupported_option',
    })
  })

  test('compact merges small segments and answers the same', async () => {
    const answers = await near()
    const before = (await statsOf()).sealedSegments
    const { [many.id]: report } = await client.compact()
    expect(report!.segments.before).toBe(before)
    expect(report!.segments.after).toBeLessThan(before)
    expect(await near()).toEqual(answers)
  })
})

describe('small segments', () => {
  test('are merged in the background while records come in, and answer the same', async () => {
    const client = new EphemeralClient()
    const stream = await client.createCollection({
      name: 'stream',
      configuration: { hnsw: { sync_threshold: 100, batch_size: 10 } },
    })
    for (let first = 0; first < 2000; first += 50) {
      const numbers = Array.from({ length: 50 }, (_, index) => first + index)
      await stream.add({ ids: numbers.map((n) => `r${n}`), embeddings: numbers.map((n) => vectorOf(n)) })
      // What nobody queries is not in memory, and not merged.
      if (first === 0) await stream.query({ queryEmbeddings: [vectorOf(0)], nResults: 1 })
      // Sealing keeps up, so that many segments come of it.
      if (first % 200 === 0) await client.flush()
    }
    await client.flush()
    const { sealedSegments, sealedVectors } = (await client.stats()).collections[0]!
    expect(sealedVectors).toBeGreaterThan(1500)
    expect(sealedSegments).toBeLessThan(4 + 3)
    for (const n of [3, 777, 1999]) {
      const { ids, distances } = await stream.query({ queryEmbeddings: [vectorOf(n)], nResults: 1 })
      expect([ids, distances]).toEqual([[[`r${n}`]], [[0]]])
    }
    await client.close()
  })
})
