/**
 * Verification and repair: sound stores have no finding; each kind of damage, done behind the store's back, is
 * named with its place; what is derived is put right while the store is open, and what is not is said.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { Level } from 'level'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Collection } from '../../src/client/collection-api.ts'
import { PersistentClient } from '../../src/client/persistent-client.ts'
import { recordKey } from '../../src/format/keys.ts'
import { sha256 } from '../../src/format/sha256.ts'
import type { Finding, VerifyProgress } from '../../src/maintenance/findings.ts'
import { Stores, seeded } from './support.ts'

const stores = new Stores()
afterEach(() => stores.release())

const dimension = 4

interface Opened {
  client: PersistentClient
  notes: Collection
  path: string
}

/** A closed store with sealed segments, updates, deletes, documents, arrays, other databases, a deleted collection. */
let template: string

beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), 'annals-verify-'))
  const client = new PersistentClient({ path: template })
  const random = seeded(7)
  const notes = await client.createCollection({
    name: 'notes',
    configuration: { hnsw: { space: 'cosine', sync_threshold: 100, batch_size: 50, num_threads: 1 } },
    embeddingFunction: null,
  })
  for (let from = 0; from < 400; from += 100) {
    const ids = Array.from({ length: 100 }, (_, index) => `n${from + index}`)
    await notes.add({
      ids,
      embeddings: ids.map(() => Array.from({ length: dimension }, random)),
      documents: ids.map((id, index) => (index % 3 === 0 ? null : `document of ${id} über alles`)),
      metadatas: ids.map((id, index) => ({
        index,
        half: index / 2,
        odd: index % 2 === 1,
        id,
        tags: ['t', id],
      })),
    })
  }
  await notes.update({
    ids: ['n1', 'n2'],
    documents: ['other', 'words'],
    metadatas: [{ index: null }, { new: 1 }],
  })
  await notes.update({ ids: ['n3'], embeddings: [[1, 0, 0, 0]] }, { idempotencyKey: 'k1' })
  await notes.delete({ where: { index: 5 } })
  await client.createCollection({ name: 'gone', embeddingFunction: null })
  await client.deleteCollection({ name: 'gone' })
  await client.createDatabase({ name: 'second' })
  await client.createTenant({ name: 'acme' })
  await notes.modify({ metadata: { about: 'all' } })
  await client.flush()
  await client.close()
})
afterAll(() => rmSync(template, { recursive: true, force: true }))

/** A copy of that store, open. */
async function busyStore(): Promise<Opened> {
  const path = stores.folder()
  cpSync(template, path, { recursive: true })
  const client = stores.persistent(path)
  return { client, notes: await client.getCollection({ name: 'notes', embeddingFunction: null }), path }
}

function codes(findings: readonly Finding[]): string[] {
  return [...new Set(findings.map(({ code }) => code))].sort()
}

/** Changes the live tables through another connection, as an editor of SQLite files would. */
function tamper(path: string, sql: string, ...parameters: unknown[]): void {
  const db = new Database(join(path, 'metadata.sqlite3'))
  db.prepare(sql).run(...parameters)
  db.close()
}

describe('a sound store', () => {
  test('has no finding at any level, in memory and on disk, before and after it is opened again', async () => {
    const { client, path } = await busyStore()
    for (const level of ['quick', 'full', 'deep'] as const) {
      const result = await client.verify({ level })
      expect(result).toMatchObject({ ok: true, level, findings: [] })
    }
    const { checked } = await client.verify({ level: 'deep' })
    const { head } = await client.stats()
    expect(checked.operations).toBe(head)
    expect(checked.rows).toBeGreaterThan(2000)
    expect(checked.terms).toBeGreaterThan(20)
    expect(checked.segments).toBeGreaterThan(0)
    expect(checked.vectors).toBeGreaterThanOrEqual(300)
    await client.close()
    const again = stores.persistent(path)
    expect(await again.verify({ level: 'deep' })).toMatchObject({ ok: true, findings: [], checked })
    const memory = stores.memory()
    expect(await memory.verify({ level: 'deep' })).toMatchObject({ ok: true, findings: [] })
  })

  test('is verified while it is written to', async () => {
    const { client, notes } = await busyStore()
    const results = []
    let writesInAll = 0
    for (let round = 0; round < 3 || writesInAll < 30; round++) {
      const verifying = client.verify({ level: 'deep' })
      let writes = 0
      let done = false
      void verifying.finally(() => {
        done = true
      })
      while (!done) {
        const ids = [`w${writes % 50}`, `x${round}-${writes}`]
        await notes.upsert({ ids, embeddings: ids.map(() => [writes, 1, 2, 3]), documents: ids })
        if (writes % 7 === 0) await notes.delete({ ids: [`w${(writes + 9) % 50}`] })
        writes += 1
      }
      writesInAll += writes
      results.push(await verifying)
    }
    for (const { findings } of results)
      expect(findings.filter(({ severity }) => severity !== 'info')).toEqual([])
  })

  test('reports its progress, and stops when it is told to', async () => {
    const { client } = await busyStore()
    const steps: VerifyProgress[] = []
    await client.verify({ level: 'deep', onProgress: (progress) => steps.push(progress) })
    expect(new Set(steps.map(({ step }) => step))).toEqual(new Set(['log', 'metadata', 'segments']))
    expect(steps.at(-1)!.done).toBe(steps.at(-1)!.total)
    const stop = new AbortController()
    const stopped = client.verify({
      level: 'deep',
      signal: stop.signal,
      onProgress: ({ step }) => step === 'metadata' && stop.abort(new Error('enough')),
    })
    await expect(stopped).rejects.toThrow('enough')
    await expect(client.verify({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    await expect(client.verify({ level: 'thorough' as 'deep' })).rejects.toMatchObject({
      code: 'invalid_argument',
    })
  })
})

test('a verification whose store is closed meanwhile says so', async () => {
  const { client } = await busyStore()
  const steps: string[] = []
  const verifying = client.verify({
    level: 'deep',
    onProgress: ({ step }) => {
      if (step === 'metadata' && !steps.includes(step)) void client.close()
      steps.push(step)
    },
  })
  await expect(verifying).rejects.toMatchObject({ code: 'store_closed' })
})

describe('rows that were changed behind the store', () => {
  const one = "(SELECT added FROM records WHERE id = 'n43')"
  test.each([
    ['a document', 'UPDATE records SET document = ? WHERE id = ?', ['lies', 'n43'], 'row_differs', 'records'],
    ['metadata', "UPDATE records SET metadata = '{}' WHERE id = 'n43'", [], 'row_differs', 'records'],
    ['a label', "UPDATE records SET label = 3999 WHERE id = 'n43'", [], 'row_differs', 'records'],
    ['a record that is gone', "DELETE FROM records WHERE id = 'n43'", [], 'row_missing', 'records'],
    [
      'a record that never was',
      "INSERT INTO records SELECT added + 100000, collection, 'x', 777, position, vector_at, 0, NULL, NULL, NULL FROM records WHERE id = 'n43'",
      [],
      'row_unexpected',
      'records',
    ],
    [
      'an indexed value',
      `UPDATE record_metadata SET int_value = 7 WHERE key = 'index' AND record = ${one}`,
      [],
      'row_differs',
      'record_metadata',
    ],
    [
      'a value that is gone',
      `DELETE FROM record_metadata WHERE key = 'half' AND record = ${one}`,
      [],
      'row_missing',
      'record_metadata',
    ],
    [
      'an array element',
      `DELETE FROM record_metadata_array WHERE element = 1 AND record = ${one}`,
      [],
      'row_missing',
      'record_metadata_array',
    ],
    [
      'a version of the past',
      "UPDATE record_versions SET died = died + 100000 WHERE id = 'n3'",
      [],
      'row_missing',
      'record_versions',
    ],
    [
      'a collection',
      "UPDATE collections SET live_records = 7 WHERE name = 'notes'",
      [],
      'row_differs',
      'collections',
    ],
    [
      'a collection of the past',
      "UPDATE collection_versions SET name = 'never'",
      [],
      'row_differs',
      'collection_versions',
    ],
    ['a tenant', "DELETE FROM tenants WHERE name = 'acme'", [], 'row_missing', 'tenants'],
    ['a database', "UPDATE databases SET name = 'third'", [], 'row_differs', 'databases'],
    ['an idempotency key', 'DELETE FROM idempotency_keys', [], 'row_missing', 'idempotency_keys'],
    ['the checkpoint', "UPDATE checkpoints SET root = x'00'", [], 'checkpoint_mismatch', 'checkpoints'],
    ['full text', `DELETE FROM documents_fts WHERE rowid = ${one}`, [], 'fulltext_differs', 'documents_fts'],
    [
      'full text of nothing',
      "INSERT INTO documents_fts (rowid, document) VALUES (1, 'ghost')",
      [],
      'fulltext_differs',
      'documents_fts',
    ],
  ])('%s: found by a deep verification, and put right', async (_, sql, parameters, code, table) => {
    const { client, notes, path } = await busyStore()
    const before = await notes.get({ include: ['documents', 'embeddings', 'metadatas'] })
    const found = await notes.get({ whereDocument: { $contains: 'ment of n43' } })
    tamper(path, sql, ...parameters)
    const told = await client.verify({ level: 'deep' })
    expect(told.ok).toBe(false)
    expect(told.findings.filter((one) => one.code === code && one.where.startsWith(table))).not.toEqual([])

    const { ok, repaired, remaining } = await client.repair()
    expect({ ok, remaining }).toEqual({ ok: true, remaining: [] })
    expect(repaired.length).toBeGreaterThan(0)
    expect(await notes.get({ include: ['documents', 'embeddings', 'metadatas'] })).toEqual(before)
    expect(await notes.get({ whereDocument: { $contains: 'ment of n43' } })).toEqual(found)
    expect((await notes.query({ queryEmbeddings: [[1, 0, 0, 0]], nResults: 1 })).ids).toEqual([['n3']])
    await client.close()
    expect(await stores.persistent(path).verify({ level: 'deep' })).toMatchObject({ ok: true, findings: [] })
  })

  test('many rows at once are counted, not all told, and all put right', async () => {
    const { client, path } = await busyStore()
    tamper(path, "UPDATE records SET document = 'same'")
    const { findings } = await client.verify({ level: 'deep' })
    expect(codes(findings)).toEqual(['more_of_these', 'row_differs'])
    expect(findings.length).toBeLessThan(110)
    expect(await client.repair()).toMatchObject({ ok: true, remaining: [] })
  })

  test('the checkpoint is looked at by the quickest verification', async () => {
    const { client, path } = await busyStore()
    tamper(path, 'UPDATE checkpoints SET position = position - 1')
    expect(codes((await client.verify({ level: 'quick' })).findings)).toEqual(['checkpoint_mismatch'])
    tamper(path, "UPDATE checkpoints SET position = position + 1, store_id = 'other'")
    expect(codes((await client.verify({ level: 'quick' })).findings)).toEqual(['checkpoint_mismatch'])
    tamper(path, 'DELETE FROM checkpoints')
    expect(codes((await client.verify({ level: 'quick' })).findings)).toEqual(['checkpoint_mismatch'])
  })
})

describe('segment files', () => {
  function segmentFiles(path: string): string[] {
    const folder = join(path, 'segments')
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.hnsw'))
      .map((name) => join(folder, name))
  }

  async function expectRepaired({
    client,
    notes,
  }: {
    client: PersistentClient
    notes: Collection
  }): Promise<void> {
    const query = { queryEmbeddings: [[1, 0, 0, 0]], nResults: 1 }
    expect(await client.repair()).toMatchObject({ ok: true, remaining: [] })
    expect((await notes.query(query)).ids).toEqual([['n3']])
    expect(await client.verify({ level: 'deep' })).toMatchObject({ ok: true, findings: [] })
  }

  test('missing: found by any verification, and built again', async () => {
    const store = await busyStore()
    const [file] = segmentFiles(store.path)
    rmSync(file!)
    const { findings } = await store.client.verify({ level: 'quick' })
    expect(codes(findings)).toEqual(['segment_missing'])
    expect(findings[0]!.where).toMatch(/^segments\/.*\.hnsw$/)
    await expectRepaired(store)
  })

  test('cut off, or with a flipped bit', async () => {
    const store = await busyStore()
    const [file] = segmentFiles(store.path)
    const bytes = readFileSync(file!)
    writeFileSync(file!, bytes.subarray(0, -4))
    expect(codes((await store.client.verify({ level: 'quick' })).findings)).toEqual(['segment_damaged'])
    const flipped = Buffer.from(bytes)
    flipped[bytes.length >> 1]! ^= 1
    writeFileSync(file!, flipped)
    for (const level of ['quick', 'full'] as const)
      expect(codes((await store.client.verify({ level })).findings)).toEqual(['segment_damaged'])
    await expectRepaired(store)
  })

  test('with another vector, and a manifest that agrees with it: only a deep verification can know', async () => {
    const store = await busyStore()
    const [file] = segmentFiles(store.path)
    const bytes = readFileSync(file!)
    const vectorOffset = Number(bytes.readBigUInt64LE(40))
    bytes.writeFloatLE(0.25, 96 + vectorOffset)
    writeFileSync(file!, bytes)
    const name = file!.slice(join(store.path, 'segments').length + 1)
    tamper(store.path, 'UPDATE segments SET digest = ? WHERE file = ?', sha256(bytes), name)
    expect(await store.client.verify({ level: 'full' })).toMatchObject({ ok: true })
    const { findings } = await store.client.verify({ level: 'deep' })
    expect(findings.map(({ code, where }) => [code, where])).toEqual([['vector_differs', `segments/${name}`]])
    await expectRepaired(store)
  })

  test('that the manifest does not name are told, as nothing bad', async () => {
    const { client, path } = await busyStore()
    writeFileSync(join(path, 'segments', 'stray.hnsw'), 'x')
    const { ok, findings } = await client.verify({ level: 'quick' })
    expect([ok, codes(findings)]).toEqual([true, ['file_unnamed']])
  })

  test('whose ranges overlap', async () => {
    const { client, path } = await busyStore()
    tamper(
      path,
      'UPDATE segments SET next_label = next_label + 5000 WHERE id = (SELECT min(id) FROM segments)',
    )
    const { findings } = await client.verify({ level: 'quick' })
    expect(codes(findings)).toContain('segment_misplaced')
  })
})

describe('the log', () => {
  /** Changes a frame in the closed log; enough follows it that opening does not read that far back. */
  async function damage(
    path: string,
    position: number,
    change: (bytes: Buffer) => Buffer | null,
  ): Promise<void> {
    const db = new Level<Buffer, Buffer>(join(path, 'log'), {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
    })
    await db.open()
    const value = change(Buffer.from((await db.get(recordKey(position)))!))
    if (value === null) await db.del(recordKey(position))
    else await db.put(recordKey(position), value)
    await db.close()
  }

  async function longLog(): Promise<string> {
    const { client, notes, path } = await busyStore()
    const ids = Array.from({ length: 10 }, (_, index) => `big${index}`)
    const text = 'x'.repeat(1_000_000)
    await notes.add({ ids, embeddings: ids.map(() => [1, 1, 1, 1]), documents: ids.map(() => text) })
    await client.close()
    return path
  }

  test('with flipped bits and a record missing: each one named, nothing repaired that rests on it', async () => {
    const path = await longLog()
    await damage(path, 17, (bytes) => {
      bytes[bytes.length - 1]! ^= 4
      return bytes
    })
    await damage(path, 18, (bytes) => {
      bytes[40]! ^= 1
      return bytes
    })
    await damage(path, 100, () => null)
    const client = stores.persistent(path)
    expect((await client.verify({ level: 'quick' })).ok).toBe(true)
    for (const level of ['full', 'deep'] as const) {
      const { ok, findings } = await client.verify({ level })
      expect(ok).toBe(false)
      expect(findings.filter(({ code }) => code === 'frame_damaged').map(({ where }) => where)).toEqual([
        'position 17',
        'position 18',
        'position 100',
      ])
    }
    const { ok, repaired, remaining } = await client.repair()
    expect([ok, repaired]).toEqual([false, []])
    expect(remaining.find(({ where }) => where === 'position 17')!.hint).toMatch(/backup/)
  })

  test('with a record that was written anew, digests and all: the tree does not vouch for it', async () => {
    const path = await longLog()
    const { decodeFrame, encodeFrame } = await import('../../src/format/operation-record.ts')
    await damage(path, 17, (bytes) => {
      const { record } = decodeFrame(17, bytes)
      const commit = { ...record.commit, actor: 'nobody' }
      return encodeFrame({ ...record, commit }, Buffer.alloc(16)).bytes
    })
    const client = stores.persistent(path)
    const { findings } = await client.verify({ level: 'full' })
    expect(codes(findings)).toEqual(['commit_broken', 'root_mismatch'])
    expect(findings.find(({ code }) => code === 'commit_broken')!.where).toBe('position 17')
  })

  test('that was salvaged is sound again, but for what was lost', async () => {
    const path = await longLog()
    for (const position of [4, 17, 405]) await damage(path, position, () => null)
    const client = new PersistentClient({ path, recovery: 'salvage' })
    await client.open()
    await client.flush()
    const { ok, findings } = await client.verify({ level: 'deep' })
    await client.close()
    expect(findings.map(({ code, where }) => [code, where])).toEqual([
      ['metadata_replaced', 'metadata.sqlite3'],
      ['record_lost', 'position 4'],
      ['record_lost', 'position 17'],
      ['record_lost', 'position 405'],
    ])
    expect(ok).toBe(true)
  })
})
