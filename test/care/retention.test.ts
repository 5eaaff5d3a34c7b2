import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemEnv } from '../../src/env.ts'
import { type Collection, PersistentClient } from '../../src/index.ts'
import { filesHolding, vectorOf } from './files.ts'

const msPerDay = 86_400_000

describe('retention', () => {
  let folder: string
  let now: number
  let client: PersistentClient
  let notes: Collection

  const open = (): PersistentClient =>
    new PersistentClient({ path: folder, env: { ...systemEnv, now: () => now } })

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'annals-retention-'))
    now = Date.UTC(2026, 0, 1)
    client = open()
    notes = await client.createCollection({ name: 'notes' })
    await notes.add({
      ids: ['a', 'b'],
      embeddings: [vectorOf(1), vectorOf(2)],
      documents: ['draft-one', 'other'],
    })
    for (const word of ['two', 'three', 'four']) {
      now += msPerDay
      await notes.update({ ids: ['a'], documents: [`draft-${word}`], embeddings: [vectorOf(word.length)] })
    }
  })

  afterEach(async () => {
    await client.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const documentsAsOf = async (position: number) => (await notes.asOf(position).get({ ids: ['a'] })).documents

  test('without a rule nothing goes', async () => {
    expect(await client.vacuum()).toEqual({ versions: 0, payloads: 0, bytes: 0, horizons: {} })
  })

  test('the newest versions stay, older ones leave the files', async () => {
    await client.setRetention({ history: { versions: 2 } })
    const report = await client.vacuum()
    expect(report).toMatchObject({ versions: 2, payloads: 2, horizons: { [notes.id]: 5 } })
    expect(report.bytes).toBeGreaterThan(0)
    expect(filesHolding(folder, 'draft-one')).toBe(0)
    expect(filesHolding(folder, 'draft-two')).toBe(0)
    expect(filesHolding(folder, 'draft-three')).toBeGreaterThan(0)
    expect(await documentsAsOf(5)).toEqual(['draft-three'])
    await expect(notes.asOf(4).count()).rejects.toMatchObject({ code: 'history_truncated', position: 5 })
    await expect(notes.asOf(4).query({ queryEmbeddings: [vectorOf(1)] })).rejects.toMatchObject({
      code: 'history_truncated',
    })
    expect((await notes.get()).documents).toEqual(['draft-four', 'other'])
  })

  test('versions superseded within the days stay', async () => {
    await client.setRetention({ history: { days: 1.5 } })
    expect(await client.vacuum()).toMatchObject({ versions: 1, horizons: { [notes.id]: 4 } })
    expect(await documentsAsOf(4)).toEqual(['draft-two'])
    await expect(documentsAsOf(3)).rejects.toMatchObject({ code: 'history_truncated' })
  })

  test("a collection's own rule comes before the store's", async () => {
    await client.setRetention({ history: { versions: 1 } })
    await client.setRetention({ history: 'forever' }, { collection: 'notes' })
    expect(await client.vacuum()).toMatchObject({ versions: 0 })
  })

  test('a dry run says what would go, and leaves it', async () => {
    await client.setRetention({ history: { versions: 1 } })
    const { head } = await client.stats()
    expect(await client.vacuum({ dryRun: true })).toMatchObject({ versions: 3, bytes: 0 })
    expect((await client.stats()).head).toBe(head)
    expect(await documentsAsOf(3)).toEqual(['draft-one'])
  })

  test('a tag keeps what a read at its point needs', async () => {
    await client.tag('release', 4)
    await client.setRetention({ history: { versions: 1 } })
    expect(await client.vacuum()).toMatchObject({ versions: 1, horizons: { [notes.id]: 4 } })
    expect((await notes.asOf('release').get({ ids: ['a'] })).documents).toEqual(['draft-two'])
    await client.deleteTag('release')
    expect(await client.vacuum()).toMatchObject({ versions: 2 })
  })

  test('a version that shares its vector with a later one keeps its payload', async () => {
    await notes.update({ ids: ['b'], metadatas: [{ seen: true }] })
    await client.setRetention({ history: { versions: 1 } })
    await client.vacuum()
    const [embedding] =
      (await notes.get({ ids: ['b'], include: ['embeddings', 'documents'] })).embeddings ?? []
    expect(embedding).toEqual(Array.from(vectorOf(2)))
    expect((await notes.get({ ids: ['b'] })).documents).toEqual(['other'])
  })

  test('a store derived from the log alone answers the same after a vacuum', async () => {
    await client.setRetention({ history: { versions: 1 } })
    await client.vacuum()
    await notes.update({ ids: ['a'], documents: ['draft-five'], embeddings: [vectorOf(5)] })
    const include = ['embeddings', 'documents', 'metadatas'] as const
    const rows = (await notes.get({ include: [...include] })).rows()
    await client.close()
    for (const name of readdirSync(folder))
      if (name !== 'log') rmSync(join(folder, name), { recursive: true })
    client = open()
    notes = await client.getCollection({ name: 'notes' })
    expect((await notes.get({ include: [...include] })).rows()).toEqual(rows)
    await expect(notes.asOf(4).count()).rejects.toMatchObject({ code: 'history_truncated' })
    expect((await notes.asOf(6).get({ ids: ['a'] })).documents).toEqual(['draft-four'])
    expect(filesHolding(folder, 'draft-one')).toBe(0)
  })

  test.each([
    [{ history: 'sometimes' }, 'retention.history'],
    [{ history: { days: -1 } }, 'retention.history.days'],
    [{ history: { versions: 0 } }, 'retention.history.versions'],
    [{ history: { versions: 1, days: 1 } }, 'retention.history'],
    [{ keep: 1 }, 'retention'],
  ])('refuses %j', async (rule, place) => {
    await expect(client.setRetention(rule as never)).rejects.toThrow(place)
  })
})

describe('tags', () => {
  test('name points, are listed, and can be taken away', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'annals-tags-'))
    let client = new PersistentClient({ path: folder })
    const notes = await client.createCollection({ name: 'notes' })
    await notes.add({ ids: ['a'], embeddings: [[1, 2]] })
    await client.tag('first', 2)
    await notes.add({ ids: ['b'], embeddings: [[3, 4]] })
    expect(await notes.asOf('first').count()).toBe(1)
    expect(await (await client.asOf('first').getCollection({ name: 'notes' })).count()).toBe(1)
    await expect(client.tag('first', 1)).rejects.toMatchObject({ code: 'tag_exists' })
    await expect(notes.asOf('unknown').count()).rejects.toMatchObject({ code: 'tag_not_found' })
    await expect(client.tag('future', 99)).rejects.toMatchObject({ code: 'position_not_reached' })
    await client.close()
    client = new PersistentClient({ path: folder })
    expect(await client.listTags()).toEqual([{ name: 'first', position: 2 }])
    await client.deleteTag('first')
    expect(await client.listTags()).toEqual([])
    await expect(client.deleteTag('first')).rejects.toMatchObject({ code: 'tag_not_found' })
    await client.close()
    rmSync(folder, { recursive: true, force: true })
  })
})
