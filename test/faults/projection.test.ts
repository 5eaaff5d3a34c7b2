/** The metadata is derived: it may be lost, old, behind, or fail for a while, and the answers stay right. */
import { cpSync, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { validateRecords } from '../../src/commands/validate.ts'
import { systemEnv } from '../../src/env.ts'
import { PersistentClient } from '../../src/index.ts'
import { DiskMedium } from '../../src/log/disk-medium.ts'
import { Store } from '../../src/store.ts'
import { addOf, openOn } from '../log/support.ts'
import { answersOf } from './children/answers.js'
import { digestOf, fillStore, Workplace } from './support.ts'

const work = new Workplace()
afterAll(() => work.cleanUp())

describe('metadata', () => {
  let source: string
  let expected: string
  let path: string

  beforeAll(async () => {
    source = work.folder()
    await fillStore(source)
    expected = digestOf(await answersOf(work.copy(source)))
  })

  beforeEach(() => {
    path = work.copy(source)
  })

  test.each([
    ['that is lost', () => rmSync(join(path, 'metadata.sqlite3')), /missing/],
    ['that is lost with its digests', () => loseAll(), null],
    ['whose digests are lost', () => rmSync(join(path, 'metadata.digests')), /digests are missing/],
  ])('%s is derived again', async (_, lose, reason) => {
    lose()
    await expectReplaced(reason)
  })

  test('of another schema is derived again', async () => {
    const store = await Store.openFolder(path, { diskReserveBytes: 0 })
    store.metadata.db.pragma('user_version = 99')
    store.metadata.db.exec('DELETE FROM records')
    await store.close()
    await expectReplaced(/schema has version 99/)
  })

  test('that belongs to another log is derived again when the log may be given up, and refused else', async () => {
    const other = work.folder()
    const client = new PersistentClient({ path: other })
    await client.createCollection({ name: 'other', embeddingFunction: null })
    await client.close()
    rmSync(join(path, 'log'), { recursive: true })
    cpSync(join(other, 'log'), join(path, 'log'), { recursive: true })
    await expect(answersOf(path)).rejects.toMatchObject({ code: 'log_tail_lost' })
    const answers = await answersOf(path, { recovery: 'point-in-time' })
    expect(Object.keys(answers.collections)).toEqual(['other'])
  })

  test('that is behind the log catches up, without being replaced', async () => {
    const store = await Store.openFolder(path, { diskReserveBytes: 0 })
    const id = store.catalog.liveCollections()[0]!.id
    const label = store.catalog.liveCollections()[0]!.next_label
    await store.close()
    // What a process does that dies between its log and its metadata.
    const log = await openOn(new DiskMedium(join(path, 'log'), { reserveBytes: 0, env: systemEnv }))
    const { head, committedAt } = log
    for (let first = head + 1; first <= head + 3000; first += 1500) {
      const commit = {
        first,
        count: 1500,
        committedAt,
        actor: null,
        reason: null,
        idempotencyKey: `key ${first}`,
      }
      await log.append(
        Array.from({ length: 1500 }, (_, index) => {
          const record = addOf(first + index, commit)
          record.state!.vector = new Float32Array(8).fill(first + index)
          return { ...record, collection: id, label: label + first + index - head - 1 }
        }),
      )
    }
    await log.close()
    const progress: number[] = []
    const behind = await Store.openFolder(path, {
      diskReserveBytes: 0,
      onProgress: ({ position }) => progress.push(position),
    })
    expect(behind.report.metadataReplaced).toBe(null)
    expect(behind.projector.position).toBe(head + 3000)
    expect(progress.at(-1)).toBe(head + 3000)
    // Never a part of a commit.
    for (const position of progress) expect((position - head) % 1500).toBe(0)
    const [{ tenant, database } = { tenant: '', database: '' }] = behind.catalog.liveCollections()
    const remembered = behind.catalog.rememberedKey({ tenant, database }, `key ${head + 1}`)
    expect(remembered).toMatchObject({ first: head + 1, count: 1500 })
    await behind.close()
  })

  async function expectReplaced(reason: RegExp | null): Promise<void> {
    const client = new PersistentClient({ path, diskReserveBytes: 0 })
    const { metadataReplaced } = (await client.stats()).recovery
    if (reason === null) expect(metadataReplaced).toBe(null)
    else expect(metadataReplaced).toMatch(reason)
    await client.close()
    expect(digestOf(await answersOf(path))).toBe(expected)
  }

  function loseAll(): void {
    for (const name of ['metadata.sqlite3', 'metadata.digests']) rmSync(join(path, name))
  }
})

describe('a projection that fails', () => {
  test('leaves the write durable, and the next one catches up', async () => {
    const path = work.folder()
    const store = await Store.openFolder(path, { diskReserveBytes: 0 })
    const { collection } = await store.writer.submit({
      command: {
        kind: 'create-collection',
        tenant: 'default_tenant',
        database: 'default_database',
        name: 'notes',
        metadata: null,
        configuration: { hnsw: { ...hnsw }, embedding_function: null },
        getOrCreate: false,
      },
      options: {},
    })
    const add = (id: string) =>
      store.writer.submit({
        command: {
          kind: 'add',
          collection: collection!,
          records: validateRecords('add', { ids: [id], embeddings: [[1, 2]] }),
        },
        options: { idempotencyKey: id },
      })
    await add('before')
    const { db } = store.metadata
    db.exec(`CREATE TEMP TRIGGER fails BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'disk gone'); END`)
    await expect(add('during')).rejects.toMatchObject({ code: 'projection_failed', fate: 'durable' })
    const second = add('refused')
    await expect(second).rejects.toMatchObject({ code: 'projection_failed', fate: 'not_written' })
    expect(store.log.head).toBe(3)
    expect(await store.reader.count(collection!, null)).toBe(1)
    db.exec('DROP TRIGGER fails')
    // Repeating it is safe all the same: its key is known once it is readable.
    expect((await add('during')).receipt).toMatchObject({ position: 3, count: 1 })
    expect((await add('after')).receipt.position).toBe(4)
    expect(await store.reader.count(collection!, null)).toBe(3)
    await store.close()
    const { collections } = (await answersOf(path)) as {
      collections: Record<string, { all: { ids: string[] } }>
    }
    expect(collections.notes?.all.ids).toEqual(['before', 'during', 'after'])
  })
})

describe('a metadata file', () => {
  test('that another program has open is served on', async () => {
    const path = work.folder()
    const client = new PersistentClient({ path })
    const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
    const viewer = new Database(join(path, 'metadata.sqlite3'), { readonly: true })
    const rows = viewer.prepare('SELECT count(*) AS n FROM records')
    for (let n = 0; n < 5; n++) {
      await notes.add({ ids: [`${n}`], embeddings: [[n]] })
      await client.flush()
      expect(rows.get()).toEqual({ n: n + 1 })
    }
    viewer.close()
    await client.close()
    expect(existsSync(join(path, 'metadata.sqlite3-wal'))).toBe(false)
  })
})

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
