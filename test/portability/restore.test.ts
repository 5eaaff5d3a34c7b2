/**
 * Restores: a new store is the old one as it stood, whatever the point, and nothing less than whole.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type AnnalsError, PersistentClient, restore } from '../../src/index.ts'
import { contentOf, expectSame, open, randomFrom, rootOf, temporary, write } from './support.ts'

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'nothing was thrown',
    (error: AnnalsError) => error.code,
  )
}

describe('a restore', () => {
  test('to any position is the store as it stood there, and its root is the logged one', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    const { roots } = await write(client, 5000, 21)
    const head = (await client.stats()).head
    await client.backup(join(folder, 'backup'), { chunkBytesMax: 100_000 })
    const random = randomFrom(22)
    const ends = [...roots.keys()].sort((a, b) => a - b)
    for (let round = 0; round < 50; round++) {
      const until = Math.floor(random() * (head + 1))
      const path = join(folder, `restored-${round}`)
      const report = await restore(join(folder, 'backup'), { path, until })
      const end = ends.filter((position) => position <= until).at(-1)!
      expect(report).toMatchObject({ position: end, root: roots.get(end) })
      const restored = new PersistentClient({ path })
      expect(await contentOf(restored)).toEqual(await contentOf(client.asOf(until)))
      expect(await rootOf(restored)).toBe(roots.get(end))
      await restored.close()
    }
  }, 300_000)

  test('to an instant is the store as it stood then', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    await write(client, 300, 23)
    await new Promise((resolve) => setTimeout(resolve, 10))
    const instant = new Date()
    const then = await contentOf(client)
    await new Promise((resolve) => setTimeout(resolve, 10))
    await write(client, 600, 24)
    await client.backup(join(folder, 'backup'), { chunkBytesMax: 20_000 })
    await restore(join(folder, 'backup'), { path: join(folder, 'restored'), until: instant })
    expect(await contentOf(open(join(folder, 'restored')))).toEqual(then)
    const before = await restore(join(folder, 'backup'), {
      path: join(folder, 'x'),
      until: new Date(0),
      dryRun: true,
    })
    expect(before).toMatchObject({ position: 0, records: 0, chunks: [] })
  })

  test('is a store of its own: the same id, one epoch later, and writes go on', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    await write(client, 200, 25)
    await client.backup(join(folder, 'backup'))
    const report = await restore(join(folder, 'backup'), { path: join(folder, 'restored') })
    const restored = open(join(folder, 'restored'))
    const [old, made] = [await client.stats(), await restored.stats()]
    expect(made).toMatchObject({ storeId: old.storeId, epoch: old.epoch + 1, head: old.head, root: old.root })
    expect(report).toMatchObject({ storeId: old.storeId, epoch: 1, position: old.head, dryRun: false })
    expect(made.recovery).toEqual({ metadataReplaced: null, lost: [], truncatedTo: null })
    const notes = await restored.getOrCreateCollection({ name: 'notes' })
    const { position } = await notes.add({ ids: ['new'], documents: ['after the restore'] })
    expect(position).toBeGreaterThan(old.head)
  })

  test('can say beforehand what it would do', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    const { roots } = await write(client, 400, 26)
    const { chunks } = await client.backup(join(folder, 'backup'), { chunkBytesMax: 20_000 })
    const path = join(folder, 'restored')
    const plan = await restore(join(folder, 'backup'), { path, dryRun: true })
    const head = (await client.stats()).head
    expect(plan).toMatchObject({ dryRun: true, position: head, records: head, root: roots.get(head) })
    expect(plan.chunks.map(({ file }) => file)).toEqual(chunks)
    const half = await restore(join(folder, 'backup'), { path, until: 100, dryRun: true })
    expect(half.position).toBeLessThanOrEqual(100)
    expect(half.chunks.length).toBeLessThan(chunks.length)
    expect(half.bytes).toBe(half.chunks.reduce((sum, { bytes }) => sum + bytes, 0))
    expect(existsSync(path)).toBe(false)
    expect(readdirSync(folder).sort()).toEqual(['backup', 'store'])
    const { position } = await restore(join(folder, 'backup'), { path, until: 100 })
    expect(position).toBe(half.position)
  })

  test('builds the indexes, too, when it is told to', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
    const random = randomFrom(27)
    const embeddings = Array.from({ length: 1500 }, () => [random(), random(), random()])
    await notes.add({ ids: embeddings.map((_, index) => `id-${index}`), embeddings })
    await client.backup(join(folder, 'backup'))
    const segments = async (name: string, buildIndexes: boolean) => {
      const path = join(folder, name)
      await restore(join(folder, 'backup'), { path, buildIndexes })
      return existsSync(join(path, 'segments')) ? readdirSync(join(path, 'segments')).length : 0
    }
    expect(await segments('without', false)).toBe(0)
    expect(await segments('with', true)).toBe(1)
    const restored = open(join(folder, 'with'))
    expect((await restored.stats()).collections[0]!.sealedSegments).toBeGreaterThan(0)
    await expectSame(expect, restored, open(join(folder, 'without')))
  })

  test('over anything that is there is refused', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    await write(client, 50, 28)
    await client.backup(join(folder, 'backup'))
    expect(await codeOf(restore(join(folder, 'backup'), { path: join(folder, 'store') }))).toBe(
      'store_exists',
    )
    mkdirSync(join(folder, 'other'))
    writeFileSync(join(folder, 'other/file'), '')
    expect(await codeOf(restore(join(folder, 'backup'), { path: join(folder, 'other') }))).toBe(
      'store_exists',
    )
    mkdirSync(join(folder, 'empty'))
    await restore(join(folder, 'backup'), { path: join(folder, 'empty') })
    await expectSame(expect, open(join(folder, 'empty')), client)
    const late = restore(join(folder, 'backup'), { path: join(folder, 'late'), until: 1e6 })
    expect(await codeOf(late)).toBe('position_not_reached')
    const unknown = { path: join(folder, 'x'), force: true } as { path: string }
    expect(await codeOf(restore(join(folder, 'backup'), unknown))).toBe('unsupported_option')
  })

  test('that is aborted leaves nothing under the name', async () => {
    const folder = temporary()
    const client = open(join(folder, 'store'))
    await write(client, 3000, 29)
    await client.backup(join(folder, 'backup'))
    const stop = new AbortController()
    const path = join(folder, 'restored')
    const aborted = restore(join(folder, 'backup'), {
      path,
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    })
    await expect(aborted).rejects.toThrow('enough')
    expect(readdirSync(folder).sort()).toEqual(['backup', 'store'])
    await restore(join(folder, 'backup'), { path })
    await expectSame(expect, open(path), client)
  })
})
