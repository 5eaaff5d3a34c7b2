import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { PersistentClient } from '../../src/index.ts'

/** Care for a store that is written to, or has just failed to apply a write. */
describe('beside writes', () => {
  let path: string
  let client: PersistentClient

  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'annals-beside-'))
    client = new PersistentClient({ path })
  })

  afterEach(async () => {
    await client.close()
    rmSync(path, { recursive: true, force: true })
  })

  const columns = (prefix: string, count: number) => ({
    ids: Array.from({ length: count }, (_, n) => `${prefix}-${n}`),
    embeddings: Array.from({ length: count }, (_, n) => [n, 1, 2, 3]),
    documents: Array.from({ length: count }, (_, n) => `${prefix} ${n} ${'text '.repeat(20)}`),
  })

  test('verify is clean, and the head that stats tells can be read', async () => {
    const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
    let isDone = false
    const writing = Promise.all(
      Array.from({ length: 18 }, (_, write) => notes.upsert(columns(`w${write}`, 100))),
    ).finally(() => {
      isDone = true
    })
    let checks = 0
    for (; !isDone; checks++) {
      await nextTurn()
      expect((await client.verify({ level: 'quick' })).findings).toEqual([])
      const { head } = await client.stats()
      await client.asOf(head).listCollections()
    }
    await writing
    expect(checks).toBeGreaterThan(2)
  })

  test('a repair after a write that could not be applied leaves a store that takes the next one', async () => {
    const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
    await notes.add(columns('before', 3))
    const other = new Database(join(path, 'metadata.sqlite3'))
    other.pragma('wal_autocheckpoint = 0')
    other.exec("CREATE TRIGGER stop BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'staged'); END")
    await expect(notes.add(columns('failed', 3))).rejects.toMatchObject({
      code: 'projection_failed',
      fate: 'durable',
    })
    other.exec('DROP TRIGGER stop')
    other.close()
    expect(await client.repair()).toMatchObject({ ok: true, remaining: [] })
    await notes.add(columns('after', 3))
    expect(await notes.count()).toBe(9)
    expect((await client.verify({ level: 'deep' })).findings).toEqual([])
  })

  test('a merge whose old files cannot be removed answers queries all the same', async () => {
    const configuration = { hnsw: { sync_threshold: 300, batch_size: 100 } }
    const notes = await client.createCollection({ name: 'notes', embeddingFunction: null, configuration })
    for (const round of [1, 2]) {
      await notes.add(columns(`round${round}`, 400))
      await client.flush()
    }
    const [folder] = readdirSync(join(path, 'segments'))
    const files = readdirSync(join(path, 'segments', folder!))
    expect(files.length).toBeGreaterThan(1)
    const nearest = () => notes.query({ queryEmbeddings: [[7, 1, 2, 3]], nResults: 2 })
    const before = await nearest()
    // In the place of each file stands what `rm` refuses.
    for (const file of files) {
      rmSync(join(path, 'segments', folder!, file))
      mkdirSync(join(path, 'segments', folder!, file))
    }
    const warned = new Promise((resolve) => process.once('warning', resolve))
    const report = Object.values(await client.compact())[0]
    expect(report?.segments).toMatchObject({ after: 1 })
    expect(String(await warned)).toContain('still stands there')
    expect(await nearest()).toEqual(before)
  })
})
