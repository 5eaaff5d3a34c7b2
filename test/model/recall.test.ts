/**
 * How many of the truly nearest vectors a query finds, where most of the collection lies in graphs. The truth is
 * a plain comparison with everything. Graphs are built by several threads, so figures differ a little by run.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Collection, PersistentClient, type ReadableCollection, type Where } from '../../src/index.ts'

const count = 8_000
const dimension = 48
const clusters = 40
const seed = Number(process.env.ANNALS_MODEL_SEED ?? Date.now() % 1_000_000)
const k = 10

interface Item {
  id: string
  vector: Float32Array
  metadata: { cluster: number; half: boolean; rank: number }
}

describe.each(['l2', 'cosine'] as const)('recall, %s', (space) => {
  describe.each(['uniform', 'clustered'] as const)('%s', (shape) => {
    const path = mkdtempSync(join(tmpdir(), 'annals-recall-'))
    const random = randomFrom(seed)
    const items = makeItems(shape, random)
    const queries = makeQueries(items, random)
    let client: PersistentClient
    let collection: Collection
    let position: number

    beforeAll(async () => {
      process.stdout.write(`recall of ${shape} ${space}: ANNALS_MODEL_SEED=${seed}\n`)
      client = new PersistentClient({ path })
      const hnsw = { space, sync_threshold: 1_500, batch_size: 500 }
      collection = await client.createCollection({
        name: 'recall',
        embeddingFunction: null,
        configuration: { hnsw },
      })
      for (let from = 0; from < count; from += 2_000) {
        const some = items.slice(from, from + 2_000)
        const receipt = await collection.add({
          ids: some.map(({ id }) => id),
          embeddings: some.map(({ vector }) => vector),
          metadatas: some.map(({ metadata }) => metadata),
        })
        position = receipt.position
        await client.flush()
      }
    })

    afterAll(async () => {
      await client.close()
      rmSync(path, { recursive: true, force: true })
    })

    const recall = (admitted: readonly Item[], where?: Where, view: ReadableCollection = collection) =>
      recallOf(view, queries, admitted, space, where)

    test('most of it lies in graphs', async () => {
      const [stats] = (await client.stats()).collections
      expect(stats!.sealedVectors).toBeGreaterThan(count / 2)
    })

    test('without a filter', async () => {
      expect(await recall(items)).toBeGreaterThanOrEqual(0.95)
    })

    test.each([
      ['half', { half: true }, (item: Item) => item.metadata.half],
      ['a twentieth', { rank: { $lt: count / 20 } }, ({ metadata }: Item) => metadata.rank < count / 20],
      [
        'a thousandth',
        { rank: { $lt: count / 1_000 } },
        ({ metadata }: Item) => metadata.rank < count / 1_000,
      ],
    ])('with a filter that keeps %s', async (_, where, admits) => {
      expect(await recall(items.filter(admits), where)).toBeGreaterThanOrEqual(0.98)
    })

    test('with a filter that keeps what lies far from the query', async () => {
      const found: number[] = []
      for (const query of queries) {
        const far = farClusters(query, items, space)
        const admitted = items.filter(({ metadata }) => far.includes(metadata.cluster))
        found.push(await recallOf(collection, [query], admitted, space, { cluster: { $in: far } }))
      }
      expect(found.reduce((sum, one) => sum + one) / found.length).toBeGreaterThanOrEqual(0.98)
    })

    test('after deletes of 30 %, now and as of before', async () => {
      const gone = items.filter(({ metadata }) => metadata.rank % 10 < 3)
      await collection.delete({ ids: gone.map(({ id }) => id) })
      const left = items.filter(({ metadata }) => metadata.rank % 10 >= 3)
      expect(await recall(left)).toBeGreaterThanOrEqual(0.95)
      const half = left.filter(({ metadata }) => metadata.half)
      expect(await recall(half, { half: true })).toBeGreaterThanOrEqual(0.98)
      const before = collection.asOf(position)
      expect(await recall(items, undefined, before)).toBeGreaterThanOrEqual(0.95)
      const halfBefore = items.filter(({ metadata }) => metadata.half)
      expect(await recall(halfBefore, { half: true }, before)).toBeGreaterThanOrEqual(0.98)
      // As of the middle of the data: what came later, most of it still live, must not crowd the answers.
      const early = collection.asOf(position - count / 2)
      expect(await recall(items.slice(0, count / 2), undefined, early)).toBeGreaterThanOrEqual(0.95)
    })
  })
})

function makeItems(shape: 'uniform' | 'clustered', random: () => number): Item[] {
  const point = () => Float32Array.from({ length: dimension }, () => random() * 2 - 1)
  const centres = Array.from({ length: clusters }, point)
  const ranks = shuffled(count, random)
  return ranks.map((rank, index) => {
    const cluster = index % clusters
    const noise = point()
    const vector = shape === 'uniform' ? noise : noise.map((value, i) => centres[cluster]![i]! + value * 0.15)
    return { id: `r${index}`, vector, metadata: { cluster, half: random() < 0.5, rank } }
  })
}

/** Near some of the items. */
function makeQueries(items: readonly Item[], random: () => number): Float32Array[] {
  return Array.from({ length: 50 }, () => {
    const { vector } = items[Math.floor(random() * items.length)]!
    return vector.map((value) => value + (random() - 0.5) * 0.1)
  })
}

/** A quarter of the clusters: those whose first items lie farthest from the query. */
function farClusters(query: Float32Array, items: readonly Item[], space: 'l2' | 'cosine'): number[] {
  const firsts = items.slice(0, clusters)
  const far = firsts.sort((a, b) => distance(space, query, b.vector) - distance(space, query, a.vector))
  return far.slice(0, clusters / 4).map(({ metadata }) => metadata.cluster)
}

async function recallOf(
  view: ReadableCollection,
  queries: readonly Float32Array[],
  admitted: readonly Item[],
  space: 'l2' | 'cosine',
  where?: Where,
): Promise<number> {
  const options = { queryEmbeddings: [...queries], nResults: k, include: [], ...(where && { where }) }
  const { ids } = await view.query(options)
  const allowed = new Set(admitted.map(({ id }) => id))
  let hits = 0
  let wanted = 0
  for (const [index, query] of queries.entries()) {
    const truth = new Set(nearest(query, admitted, space))
    expect(ids[index]!.length).toBe(truth.size)
    for (const id of ids[index]!) {
      expect(allowed.has(id)).toBe(true)
      if (truth.has(id)) hits++
    }
    wanted += truth.size
  }
  return hits / wanted
}

function nearest(query: Float32Array, items: readonly Item[], space: 'l2' | 'cosine'): string[] {
  return items
    .map(({ id, vector }) => ({ id, distance: distance(space, query, vector) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, k)
    .map(({ id }) => id)
}

function distance(space: 'l2' | 'cosine', a: Float32Array, b: Float32Array): number {
  let [dot, normA, normB, squares] = [0, 0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!
    normA += a[i]! ** 2
    normB += b[i]! ** 2
    squares += (a[i]! - b[i]!) ** 2
  }
  return space === 'l2' ? squares : 1 - dot / Math.sqrt(normA * normB)
}

function shuffled(length: number, random: () => number): number[] {
  const list = Array.from({ length }, (_, index) => index)
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[list[i], list[j]] = [list[j]!, list[i]!]
  }
  return list
}

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
