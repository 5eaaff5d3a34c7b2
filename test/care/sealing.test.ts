import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Collection, PersistentClient } from '../../src/index.ts'
import { bytesOf, filesHolding, vectorOf } from './files.ts'

describe('sealing a collection that nobody queries', () => {
  let folder: string
  let client: PersistentClient

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'annals-sealing-'))
    client = new PersistentClient({ path: folder })
  })

  afterEach(async () => {
    await client.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function made(space: 'l2' | 'cosine'): Promise<Collection> {
    const hnsw = { space, sync_threshold: 200, batch_size: 50, num_threads: 2 }
    return client.createCollection({ name: 'people', configuration: { hnsw } })
  }

  async function add(people: Collection, from: number, to: number): Promise<void> {
    const numbers = Array.from({ length: to - from }, (_, index) => from + index)
    await people.add({ ids: numbers.map((n) => `p${n}`), embeddings: numbers.map((n) => vectorOf(n)) })
  }

  async function expectFound(people: Collection, numbers: readonly number[]): Promise<void> {
    const queries = numbers.map((n) => vectorOf(n))
    const { ids, distances } = await people.query({ queryEmbeddings: queries, nResults: 1 })
    expect(ids).toEqual(numbers.map((n) => [`p${n}`]))
    for (const [distance] of distances!) expect(distance).toBeCloseTo(0, 5)
  }

  test.each(['l2', 'cosine'] as const)('loads nothing, and its graphs answer right (%s)', async (space) => {
    const people = await made(space)
    await add(people, 0, 500)
    await people.update({ ids: ['p7'], embeddings: [vectorOf(1007)] })
    await people.delete({ ids: ['p8'] })
    await client.flush()
    await add(people, 500, 900)
    await client.flush()
    const { vectorMemoryBytes, collections } = await client.stats()
    expect(vectorMemoryBytes).toBe(0)
    expect(collections[0]!.sealedVectors).toBeGreaterThanOrEqual(800)
    await expectFound(people, [0, 6, 9, 499, 500, 899])
    const { ids } = await people.query({ queryEmbeddings: [vectorOf(1007)], nResults: 1 })
    expect(ids).toEqual([['p7']])
    expect((await people.query({ queryEmbeddings: [vectorOf(8)], nResults: 900 })).ids[0]).not.toContain('p8')
    await client.flush()
    expect((await client.verify({ level: 'deep' })).findings).toEqual([])
  })

  test('goes on while it is loaded by a first query, and while records come in', async () => {
    const people = await made('l2')
    await add(people, 0, 3000)
    for (let n = 3000; n < 4500; n += 100) {
      await add(people, n, n + 100)
      if (n >= 3300) await expectFound(people, [0, n - 1, n + 99])
    }
    await client.flush()
    await expectFound(people, [0, 1, 2999, 3000, 4499])
    const ranges = readdirSync(join(folder, 'segments', people.id)).map((name) =>
      name.split(/[-.]/).map(Number),
    )
    ranges.sort(([a], [b]) => a! - b!)
    // Without gaps, and none twice.
    for (const [index, [first]] of ranges.entries())
      expect(first).toBe(index === 0 ? 0 : ranges[index - 1]![1])
    expect((await client.verify({ level: 'deep' })).findings).toEqual([])
  })

  test('an erasure beside it leaves nothing in the graphs', async () => {
    const people = await made('l2')
    await add(people, 0, 3000)
    await client.erase({ collection: 'people', ids: ['p17'] })
    await client.flush()
    expect(filesHolding(folder, bytesOf(vectorOf(17)))).toBe(0)
    await expectFound(people, [16, 18])
  })

  test('small segments that gathered meanwhile are merged once it is queried', async () => {
    const people = await made('l2')
    for (let n = 0; n < 2000; n += 250) {
      await add(people, n, n + 250)
      await client.flush()
    }
    const segments = () => readdirSync(join(folder, 'segments', people.id)).length
    expect(segments()).toBeGreaterThanOrEqual(4)
    await expectFound(people, [0])
    await client.flush()
    expect(segments()).toBeLessThan(4)
    await expectFound(people, [0, 999, 1999])
  })
})
