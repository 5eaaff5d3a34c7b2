/** The single queue of writes: its clock, its limits, its order. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemEnv } from '../../src/env.ts'
import { EphemeralClient } from '../../src/index.ts'
import { limits } from '../../src/limits.ts'
import { Store } from '../../src/store.ts'
import { until } from '../support/until.ts'

let store: Store
let collection: string
let now = 1_700_000_000_000
const env = { ...systemEnv, now: () => now }

beforeEach(async () => {
  store = await Store.openInMemory({ env })
  const { collection: id } = await store.writer.submit({
    command: {
      kind: 'create-collection',
      tenant: 'default_tenant',
      database: 'default_database',
      name: 'notes',
      metadata: null,
      configuration: { hnsw, embedding_function: null },
      getOrCreate: false,
    },
    options: {},
  })
  collection = id!
})

afterEach(() => store.close())

const hnsw = {
  space: 'l2' as const,
  ef_construction: 100,
  ef_search: 100,
  max_neighbors: 16,
  num_threads: 1,
  resize_factor: 1.2,
  batch_size: 100,
  sync_threshold: 1000,
}

function records(count: number, vector: Float32Array, prefix = 'r') {
  return Array.from({ length: count }, (_, index) => ({
    id: `${prefix}${index}`,
    vector,
    document: undefined,
    uri: undefined,
    metadata: null,
  }))
}

function add(count: number, prefix: string, vector: Float32Array = Float32Array.of(1)) {
  return store.writer.submit({
    command: { kind: 'add', collection, records: records(count, vector, prefix) },
    options: {},
  })
}

test('the clock of the log never goes backwards, whatever the machine’s does', async () => {
  const client = new EphemeralClient({ env })
  const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
  const hour = 3_600_000
  const seen: { at: number; position: number }[] = []
  for (const jump of [0, hour, -hour, 1, -2 * hour, 0, 5 * hour]) {
    now += jump
    const { committedAt, position } = await notes.add({ ids: [`${seen.length}`], embeddings: [[1]] })
    expect(committedAt.getTime()).toBeGreaterThanOrEqual(seen.at(-1)?.at ?? 0)
    expect(committedAt.getTime()).toBeGreaterThanOrEqual(now)
    seen.push({ at: committedAt.getTime(), position })
  }
  // A date stands for the last commit at or before it.
  for (const { at } of seen) {
    const count = seen.filter((other) => other.at <= at).length
    expect(await notes.asOf(new Date(at)).count()).toBe(count)
  }
  await client.close()
})

test('writes that were handed in together are durable together, each with its own positions', async () => {
  const append = vi.spyOn(store.log, 'append')
  const outcomes = await Promise.all([add(2, 'a'), add(0, 'none'), add(3, 'b'), add(1, 'a')])
  expect(append).toHaveBeenCalledTimes(1)
  expect(outcomes.map(({ receipt: { position, count } }) => [position, count])).toEqual([
    [3, 2],
    [3, 0],
    [6, 3],
    // Decided in order: a0 is there by then.
    [6, 0],
  ])
})

test('a write beyond what may wait is told to come back, and nothing of it is written', async () => {
  const large = new Float32Array(limits.dimensionMax)
  const count = Math.ceil(limits.queuedBytesMax / large.byteLength)
  const { head } = store.log
  await expect(add(count, 'x', large)).rejects.toMatchObject({ code: 'busy', fate: 'not_written' })
  expect(store.log.head).toBe(head)
  expect((await add(1, 'y')).receipt.count).toBe(1)
})

test('a write that cannot be decided is refused by itself', async () => {
  const [first, odd, last] = await Promise.allSettled([
    add(1, 'a'),
    add(1, 'b', Float32Array.of(1, 2)),
    add(1, 'c'),
  ])
  expect(odd).toMatchObject({
    status: 'rejected',
    reason: { code: 'dimension_mismatch', fate: 'not_written' },
  })
  expect([first.status, last.status]).toEqual(['fulfilled', 'fulfilled'])
  expect(await store.reader.count(collection, null)).toBe(2)
})

test('whoever watches the writes cannot break them, nor end the process', async () => {
  const warned = vi.fn()
  process.on('warning', warned)
  vi.spyOn(store.manifest, 'ofCollection').mockImplementation(() => {
    throw new Error('disk gone')
  })
  expect((await add(1, 'a')).receipt.count).toBe(1)
  await until(() => warned.mock.calls.length > 0)
  expect(warned).toHaveBeenCalledWith(
    expect.objectContaining({ message: expect.stringContaining('disk gone') }),
  )
  process.off('warning', warned)
})
