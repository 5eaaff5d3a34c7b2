/** What forks share on the disk and in the log, and who may take it away. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Collection, PersistentClient, verifyErasure } from '../../src/index.ts'
import { bytesOf, filesHolding, vectorOf } from './files.ts'

const include = ['embeddings' as const, 'documents' as const, 'metadatas' as const]

let folder: string
let client: PersistentClient
let people: Collection
let copy: Collection

const whole = async (collection: Collection) => (await collection.get({ include })).rows()
const nearest = async (collection: Collection, n: number) =>
  (await collection.query({ queryEmbeddings: [vectorOf(n)], nResults: 1 })).ids[0]

/** The names below a collection's folder of segments, with the number of names that the same file has. */
function segmentsOf(id: string): [name: string, links: number][] {
  const path = join(folder, 'segments', id)
  return readdirSync(path).map((name) => [name, statSync(join(path, name)).nlink])
}

async function expectSound(): Promise<void> {
  await client.flush()
  expect((await client.verify({ level: 'deep' })).findings).toEqual([])
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'annals-fork-'))
  client = new PersistentClient({ path: folder })
  const hnsw = { sync_threshold: 40, batch_size: 20, num_threads: 1 }
  people = await client.createCollection({ name: 'people', configuration: { hnsw } })
  const numbers = Array.from({ length: 100 }, (_, n) => n)
  await people.add({
    ids: numbers.map((n) => `p${n}`),
    embeddings: numbers.map((n) => vectorOf(n)),
    documents: numbers.map((n) => `person ${n === 17 ? 'secretword' : n}`),
    metadatas: numbers.map((n) => ({ who: n === 17 ? 'hidden-name' : `name${n}` })),
  })
  await client.flush()
  await people.delete({ ids: ['p3'] })
  copy = await people.fork({ name: 'copy' })
})

afterEach(async () => {
  await client.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('on the disk', () => {
  test('a fork has the same files as its source under names of its own', async () => {
    expect(segmentsOf(people.id)).toEqual([['0-100.hnsw', 2]])
    expect(segmentsOf(copy.id)).toEqual([['0-100.hnsw', 2]])
    const { disk, collections } = await client.stats()
    expect(disk.segments).toBe(statSync(join(folder, 'segments', copy.id, '0-100.hnsw')).size)
    expect(collections).toMatchObject([
      { name: 'people', sealedVectors: 100, growingVectors: 0 },
      { name: 'copy', records: 99, sealedVectors: 100, growingVectors: 0 },
    ])
    await expectSound()
  })

  test('a process that waits for nothing but a fork does not end before', () => {
    const script = `
      import { PersistentClient } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url))}
      const client = new PersistentClient({ path: ${JSON.stringify(join(folder, 'waiting'))} })
      const hnsw = { sync_threshold: 500, batch_size: 100, num_threads: 1, ef_construction: 800 }
      const notes = await client.createCollection({ name: 'notes', configuration: { hnsw } })
      const put = async (first) => {
        const ids = Array.from({ length: 2000 }, (_, n) => String(first + n))
        await notes.add({ ids, embeddings: ids.map((id) => Array.from({ length: 64 }, (_, n) => Math.sin(id * n))) })
      }
      await put(0)
      await client.flush()
      await put(2000)
      const copy = await notes.fork({ name: 'copy' })
      console.log(await copy.count())
      process.exit(0)`
    const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script])
    expect([status, String(stdout)]).toEqual([0, '4000\n'])
  })

  test('neither vectors nor documents are logged again', async () => {
    await client.close()
    expect(filesHolding(join(folder, 'log'), bytesOf(vectorOf(50)))).toBe(1)
    expect(filesHolding(join(folder, 'log'), 'person 50')).toBe(1)
    const log = async () => {
      const again = new PersistentClient({ path: folder })
      const bytes = []
      for await (const { type, collection, sizes, changed } of again.log({ type: 'add' }))
        if (type === 'add' && collection === copy.id) bytes.push({ ...sizes, ...changed })
      await again.close()
      return bytes
    }
    expect((await log())[0]).toEqual({ embedding: true, document: true, uri: false, metadata: ['who'] })
    client = new PersistentClient({ path: folder })
  })

  test('files that one side builds again are the other side’s no more', async () => {
    await copy.reindex({ hnsw: { max_neighbors: 8 } })
    expect(segmentsOf(people.id)).toEqual([['0-100.hnsw', 1]])
    expect(segmentsOf(copy.id)).toEqual([['0-100-m8-c100.hnsw', 1]])
    expect(await nearest(people, 42)).toEqual(['p42'])
    expect(await nearest(copy, 42)).toEqual(['p42'])
    await expectSound()
  })

  test('a deleted source leaves files and answers', async () => {
    await client.deleteCollection({ name: 'people' })
    await client.close()
    client = new PersistentClient({ path: folder })
    copy = await client.getCollection({ name: 'copy' })
    expect(segmentsOf(copy.id)).toEqual([['0-100.hnsw', 2]])
    expect(await nearest(copy, 42)).toEqual(['p42'])
    await expectSound()
  })

  test('what a crash kept from being shared is shared at the next opening', async () => {
    const { manifest, catalog } = await client.store()
    for (const { id } of manifest.ofCollection(catalog.collectionById(copy.id)!.key)) manifest.remove(id)
    await client.close()
    client = new PersistentClient({ path: folder })
    await client.flush()
    expect(segmentsOf(copy.id)).toEqual([['0-100.hnsw', 2]])
    await expectSound()
  })

  test('a file that is lost on one side is built again there', async () => {
    await client.close()
    rmSync(join(folder, 'segments', copy.id, '0-100.hnsw'))
    client = new PersistentClient({ path: folder })
    copy = await client.getCollection({ name: 'copy' })
    expect((await client.repair()).ok).toBe(true)
    expect(await nearest(copy, 42)).toEqual(['p42'])
    expect(segmentsOf(copy.id)).toEqual([['0-100.hnsw', 1]])
    await expectSound()
  })

  test('a fork whose source has grown since shares what it can and builds the rest', async () => {
    const numbers = Array.from({ length: 60 }, (_, n) => 200 + n)
    const more = { ids: numbers.map((n) => `p${n}`), embeddings: numbers.map((n) => vectorOf(n)) }
    await people.add(more)
    await copy.add(more)
    await client.flush()
    const again = await copy.fork({ name: 'again' })
    expect(segmentsOf(again.id).map(([, links]) => links)).toEqual([3, 2])
    for (const one of [people, copy, again]) expect(await nearest(one, 220)).toEqual(['p220'])
    await expectSound()
  })
})

describe('erasing', () => {
  const needles = () => ['secretword', 'hidden-name', bytesOf(vectorOf(17))]
  const expectGone = () => {
    for (const needle of needles()) expect(filesHolding(folder, needle)).toBe(0)
  }

  test('is refused while others stand on the content, and changes nothing', async () => {
    const { head } = await client.stats()
    for (const [one, other] of [
      [people, copy],
      [copy, people],
    ] as const)
      await expect(client.erase({ collection: one.id, ids: ['p1', 'p17'] })).rejects.toMatchObject({
        code: 'conflict',
        fate: 'not_written',
        message: expect.stringContaining(other.id),
      })
    expect((await client.stats()).head).toBe(head)
    await client.deleteCollection({ name: 'people' })
    await expect(client.erase({ collection: 'copy', ids: ['p17'] })).rejects.toMatchObject({
      code: 'conflict',
    })
  })

  test('with forks takes it out of every file, in one commit, under one certificate', async () => {
    const again = await copy.fork({ name: 'again' })
    await copy.update({ ids: ['p17'], documents: ['secretword once more'], embeddings: [vectorOf(900)] })
    const { receipt, certificate } = await client.erase({ collection: 'again', ids: ['p17'], forks: true })
    expect(receipt.count).toBe(4)
    expectGone()
    expect(filesHolding(folder, bytesOf(vectorOf(900)))).toBe(0)
    for (const one of [people, copy, again]) {
      expect(await one.count()).toBe(98)
      expect((await one.get({ ids: ['p17'] })).ids).toEqual([])
      expect(await nearest(one, 42)).toEqual(['p42'])
    }
    await expectSound()
    const kept = JSON.parse(JSON.stringify(certificate))
    expect(kept.forks).toEqual([
      { collection: people.id, ids: ['p17'] },
      { collection: copy.id, ids: ['p17'] },
    ])
    expect(verifyErasure(kept, kept.after)).toBe(true)
    expect(verifyErasure({ ...kept, forks: kept.forks.slice(1) }, kept.after)).toBe(false)
  })

  test('what the source has let go of already needs no leave, and the certificate says whose it was', async () => {
    await people.delete({ ids: ['p17'] })
    await client.setRetention({ history: { days: 0 } }, { collection: 'people' })
    await client.vacuum()
    expect((await copy.get({ ids: ['p17'] })).documents).toEqual(['person secretword'])
    // It still stands in the source's history, which an erasure there could not take from the fork.
    await expect(client.erase({ collection: 'people', ids: ['p17'] })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(copy.id),
    })
    const { certificate } = await client.erase({ collection: 'copy', ids: ['p17'] })
    expectGone()
    await expectSound()
    const kept = JSON.parse(JSON.stringify(certificate))
    expect(kept).not.toHaveProperty('forks')
    expect(verifyErasure(kept, kept.after)).toBe(true)
    expect(verifyErasure({ ...kept, lineage: undefined }, kept.after)).toBe(false)
    const [creation] = kept.lineage
    expect(verifyErasure({ ...kept, lineage: [{ ...creation, content: null }] }, kept.after)).toBe(false)
    expect(verifyErasure({ ...kept, lineage: [kept.operation] }, kept.after)).toBe(false)
  })

  test('what a fork never held leaves the fork as it was, and its copy of the files without it', async () => {
    expect(filesHolding(join(folder, 'segments', copy.id), bytesOf(vectorOf(3)))).toBe(1)
    const before = await whole(copy)
    await client.erase({ collection: 'people', ids: ['p3'] })
    expect(filesHolding(folder, bytesOf(vectorOf(3)))).toBe(0)
    expect(filesHolding(folder, 'person 3\0')).toBe(0)
    expect(await whole(copy)).toEqual(before)
    expect(await nearest(copy, 42)).toEqual(['p42'])
    await expectSound()
  })

  test('holds in a store that is derived anew from its log', async () => {
    await client.erase({ collection: 'people', ids: ['p17'], forks: true })
    const before = await whole(copy)
    await client.close()
    for (const name of readdirSync(folder))
      if (name !== 'log') rmSync(join(folder, name), { recursive: true })
    client = new PersistentClient({ path: folder })
    copy = await client.getCollection({ name: 'copy' })
    expect(await whole(copy)).toEqual(before)
    await expectSound()
    expectGone()
  })
})

describe('letting go of history', () => {
  test('keeps what a fork stands on, until the fork lets go of it, too', async () => {
    await people.update({
      ids: ['p17'],
      embeddings: [vectorOf(500)],
      documents: ['someone else'],
      metadatas: [{ who: 'x' }],
    })
    await people.delete({ ids: ['p20'] })
    await client.setRetention({ history: { versions: 1 } }, { collection: 'people' })
    const before = await whole(copy)
    await client.vacuum()
    expect(await whole(copy)).toEqual(before)
    expect(await nearest(copy, 17)).toEqual(['p17'])
    await expectSound()

    await copy.update({ ids: ['p17'], metadatas: [{ who: 'y' }] })
    await client.setRetention({ history: { versions: 1 } })
    await client.vacuum()
    expect((await whole(copy)).find(({ id }) => id === 'p17')).toMatchObject({
      document: 'person secretword',
      embedding: Array.from(vectorOf(17)),
      metadata: { who: 'y' },
    })
    await expectSound()

    await copy.update({ ids: ['p17'], embeddings: [vectorOf(600)], documents: ['nobody'] })
    const { payloads } = await client.vacuum({ dryRun: true })
    expect(await client.vacuum()).toMatchObject({ payloads, versions: 1 })
    for (const needle of ['secretword', 'hidden-name', bytesOf(vectorOf(17))])
      expect(filesHolding(folder, needle)).toBe(0)
    await expectSound()
  })

  test('a dry run counts a payload once that both sides let go of', async () => {
    const parts = { embeddings: [vectorOf(500)], documents: ['new'], metadatas: [{ who: 'x' }] }
    await people.update({ ids: ['p17'], ...parts })
    await copy.update({ ids: ['p17'], ...parts })
    await client.setRetention({ history: { versions: 1 } })
    const { payloads, versions } = await client.vacuum({ dryRun: true })
    expect(await client.vacuum()).toMatchObject({ payloads, versions })
    expect(filesHolding(folder, 'secretword')).toBe(0)
    expect(filesHolding(folder, bytesOf(vectorOf(17)))).toBe(0)
    await expectSound()
  })
})
