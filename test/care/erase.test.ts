import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Collection, PersistentClient } from '../../src/index.ts'
import { bytesOf, filesHolding, vectorOf } from './files.ts'

describe('erase', () => {
  let folder: string
  let client: PersistentClient
  let people: Collection

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'annals-erase-'))
    client = new PersistentClient({ path: folder })
    people = await client.createCollection({
      name: 'people',
      configuration: { hnsw: { sync_threshold: 40, batch_size: 10 } },
    })
    for (let i = 0; i < 100; i += 10) {
      const numbers = Array.from({ length: 10 }, (_, at) => i + at)
      await people.add({
        ids: numbers.map((n) => `p${n}`),
        embeddings: numbers.map((n) => vectorOf(n)),
        documents: numbers.map((n) => (n === 17 ? 'secretword-alpha lives here' : `ordinary text ${n}`)),
        metadatas: numbers.map((n) => ({ who: n === 17 ? 'hidden-name' : `name${n}` })),
        uris: numbers.map((n) => (n === 17 ? 'file:///hidden-uri' : null)),
      })
    }
    await people.update({
      ids: ['p17'],
      documents: ['secretword-beta lives here'],
      embeddings: [vectorOf(1000)],
    })
    await people.update({ ids: ['p17'], metadatas: [{ who: 'hidden-second-name' }] })
    await client.flush()
  })

  afterEach(async () => {
    await client.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const needles: [string, Uint8Array | string][] = [
    ['the first document', 'secretword-alpha'],
    ['the second document', 'secretword-beta'],
    ['metadata', 'hidden-name'],
    ['superseding metadata', 'hidden-second-name'],
    ['the uri', 'hidden-uri'],
    ['the first vector', bytesOf(vectorOf(17))],
    ['the second vector', bytesOf(vectorOf(1000))],
  ]

  test('is done once under an idempotency key, of what was deleted before, too', async () => {
    await people.delete({ ids: ['p17'] })
    const [what, once] = [{ collection: 'people', ids: ['p17'] }, { idempotencyKey: 'k' }]
    const { receipt } = await client.erase(what, once)
    expect(receipt.count).toBe(1)
    expect((await client.erase(what, once)).receipt).toEqual(receipt)
    await client.createCollection({ name: 'others' })
    const other = client.erase({ collection: 'others', ids: ['p17'] }, once)
    await expect(other).rejects.toMatchObject({ code: 'conflict' })
  })

  test('takes every version out of every file', async () => {
    for (const [what, needle] of needles) expect(filesHolding(folder, needle), what).toBeGreaterThan(0)
    const { receipt, bytes } = await client.erase(
      { collection: 'people', ids: ['p17'] },
      { actor: 'dpo', reason: 'r1' },
    )
    expect(receipt.count).toBe(2)
    expect(bytes).toBeGreaterThan(0)
    for (const [what, needle] of needles) expect(filesHolding(folder, needle), what).toBe(0)
    await client.close()
    for (const [what, needle] of needles) expect(filesHolding(folder, needle), what).toBe(0)
  })

  test('leaves no trace in answers, now or in the past, and everything else as it was', async () => {
    const head = (await client.stats()).head
    const others = await people.get({ include: ['embeddings', 'documents', 'metadatas'] })
    await client.erase({ collection: people.id, ids: ['p17'] })
    expect(await people.count()).toBe(99)
    expect((await people.get({ ids: ['p17'] })).ids).toEqual([])
    expect((await people.asOf(head).get({ ids: ['p17'] })).ids).toEqual([])
    const nearest = await people.asOf(head).query({ queryEmbeddings: [vectorOf(17)], nResults: 100 })
    expect(nearest.ids[0]).not.toContain('p17')
    expect(nearest.ids[0]).toHaveLength(99)
    const rest = others.rows().filter(({ id }) => id !== 'p17')
    expect((await people.get({ include: ['embeddings', 'documents', 'metadatas'] })).rows()).toEqual(rest)
  })

  test('is remembered in the log, with who and why, and history shows that something was there', async () => {
    await client.erase({ collection: 'people', ids: ['p17'] }, { actor: 'dpo', reason: 'request 1' })
    const changes = []
    for await (const change of client.changes()) changes.push(change)
    expect(changes.at(-1)).toMatchObject({ type: 'erase', collection: people.id, actor: 'dpo' })
    expect(changes.filter(({ id, erased }) => id === 'p17' && erased)).not.toEqual([])
    const versions = []
    for await (const version of people.history('p17')) versions.push(version)
    expect(versions.map(({ type, after }) => [type, after])).toEqual([
      ['add', null],
      ['update', null],
      ['update', null],
      ['delete', null],
    ])
    expect(versions.at(-1)).toMatchObject({ actor: 'dpo', reason: 'request 1' })
  })

  test('keeps the root of everything before it', async () => {
    const before = await client.stats()
    const { receipt } = await client.erase({ collection: 'people', ids: ['p17'] })
    await people.add({ ids: ['later'], embeddings: [vectorOf(5)] })
    await client.close()
    for (const name of readdirSync(folder))
      if (name !== 'log') rmSync(join(folder, name), { recursive: true })
    client = new PersistentClient({ path: folder })
    // Derived from the log alone, which checks every frame and the whole tree on the way.
    const after = await client.stats()
    expect(after.head).toBe(receipt.position + 1)
    expect(after.storeId).toBe(before.storeId)
    const again = await client.getCollection({ name: 'people' })
    expect(await again.count()).toBe(100)
    expect((await again.asOf(before.head).get({ ids: ['p17'] })).ids).toEqual([])
    await client.flush()
    for (const [what, needle] of needles) expect(filesHolding(folder, needle), what).toBe(0)
  })

  test('an id that was never there changes nothing', async () => {
    const { head } = await client.stats()
    const { receipt } = await client.erase({ collection: 'people', ids: ['nobody'] })
    expect(receipt).toMatchObject({ count: 0, position: head })
  })

  test('an erased id can be used again', async () => {
    await client.erase({ collection: 'people', ids: ['p17'] })
    const { position } = await people.add({
      ids: ['p17'],
      embeddings: [vectorOf(2000)],
      documents: ['someone new'],
    })
    expect((await people.get({ ids: ['p17'] })).documents).toEqual(['someone new'])
    expect(await people.asOf(position - 1).count()).toBe(99)
  })
})
