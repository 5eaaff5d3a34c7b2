/**
 * Migration of formats: a store of every old format opens, holds what it held, and its folder is kept.
 */
import { cpSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Level } from 'level'
import { describe, expect, test } from 'vitest'
import { encodeStoreRecord } from '../../src/format/head-record.ts'
import { type AnnalsError, PersistentClient } from '../../src/index.ts'
import { contentOf, fixture, open, temporary } from './support.ts'

const expected = JSON.parse(
  readFileSync(join(import.meta.dirname, '../fixtures/format-0/expected.json'), 'utf8'),
) as { storeId: string; head: number; notes: number; papers: number }

async function notesOf(client: PersistentClient) {
  return client.getCollection({ name: 'notes', embeddingFunction: null })
}

async function expectMigrated(client: PersistentClient): Promise<void> {
  const { storeId, epoch, head } = await client.stats()
  expect({ storeId, epoch, head }).toEqual({ storeId: expected.storeId, epoch: 1, head: expected.head })
  expect(await (await notesOf(client)).count()).toBe(expected.notes)
}

describe('a store in format 0', () => {
  test('is opened, and everything it held is there', async () => {
    const path = fixture('format-0')
    const client = open(path)
    await expectMigrated(client)
    const notes = await notesOf(client)
    expect(notes.configuration.hnsw.space).toBe('cosine')
    const ids = ['note-0', 'note-1', 'note-2', 'note-3', 'note-4', 'note-7']
    const { rows } = { rows: await notes.get({ ids, include: ['documents', 'metadatas', 'embeddings'] }) }
    expect(rows.ids).toEqual(['note-0', 'note-1', 'note-2', 'note-7', 'note-3'])
    expect(rows.documents).toEqual([
      null,
      'Note 1: größer 🌱 "quoted"\nsecond line',
      'rewritten',
      'Note 7: größer 🌱 "quoted"\nsecond line',
      'back again',
    ])
    expect(rows.metadatas![1]).toEqual({ topic: 'changed' })
    expect(rows.embeddings![2]).toEqual([0, -1, 0.5, 0.25])
    const found = await notes.query({ queryEmbeddings: [[0, -1, 0.5, 0.25]], nResults: 1 })
    expect(found.ids).toEqual([['note-2']])
    const scope = { path, tenant: 'acme', database: 'archive' }
    const acme = new PersistentClient(scope)
    const papers = await acme.getCollection({ name: 'papers', embeddingFunction: null })
    expect(await papers.get()).toMatchObject({
      ids: ['paper'],
      metadatas: [{ pages: 12.5, tags: ['a', 'b'] }],
    })
    await acme.close()
  })

  test('keeps its history: who, when and why, and what was there', async () => {
    const client = open(fixture('format-0'))
    const notes = await notesOf(client)
    const versions = []
    for await (const version of notes.history('note-2')) versions.push(version)
    expect(versions.map(({ type, actor, reason }) => ({ type, actor, reason }))).toEqual([
      { type: 'add', actor: 'import', reason: 'batch 0' },
      { type: 'update', actor: 'bob', reason: 'rewrite' },
    ])
    expect(versions[0]!.committedAt).toEqual(new Date(Date.UTC(2026, 0, 5, 9, 5, 0)))
    const past = await notes.asOf(versions[0]!.position + 10).get({ ids: ['note-2', 'note-3'] })
    expect(past.documents).toEqual(['Note 2: größer 🌱 "quoted"\nsecond line', null])
    // What format 0 logged again although it had not changed is not logged again here.
    const log = (await client.store()).log
    const update = await log.read(expected.head - 8)
    expect(update).toMatchObject({
      type: 'update',
      recordId: 'note-1',
      state: { vector: null, document: null },
    })
  })

  test('is kept beside, byte for byte in its log, and can be put back', async () => {
    const path = fixture('format-0')
    const client = open(path)
    await client.open()
    const kept = `${path}.format-0`
    expect(existsSync(join(kept, 'expected.json'))).toBe(true)
    expect(existsSync(`${path}.migrating`)).toBe(false)
    await client.close()
    cpSync(kept, join(path, '../back'), { recursive: true })
    await expectMigrated(open(join(path, '../back')))
    // A second migration of the same folder would overwrite what the first one kept.
    rmSync(path, { recursive: true })
    cpSync(kept, path, { recursive: true })
    await expect(open(path).open()).rejects.toMatchObject({ code: 'store_exists' })
  })

  test('is migrated once: after that the store is an ordinary one', async () => {
    const path = fixture('format-0')
    await open(path).close()
    const first = open(path)
    await (await notesOf(first)).add({ ids: ['new'], embeddings: [[1, 2, 3, 4]] })
    const content = await contentOf(first)
    await first.close()
    rmSync(`${path}.format-0`, { recursive: true })
    expect(await contentOf(open(path))).toEqual(content)
    expect(existsSync(`${path}.format-0`)).toBe(false)
  })

  test('that is damaged is refused, and left as it is', async () => {
    const path = fixture('format-0')
    const db = new Level<Buffer, Buffer>(join(path, 'log'), {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
    })
    const key = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 100])
    const value = Buffer.from((await db.get(key))!)
    value[100]! ^= 1
    await db.put(key, value)
    await db.close()
    await expect(open(path).open()).rejects.toMatchObject({ code: 'log_damaged' })
    expect(existsSync(`${path}.format-0`)).toBe(false)
    expect(existsSync(join(path, 'expected.json'))).toBe(true)
  })

  test('whose migration ended between its two renames is completed', async () => {
    const path = fixture('format-0')
    await open(path).close()
    const client = open(path)
    await client.open()
    await client.close()
    renameSync(path, `${path}.migrating`)
    await expectMigrated(open(path))
  })
})

test('a store in a newer format is refused, with its version', async () => {
  const path = join(temporary(), 'store')
  const client = new PersistentClient({ path })
  await client.open()
  await client.close()
  const db = new Level<Buffer, Buffer>(join(path, 'log'), { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  const { encodeCbor } = await import('../../src/format/cbor.ts')
  const { sha256 } = await import('../../src/format/sha256.ts')
  const record = encodeStoreRecord({ storeId: expected.storeId, epoch: 0, createdAt: 0 })
  const body = Buffer.from(encodeCbor([2, Buffer.alloc(16), 0, 0]))
  expect(record.length).toBeGreaterThan(32)
  await db.put(Buffer.from('\0store'), Buffer.concat([sha256(body), body]))
  await db.close()
  const error = (await open(path)
    .open()
    .catch((thrown: unknown) => thrown)) as AnnalsError
  expect(error.code).toBe('format_unsupported')
  expect(error.message).toContain('format 2')
  expect(existsSync(`${path}.migrating`)).toBe(false)
})
