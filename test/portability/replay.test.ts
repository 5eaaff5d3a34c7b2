/**
 * Replays: without changes the same log, with changes the same history in another shape.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  type AnnalsError,
  EphemeralClient,
  FeatureHashingEmbeddingFunction,
  type PersistentClient,
  replay,
  restore,
} from '../../src/index.ts'
import { until } from '../support/until.ts'
import { contentOf, expectSame, open, rootOf, temporary, write } from './support.ts'

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'nothing was thrown',
    (error: AnnalsError) => error.code,
  )
}

/** A store with two collections of which one was renamed, one deleted collection, and some history. */
async function library(path: string): Promise<PersistentClient> {
  const client = open(path)
  const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
  const drafts = await client.createCollection({ name: 'sketches', embeddingFunction: null })
  const gone = await client.createCollection({ name: 'gone', embeddingFunction: null })
  const by = { actor: 'ada', reason: 'import', idempotencyKey: 'import-1' }
  await notes.add(
    {
      ids: ['a', 'b', 'c'],
      embeddings: [
        [1, 0],
        [0, 1],
        [1, 1],
      ],
      documents: ['first', 'second', 'third'],
      metadatas: [{ n: 1 }, { n: 2 }, { n: 3 }],
    },
    by,
  )
  await drafts.add({ ids: ['d'], embeddings: [[3, 4]], documents: ['draft'] }, { actor: 'bob' })
  await gone.add({ ids: ['g'], embeddings: [[1, 2, 3]] })
  await notes.update({ ids: ['a'], metadatas: [{ n: 10 }] }, { actor: 'bob' })
  await notes.update({ ids: ['b'], documents: ['second, again'], embeddings: [[0, 2]] })
  await client.deleteCollection({ name: 'gone' })
  await drafts.modify({ name: 'drafts' })
  await notes.delete({ ids: ['c'] }, { reason: 'wrong' })
  return client
}

async function commitsOf(client: PersistentClient) {
  const commits = []
  for await (const { record } of (await client.store()).log.range()) {
    const { committedAt, actor, reason, idempotencyKey } = record.commit
    commits.push({ type: record.type, committedAt, actor, reason, idempotencyKey })
  }
  return commits
}

describe('a replay without changes', () => {
  test('of a store is the same log, bit for bit, in a store of its own', async () => {
    const folder = temporary()
    const source = open(join(folder, 'store'))
    await write(source, 1500, 51)
    const report = await replay(source, join(folder, 'replayed'))
    const target = open(join(folder, 'replayed'))
    expect(report).toMatchObject({ kind: 'copied', root: await rootOf(source), written: report.read })
    expect(await rootOf(target)).toBe(await rootOf(source))
    await expectSame(expect, target, source)
    const [mine, theirs] = [await target.stats(), await source.stats()]
    expect(mine.head).toBe(theirs.head)
    expect(mine.storeId).not.toBe(theirs.storeId)
  })

  test('of a backup, by path of a store, into memory, and up to a point, is the same', async () => {
    const folder = temporary()
    const source = open(join(folder, 'store'))
    await write(source, 300, 52)
    await source.backup(join(folder, 'backup'), { chunkBytesMax: 20_000 })
    const memory = new EphemeralClient()
    await replay(join(folder, 'backup'), memory)
    await expectSame(expect, memory, source)
    await memory.close()
    await replay(join(folder, 'store'), join(folder, 'by-path'), { until: 150 })
    await expectSame(expect, open(join(folder, 'by-path')), source, 150)
  })

  test('is continued where it ended, also with what is in a newer backup', async () => {
    const folder = temporary()
    const source = open(join(folder, 'store'))
    const target = join(folder, 'replayed')
    await write(source, 300, 53)
    const first = await replay(source, target)
    expect(await replay(source, target)).toMatchObject({ read: 0, position: first.position })
    await write(source, first.position + 200, 54)
    await source.backup(join(folder, 'backup'))
    const second = await replay(join(folder, 'backup'), target)
    expect(second.read).toBe(second.position - first.position)
    await expectSame(expect, open(target), source)
  })

  test('follows its source until it is stopped', async () => {
    const folder = temporary()
    const source = open(join(folder, 'store'))
    const standby = open(join(folder, 'standby'))
    await write(source, 200, 55)
    const stop = new AbortController()
    const following = replay(source, standby, { follow: true, signal: stop.signal })
    await write(source, 600, 56)
    const { head } = await source.stats()
    await until(async () => (await standby.stats()).head === head)
    await expectSame(expect, standby, source)
    stop.abort()
    const report = await following
    expect(report).toMatchObject({ kind: 'copied', root: await rootOf(source) })
    expect(report.source.position).toBe((await source.stats()).head)
    await write(source, report.position + 100, 57)
    await replay(source, standby)
    expect(await rootOf(standby)).toBe(await rootOf(source))
  })

  test('follows a backup that grows, and ends when its source is closed', async () => {
    const folder = temporary()
    const source = open(join(folder, 'store'))
    await write(source, 100, 58)
    await source.backup(join(folder, 'backup'))
    const standby = open(join(folder, 'standby'))
    const stop = new AbortController()
    const following = replay(join(folder, 'backup'), standby, { follow: true, signal: stop.signal })
    await write(source, 300, 59)
    await source.backup(join(folder, 'backup'))
    const head = (await source.stats()).head
    await until(async () => (await standby.stats()).head === head)
    stop.abort()
    await following
    await expectSame(expect, standby, source)
    let reached = 0
    const second = replay(source, join(folder, 'second'), {
      follow: true,
      onProgress: ({ position }) => {
        reached = position
      },
    })
    await until(() => reached === head)
    await source.close()
    expect((await second).position).toBe(head)
  })
})

describe('what was erased', () => {
  test('is taken out of a standby and of a restored store, too, and is not carried over by a replay', async () => {
    const folder = temporary()
    const source = await library(join(folder, 'store'))
    await replay(source, join(folder, 'standby'))
    await source.backup(join(folder, 'backup'))
    await source.erase({ collection: 'notes', ids: ['b'] }, { actor: 'ada', reason: 'asked for' })
    await replay(source, join(folder, 'standby'))
    await source.backup(join(folder, 'backup'))
    await restore(join(folder, 'backup'), { path: join(folder, 'restored') })
    for (const path of ['standby', 'restored']) {
      const copy = open(join(folder, path))
      expect(await rootOf(copy)).toBe(await rootOf(source))
      const erased = []
      for await (const { record } of (await copy.store()).log.range())
        if ('recordId' in record && record.recordId === 'b') erased.push(record.state)
      expect(erased).toEqual([null, null, null].slice(0, erased.length))
      await expectSame(expect, copy, source)
    }
    await replay(source, join(folder, 'replayed'), { configuration: { hnsw: { ef_search: 50 } } })
    const kept = await open(join(folder, 'replayed')).getCollection({
      name: 'notes',
      embeddingFunction: null,
    })
    expect((await kept.get()).ids).toEqual(['a'])
  })
})

describe('a replay into a target that does not fit', () => {
  test('is refused: another store, another source, a changed kind, somebody else’s writes', async () => {
    const folder = temporary()
    const source = await library(join(folder, 'store'))
    const other = open(join(folder, 'other'))
    await write(other, 50, 60)
    expect(await codeOf(replay(source, other))).toBe('store_exists')
    expect(await codeOf(replay(source, source))).toBe('invalid_argument')
    const target = open(join(folder, 'target'))
    await replay(source, target)
    expect(await codeOf(replay(other, target))).toBe('store_exists')
    expect(await codeOf(replay(source, target, { collections: ['notes'] }))).toBe('store_exists')
    await target.createCollection({ name: 'mine' })
    expect(await codeOf(replay(source, target))).toBe('conflict')
    expect(await codeOf(replay(join(folder, 'nowhere'), join(folder, 'x')))).toBe('invalid_argument')
    expect(existsSync(join(folder, 'nowhere'))).toBe(false)
    await source.backup(join(folder, 'backup'))
    expect(await codeOf(replay(source, join(folder, 'backup')))).toBe('store_exists')
    const unknown = { collection: 'notes' } as object
    expect(await codeOf(replay(source, join(folder, 'x'), unknown))).toBe('unsupported_option')
    const both = { follow: true, until: 3 }
    expect(await codeOf(replay(source, join(folder, 'x'), both))).toBe('invalid_argument')
  })

  test('is refused when the source was restored to an earlier point since', async () => {
    const folder = temporary()
    const source = await library(join(folder, 'store'))
    await source.backup(join(folder, 'backup'))
    await replay(source, join(folder, 'target'))
    await restore(join(folder, 'backup'), { path: join(folder, 'restored'), until: 4 })
    expect(await codeOf(replay(join(folder, 'restored'), join(folder, 'target')))).toBe('store_exists')
  })
})

describe('a replay with changes', () => {
  test('keeps every commit: when, who, why, and under which key', async () => {
    const folder = temporary()
    const source = await library(join(folder, 'store'))
    const report = await replay(source, join(folder, 'replayed'), {
      configuration: { hnsw: { space: 'cosine', maxNeighbors: 32 } },
    })
    const target = open(join(folder, 'replayed'))
    expect(report.kind).toBe('decided')
    expect(await commitsOf(target)).toEqual(await commitsOf(source))
    const notes = await target.getCollection({ name: 'notes', embeddingFunction: null })
    expect(notes.configuration.hnsw).toMatchObject({ space: 'cosine', max_neighbors: 32 })
    const { distances } = await notes.query({ queryEmbeddings: [[0, 5]], nResults: 1 })
    expect(distances![0]![0]).toBeCloseTo(0, 5)
    // The key of a write is known in the target, too: repeating it there writes nothing.
    const repeated = await notes.add({ ids: ['z'], embeddings: [[1, 2]] }, { idempotencyKey: 'import-1' })
    expect(repeated.position).toBe(6)
    expect(await notes.count()).toBe(2)
  })

  test('of a random store differs in nothing else, at any point of the past', async () => {
    const folder = temporary()
    const source = open(join(folder, 'store'))
    const { roots } = await write(source, 1200, 61)
    await replay(source, join(folder, 'replayed'), { configuration: { hnsw: { ef_construction: 50 } } })
    const target = open(join(folder, 'replayed'))
    const ends = [...roots.keys()]
    const adapted = (content: unknown[]) => JSON.parse(JSON.stringify(content).replaceAll(':50,', ':100,'))
    for (const at of [ends[20]!, ends[ends.length >> 1]!, ends.at(-1)!])
      expect(adapted(await contentOf(target.asOf(at)))).toEqual(adapted(await contentOf(source.asOf(at))))
  })

  test('selects, renames and leaves out collections by the names that they have at the end', async () => {
    const folder = temporary()
    const source = await library(join(folder, 'store'))
    const namesOf = async (path: string) =>
      (await open(path).listCollections()).map(({ name }) => name).sort()
    await replay(source, join(folder, 'selected'), { collections: ['drafts'] })
    expect(await namesOf(join(folder, 'selected'))).toEqual(['drafts'])
    await replay(source, join(folder, 'named'), { collections: { notes: { name: 'memos' }, gone: false } })
    expect(await namesOf(join(folder, 'named'))).toEqual(['drafts', 'memos'])
    expect((await commitsOf(open(join(folder, 'named')))).length).toBe((await commitsOf(source)).length - 3)
    await replay(source, join(folder, 'asked'), {
      collections: ({ name, id, tenant }) => {
        expect([typeof id, tenant]).toEqual(['string', 'default_tenant'])
        return name === 'drafts' ? { name: 'papers' } : name === 'notes'
      },
    })
    expect(await namesOf(join(folder, 'asked'))).toEqual(['notes', 'papers'])
    const papers = await open(join(folder, 'asked')).getCollection({
      name: 'papers',
      embeddingFunction: null,
    })
    expect((await papers.get()).ids).toEqual(['d'])
    const unknown = replay(source, join(folder, 'x'), { collections: ['sketches'] })
    expect(await codeOf(unknown)).toBe('invalid_argument')
    // At no point of the past either: `drafts` was once called `sketches`.
    const once = replay(source, join(folder, 'y'), { collections: { notes: { name: 'sketches' } } })
    expect(await codeOf(once)).toBe('collection_exists')
    const clash = { notes: { name: 'same' }, drafts: { name: 'same' } }
    expect(await codeOf(replay(source, join(folder, 'z'), { collections: clash }))).toBe('collection_exists')
  })

  test('embeds documents again, and keeps their history', async () => {
    const folder = temporary()
    const source = await library(join(folder, 'store'))
    const embeddingFunction = new FeatureHashingEmbeddingFunction({ dimension: 32 })
    await replay(source, join(folder, 'embedded'), { collections: { gone: false }, embeddingFunction })
    const target = open(join(folder, 'embedded'))
    const notes = await target.getCollection({ name: 'notes' })
    const [again, first] = await embeddingFunction.generate(['second, again', 'first'])
    const got = await notes.get({ ids: ['b', 'a'], include: ['embeddings', 'metadatas'] })
    expect(got.ids).toEqual(['a', 'b'])
    expect(got.embeddings).toEqual([first, again].map((vector) => Array.from(Float32Array.from(vector!))))
    expect(got.metadatas![0]).toEqual({ n: 10 })
    expect((await notes.query({ queryTexts: ['again'], nResults: 1 })).ids).toEqual([['b']])
    const versions = []
    for await (const { type, actor } of notes.history('a')) versions.push({ type, actor })
    expect(versions).toEqual([
      { type: 'add', actor: 'ada' },
      { type: 'update', actor: 'bob' },
    ])
  })

  test('refuses vectors without a document, unless told to keep them', async () => {
    const folder = temporary()
    const source = await library(join(folder, 'store'))
    const embeddingFunction = {
      name: 'pair',
      generate: async (texts: string[]) => texts.map(() => [7, 7, 7]),
    }
    const refused = replay(source, join(folder, 'refused'), { embeddingFunction })
    await expect(refused).rejects.toMatchObject({
      code: 'embedding_failed',
      message: expect.stringContaining('"g"'),
    })
    await replay(source, join(folder, 'kept'), { embeddingFunction, keepVectors: true })
    const gone = await open(join(folder, 'kept')).asOf(9).getCollection({ name: 'gone' })
    expect((await gone.get({ include: ['embeddings'] })).embeddings).toEqual([[1, 2, 3]])
  })

  test('changes and drops records by a transform, also from a backup', async () => {
    const folder = temporary()
    const source = await library(join(folder, 'store'))
    await source.backup(join(folder, 'backup'))
    for (const from of [source, join(folder, 'backup')] as const) {
      const path = join(folder, typeof from === 'string' ? 'from-backup' : 'from-store')
      await replay(from, path, {
        collections: ['notes'],
        transform: ({ id, embedding, document, uri, metadata }) =>
          id === 'b'
            ? null
            : {
                embedding: embedding.map((value) => 2 * value),
                document,
                uri,
                metadata: { ...metadata, seen: true },
              },
      })
      const notes = await open(path).getCollection({ name: 'notes', embeddingFunction: null })
      const got = await notes.get({ include: ['embeddings', 'documents', 'metadatas'] })
      expect(got).toMatchObject({ ids: ['a'], embeddings: [[2, 0]], documents: ['first'] })
      expect(got.metadatas).toEqual([{ n: 10, seen: true }])
      // An update of metadata does not log the vector again, although the transform has handed it in again.
      const log = (await open(path).store()).log
      const updates = []
      for await (const { record } of log.range()) if (record.type === 'update') updates.push(record)
      expect(updates).toMatchObject([{ recordId: 'a', state: { vector: null, document: null } }])
    }
  })

  test('drops a record from the version on that a transform leaves out, and takes it up again', async () => {
    const folder = temporary()
    const source = open(join(folder, 'store'))
    const notes = await source.createCollection({ name: 'notes', embeddingFunction: null })
    const steps = [1, 2, 3, 4]
    await notes.add({ ids: ['a'], embeddings: [[1]], metadatas: [{ n: 0 }] })
    for (const n of steps) await notes.update({ ids: ['a'], metadatas: [{ n }] })
    await replay(source, join(folder, 'replayed'), {
      transform: (record) => (record.metadata?.n === 2 || record.metadata?.n === 3 ? null : record),
    })
    const types = (await commitsOf(open(join(folder, 'replayed')))).map(({ type }) => type)
    expect(types).toEqual(['create-collection', 'add', 'update', 'delete', 'add'])
  })

  test('refuses what a transform must not answer, and says where', async () => {
    const folder = temporary()
    const source = await library(join(folder, 'store'))
    const attempt = (transform: unknown, name: string) =>
      replay(source, join(folder, name), { transform: transform as never })
    const throws = () => {
      throw new Error('broken')
    }
    await expect(attempt(throws, 'a')).rejects.toThrow('transform("a") failed at position 4: broken')
    expect(await codeOf(attempt(async () => null, 'b'))).toBe('invalid_argument')
    expect(await codeOf(attempt(() => ({ embedding: [Number.NaN] }), 'c'))).toBe('invalid_argument')
    expect(await codeOf(attempt(() => ({ embedding: [1], metadata: { a: {} } }), 'd'))).toBe(
      'invalid_argument',
    )
  })

  test('is continued with the same changes, once for every commit', async () => {
    const folder = temporary()
    const source = open(join(folder, 'store'))
    const target = open(join(folder, 'target'))
    const options = { configuration: { hnsw: { space: 'ip' } } }
    await write(source, 300, 62)
    await replay(source, target, options)
    const stop = new AbortController()
    const following = replay(source, target, { ...options, follow: true, signal: stop.signal })
    await write(source, 700, 63)
    const head = (await source.stats()).head
    await until(async () => (await target.stats()).head === head)
    stop.abort()
    expect((await following).source.position).toBe(head)
    expect(await commitsOf(target)).toEqual(await commitsOf(source))
  })
})
