/** Replays with changes: a fork stays one where it can, and else holds what it stood on itself. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Collection, type EmbeddingFunction, type PersistentClient, replay } from '../../src/index.ts'
import { open, temporary } from './support.ts'

const include = ['embeddings' as const, 'documents' as const, 'metadatas' as const]
const none = { embeddingFunction: null }

/** A source that was changed and vacuumed after two forks, one of the other, had been taken of it. */
async function family(path: string): Promise<PersistentClient> {
  const client = open(path)
  const notes = await client.createCollection({ name: 'notes', ...none })
  const embeddings = [
    [1, 0],
    [0, 1],
    [1, 1],
  ]
  const documents = ['first', 'second', 'third']
  await notes.add({ ids: ['a', 'b', 'c'], embeddings, documents, metadatas: [{ n: 1 }, { n: 2 }, null] })
  await notes.update({ ids: ['a'], metadatas: [{ n: 10 }] })
  const copy = await notes.fork({ name: 'copy' })
  await copy.update({ ids: ['b'], metadatas: [{ n: 20 }] })
  const again = await copy.fork({ name: 'again' })
  await again.delete({ ids: ['c'] })
  await copy.add({ ids: ['d'], embeddings: [[5, 5]], documents: ['fourth'] })
  await notes.update({ ids: ['a'], embeddings: [[7, 7]], documents: ['anew'] })
  await notes.delete({ ids: ['b'] })
  await client.setRetention({ history: { versions: 1 } })
  await client.vacuum()
  return client
}

const whole = async (collection: Collection) => (await collection.get({ include })).rows()

/** The named collections of a replay, and how many vectors and documents its log holds. */
async function replayed(
  source: PersistentClient,
  path: string,
  options: Parameters<typeof replay>[2],
): Promise<{ client: PersistentClient; get: (name: string) => Promise<Collection>; vectors: number }> {
  await replay(source, path, options)
  const client = open(path)
  let vectors = 0
  for await (const { sizes } of client.log()) if (sizes.embedding > 0) vectors += 1
  await client.flush()
  expect((await client.verify({ level: 'deep' })).findings).toEqual([])
  return { client, get: (name) => client.getCollection({ name, ...none }), vectors }
}

test('all of a family, renamed: forks stand on what their source holds', async () => {
  const folder = temporary()
  const source = await family(join(folder, 'source'))
  const collections = { notes: { name: 'texts' } }
  const { get, client, vectors } = await replayed(source, join(folder, 'target'), { collections })
  for (const [from, to] of [
    ['notes', 'texts'],
    ['copy', 'copy'],
    ['again', 'again'],
  ] as const)
    expect(await whole(await get(to))).toEqual(
      await whole(await source.getCollection({ name: from, ...none })),
    )
  expect(await (await get('again')).forkCount()).toBe(2)
  // Three at first, one of `d`, one that replaced another.
  expect(vectors).toBe(5)
  await client.close()
  await source.close()
})

test('only forks: they hold their vectors and documents themselves', async () => {
  const folder = temporary()
  const source = await family(join(folder, 'source'))
  const { get, client } = await replayed(source, join(folder, 'target'), { collections: ['again'] })
  const again = await get('again')
  expect(await whole(again)).toEqual(await whole(await source.getCollection({ name: 'again', ...none })))
  expect(await again.forkCount()).toBe(0)
  expect((await again.query({ queryEmbeddings: [[0, 1]], nResults: 1 })).ids).toEqual([['b']])
  expect((await again.get({ whereDocument: { $contains: 'second' } })).ids).toEqual(['b'])
  await client.close()
  await source.close()
})

test('a middle one is left out: what is forked of it holds itself what it stood on', async () => {
  const folder = temporary()
  const source = await family(join(folder, 'source'))
  const options = { collections: { copy: false } }
  const { get, client } = await replayed(source, join(folder, 'target'), options)
  expect(await whole(await get('again'))).toEqual(
    await whole(await source.getCollection({ name: 'again', ...none })),
  )
  await client.close()
  await source.close()
})

test('embedded again, all or one alone; another space for one', async () => {
  const folder = temporary()
  const source = await family(join(folder, 'source'))
  const embeddingFunction: EmbeddingFunction = {
    name: 'lengths',
    generate: async (texts) => texts.map((text) => [text.length, text.charCodeAt(0), 1]),
  }
  const all = await replayed(source, join(folder, 'all'), { embeddingFunction })
  const one = await replayed(source, join(folder, 'one'), {
    collections: { copy: { embeddingFunction }, again: { configuration: { hnsw: { space: 'cosine' } } } },
  })
  const vectorsOf = async (get: (name: string) => Promise<Collection>, name: string) =>
    (await get(name)).get({ include: ['embeddings'] }).then(({ embeddings }) => embeddings)
  const embedded = [
    [5, 102, 1],
    [6, 115, 1],
    [5, 116, 1],
    [6, 102, 1],
  ]
  expect(await vectorsOf(all.get, 'copy')).toEqual(embedded)
  expect(await vectorsOf(all.get, 'again')).toEqual(embedded.slice(0, 2))
  expect(await (await all.get('notes')).forkCount()).toBe(2)
  expect(await vectorsOf(one.get, 'copy')).toEqual(embedded)
  expect(await vectorsOf(one.get, 'again')).toEqual([
    [1, 0],
    [0, 1],
  ])
  expect(await (await one.get('notes')).forkCount()).toBe(0)
  for (const { client } of [all, one]) await client.close()
  await source.close()
})

test('a transform that treats a fork otherwise', async () => {
  const folder = temporary()
  const source = await family(join(folder, 'source'))
  const { get, client } = await replayed(source, join(folder, 'target'), {
    transform: (record) => {
      if (record.collection !== 'copy') return record
      if (record.id === 'c') return null
      return record.id === 'a' ? { ...record, embedding: [3, 3] } : { ...record, document: 'other' }
    },
  })
  expect(await whole(await get('copy'))).toMatchObject([
    { id: 'a', embedding: [3, 3], document: 'first' },
    { id: 'b', embedding: [0, 1], document: 'other' },
    { id: 'd', embedding: [5, 5], document: 'other' },
  ])
  expect(await whole(await get('again'))).toEqual(
    await whole(await source.getCollection({ name: 'again', ...none })),
  )
  await client.close()
  await source.close()
})

/** A record whose older versions a vacuum has taken; what stands on them yet: a later document and a later vector. */
async function vacuumed(path: string, isForked: boolean): Promise<PersistentClient> {
  const client = open(path)
  const notes = await client.createCollection({ name: 'notes', ...none })
  await notes.add({ ids: ['a'], embeddings: [[1, 2]], documents: ['first'], metadatas: [{ n: 1 }] })
  await notes.update({ ids: ['a'], documents: ['second'] })
  await notes.update({ ids: ['a'], embeddings: [[5, 6]] })
  if (isForked) {
    const copy = await notes.fork({ name: 'copy' })
    await copy.update({ ids: ['a'], embeddings: [[8, 9]] })
    await notes.delete({ ids: ['a'] })
    await notes.add({ ids: ['a'], embeddings: [[7, 7]] })
  }
  await client.setRetention({ history: { versions: 1 } })
  expect((await client.vacuum()).payloads).toBeGreaterThan(0)
  return client
}

test.each([false, true])('what a vacuum has left is carried over whole (forked: %s)', async (isForked) => {
  const folder = temporary()
  const source = await vacuumed(join(folder, 'source'), isForked)
  const names = isForked ? ['notes', 'copy'] : ['notes']
  const last = isForked ? [names, ['copy']] : [names]
  const changes = [...last.map((collections) => ({ collections })), { transform: <T>(record: T) => record }]
  for (const [index, options] of changes.entries()) {
    const { get, client } = await replayed(source, join(folder, `target${index}`), options)
    for (const { name } of await client.listCollections())
      expect(await whole(await get(name))).toEqual(await whole(await source.getCollection({ name, ...none })))
    await client.close()
  }
})
