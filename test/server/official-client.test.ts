/** The npm package `chromadb`, unmodified, against this server: its methods, and the errors that it makes of answers. */
import {
  AdminClient,
  ChromaClient,
  ChromaClientError,
  ChromaConnectionError,
  ChromaForbiddenError,
  ChromaNotFoundError,
  ChromaServerError,
  ChromaUniqueError,
  ChromaValueError,
  type EmbeddingFunction,
  K,
  Knn,
  Rrf,
  Schema,
  Search,
  VectorIndexConfig,
} from 'chromadb'
import { describe, expect, test } from 'vitest'
import { startServer } from './support.ts'

/** Places words by their length and first letter: enough to tell them apart. */
const lengths: EmbeddingFunction = {
  name: 'lengths',
  generate: async (texts) => texts.map((text) => [text.length, text.codePointAt(0) ?? 0]),
}

async function connected(options: { allowReset?: boolean } = {}) {
  const server = await startServer(options)
  return { client: new ChromaClient({ host: '127.0.0.1', port: server.port }), server }
}

async function filled() {
  const { client, server } = await connected()
  const notes = await client.createCollection({ name: 'notes', embeddingFunction: lengths })
  await notes.add({
    ids: ['a', 'b', 'c'],
    documents: ['fig', 'banana', 'pear'],
    metadatas: [{ n: 1, ripe: true }, { n: 2, tags: ['long', 'yellow'] }, { n: 2.5 }],
    uris: ['u:a', 'u:b', 'u:c'],
  })
  return { client, server, notes }
}

describe('the client', () => {
  test('its calls on the system', async () => {
    const { client } = await connected({ allowReset: true })
    expect(await client.heartbeat()).toBeGreaterThan(1e18)
    expect(await client.version()).toBe('1.0.0')
    expect(await client.getUserIdentity()).toEqual({
      user_id: '',
      tenant: 'default_tenant',
      databases: ['default_database'],
    })
    expect(await client.getMaxBatchSize()).toBe(10_000)
    expect(await client.supportsBase64Encoding()).toBe(true)
    expect(await client.getPreflightChecks()).toEqual({
      max_batch_size: 10_000,
      supports_base64_encoding: true,
    })
    await client.createCollection({ name: 'gone', embeddingFunction: null })
    await client.reset()
    expect(await client.countCollections()).toBe(0)
  })

  test('forks collections, counts forks, asks how far graphs are built', async () => {
    const { client, notes } = await filled()
    const copy = await notes.fork({ name: 'copy' })
    await copy.delete({ ids: ['a'] })
    expect(await copy.count()).toBe(2)
    expect(await notes.count()).toBe(3)
    const { ids, documents } = await copy.query({ queryTexts: ['bananas'], nResults: 1 })
    expect([ids, documents]).toEqual([[['b']], [['banana']]])
    expect([await notes.forkCount(), await copy.forkCount()]).toEqual([1, 1])
    const status = { op_indexing_progress: 1, num_unindexed_ops: 0, num_indexed_ops: 3, total_ops: 3 }
    expect(await copy.getIndexingStatus()).toEqual(status)
    await expect(notes.fork({ name: 'copy' })).rejects.toThrow(ChromaUniqueError)
    await client.deleteCollection({ name: 'notes' })
    expect((await client.getCollection({ name: 'copy' })).id).toBe(copy.id)
  })

  test('creates, finds, lists and deletes collections', async () => {
    const { client } = await connected()
    const made = await client.createCollection({
      name: 'first',
      metadata: { topic: 'x' },
      configuration: { hnsw: { space: 'cosine', ef_search: 50 } },
      embeddingFunction: lengths,
    })
    expect(made.metadata).toEqual({ topic: 'x' })
    expect(made.configuration.hnsw).toMatchObject({ space: 'cosine', ef_search: 50 })
    const again = await client.getOrCreateCollection({
      name: 'first',
      metadata: { topic: 'y' },
      embeddingFunction: lengths,
    })
    expect([again.id, again.metadata]).toEqual([made.id, { topic: 'x' }])
    const second = await client.getOrCreateCollection({ name: 'second', embeddingFunction: null })
    expect((await client.getCollection({ name: 'second' })).id).toBe(second.id)
    expect((await client.getCollectionById(made.id)).name).toBe('first')
    expect((await client.listCollections()).map(({ name }) => name)).toEqual(['first', 'second'])
    expect((await client.listCollections({ limit: 1, offset: 1 })).map(({ name }) => name)).toEqual([
      'second',
    ])
    expect((await client.getCollections(['first', 'second'])).map(({ id }) => id)).toEqual([
      made.id,
      second.id,
    ])
    expect(await client.countCollections()).toBe(2)
    await client.deleteCollection({ name: 'first' })
    expect(await client.countCollections()).toBe(1)
  })

  test('schemas and SPANN configurations choose the space', async () => {
    const { client } = await connected()
    const schema = new Schema().createIndex(new VectorIndexConfig({ space: 'ip' }))
    const bySchema = await client.createCollection({ name: 'by-schema', schema, embeddingFunction: null })
    expect(bySchema.configuration.hnsw).toMatchObject({ space: 'ip' })
    const configuration = { spann: { space: 'cosine' as const } }
    const spann = await client.createCollection({ name: 'spann', configuration, embeddingFunction: null })
    expect(spann.configuration).toMatchObject({ hnsw: { space: 'cosine' }, spann: null })
    expect((await client.getCollection({ name: 'spann' })).schema).toBeInstanceOf(Schema)
  })
})

describe('a collection', () => {
  test('count, get, peek and rows', async () => {
    const { notes } = await filled()
    expect([await notes.count(), await notes.count({ readLevel: 'index_only' })]).toEqual([3, 3])
    const all = await notes.get({ include: ['documents', 'metadatas', 'embeddings', 'uris'] })
    expect(all.rows()).toEqual([
      { id: 'a', document: 'fig', embedding: [3, 102], metadata: { n: 1, ripe: true }, uri: 'u:a' },
      {
        id: 'b',
        document: 'banana',
        embedding: [6, 98],
        metadata: { n: 2, tags: ['long', 'yellow'] },
        uri: 'u:b',
      },
      { id: 'c', document: 'pear', embedding: [4, 112], metadata: { n: 2.5 }, uri: 'u:c' },
    ])
    expect((await notes.get({ where: { n: { $gt: 1 } }, limit: 1, offset: 1 })).ids).toEqual(['c'])
    expect((await notes.get({ whereDocument: { $contains: 'an' } })).ids).toEqual(['b'])
    expect((await notes.get({ where: { $and: [{ n: 2 }, { tags: { $contains: 'long' } }] } })).ids).toEqual([
      'b',
    ])
    expect((await notes.peek({ limit: 2 })).ids).toEqual(['a', 'b'])
  })

  test('query by text and by embedding', async () => {
    const { notes } = await filled()
    const byText = await notes.query({ queryTexts: ['fog'], nResults: 2 })
    expect(byText.ids).toEqual([['a', 'b']])
    expect(byText.distances).toEqual([[0, 25]])
    const byVector = await notes.query({
      queryEmbeddings: [
        [4, 112],
        [6, 98],
      ],
      ids: ['b', 'c', 'nobody'],
      nResults: 1,
      include: ['documents', 'embeddings', 'uris'],
    })
    expect(byVector.rows().map(([row]) => [row?.id, row?.document, row?.embedding, row?.uri])).toEqual([
      ['c', 'pear', [4, 112], 'u:c'],
      ['b', 'banana', [6, 98], 'u:b'],
    ])
  })

  test('update, upsert and delete', async () => {
    const { notes } = await filled()
    await notes.update({ ids: ['a', 'nobody'], documents: ['apricot', 'x'], metadatas: [{ n: 9 }, { n: 0 }] })
    await notes.upsert({ ids: ['b', 'd'], documents: ['berry', 'date'], metadatas: [{ n: 8 }, { n: 7 }] })
    const { documents, metadatas, ids } = await notes.get()
    expect(ids).toEqual(['a', 'b', 'c', 'd'])
    expect(documents).toEqual(['apricot', 'berry', 'pear', 'date'])
    expect(metadatas).toEqual([
      { n: 9, ripe: true },
      { n: 8, tags: ['long', 'yellow'] },
      { n: 2.5 },
      { n: 7 },
    ])
    expect(await notes.delete({ ids: ['a', 'nobody'] })).toEqual({ deleted: 2 })
    expect(await notes.delete({ where: { n: { $gt: 7 } } })).toEqual({ deleted: 1 })
    expect(await notes.delete({ where: { n: { $gt: 0 } }, limit: 1 })).toEqual({ deleted: 1 })
    expect((await notes.get()).ids).toEqual(['d'])
  })

  test('modify', async () => {
    const { client, notes } = await filled()
    await notes.modify({
      name: 'renamed',
      metadata: { topic: 'y' },
      configuration: { hnsw: { ef_search: 77 } },
    })
    const found = await client.getCollection({ name: 'renamed', embeddingFunction: lengths })
    expect([found.id, found.metadata, found.configuration.hnsw?.ef_search]).toEqual([
      notes.id,
      { topic: 'y' },
      77,
    ])
  })

  test('a handle by id alone', async () => {
    const { client, notes } = await filled()
    const handle = client.collection(notes.id)
    await handle.add({ ids: ['d'], embeddings: [[1, 2]] })
    expect(await handle.count()).toBe(4)
  })

  test('float32 comes back as it was given, through base64', async () => {
    const { client } = await connected()
    const exact = await client.createCollection({ name: 'exact', embeddingFunction: null })
    await exact.add({ ids: ['a'], embeddings: [[0.1, -1.5, 3e-8]] })
    expect((await exact.get({ include: ['embeddings'] })).embeddings).toEqual([[0.1, -1.5, 3e-8]])
  })

  test('search: Knn, a filter, selection and RRF', async () => {
    const { notes } = await filled()
    const nearest = new Search()
      .rank(Knn({ query: [3, 102] }))
      .limit(2)
      .select(K.DOCUMENT, K.SCORE)
    const [rows] = (await notes.search(nearest)).rows()
    expect(rows!.map(({ id, document, score }) => [id, document, score])).toEqual([
      ['a', 'fig', 0],
      ['b', 'banana', 25],
    ])
    const filtered = new Search()
      .where(K('n').gt(1))
      .rank(Knn({ query: [3, 102] }))
      .select(K.SCORE)
    const byTwo = Rrf({
      ranks: [Knn({ query: [3, 102], returnRank: true }), Knn({ query: [4, 112], returnRank: true })],
    })
    const both = await notes.search([filtered, new Search().rank(byTwo).limit(1).select(K.SCORE)])
    expect(both.ids).toEqual([['b', 'c'], ['a']])
  })
})

test('the admin client: tenants and databases', async () => {
  const { server } = await connected()
  const admin = new AdminClient({ host: '127.0.0.1', port: server.port, ssl: false })
  await admin.createTenant({ name: 'acme' })
  expect(await admin.getTenant({ name: 'acme' })).toBe('acme')
  await admin.createDatabase({ name: 'search', tenant: 'acme' })
  await admin.createDatabase({ name: 'archive', tenant: 'acme' })
  const databases = await admin.listDatabases({ tenant: 'acme' })
  expect(databases.map(({ name, tenant }) => [name, tenant])).toEqual([
    ['archive', 'acme'],
    ['search', 'acme'],
  ])
  expect(await admin.getDatabase({ name: 'search', tenant: 'acme' })).toMatchObject({
    name: 'search',
    tenant: 'acme',
  })
  const scoped = new ChromaClient({
    host: '127.0.0.1',
    port: server.port,
    tenant: 'acme',
    database: 'search',
  })
  await scoped.createCollection({ name: 'notes', embeddingFunction: null })
  expect(await scoped.countCollections()).toBe(1)
  await admin.deleteDatabase({ name: 'search', tenant: 'acme' })
  expect(await scoped.countCollections()).toBe(0)
})

describe('its errors', () => {
  test('are of the classes that it makes of each status', async () => {
    const { client, notes, server } = await filled()
    const admin = new AdminClient({ host: '127.0.0.1', port: server.port, ssl: false })
    const expected: [() => Promise<unknown>, new (...args: never[]) => Error][] = [
      [() => client.getCollection({ name: 'nothing' }), ChromaNotFoundError],
      [() => client.deleteCollection({ name: 'nothing' }), ChromaNotFoundError],
      [() => admin.getTenant({ name: 'nobody' }), ChromaNotFoundError],
      [() => admin.getDatabase({ name: 'nothing', tenant: 'default_tenant' }), ChromaNotFoundError],
      [() => client.createCollection({ name: 'notes', embeddingFunction: lengths }), ChromaUniqueError],
      [() => admin.createTenant({ name: 'default_tenant' }), ChromaUniqueError],
      [() => client.createCollection({ name: 'a b', embeddingFunction: null }), ChromaClientError],
      [() => notes.add({ ids: ['x'], embeddings: [[1, 2, 3]] }), ChromaClientError],
      [() => notes.query({ queryEmbeddings: [[1]] }), ChromaClientError],
      [() => notes.get({ whereDocument: { $regex: '(' } }), ChromaClientError],
      [() => client.reset(), ChromaForbiddenError],
      [() => client.getCollectionByCrn('a:b:c'), ChromaServerError],
      [
        () =>
          notes.add({
            ids: ['x', 'x'],
            embeddings: [
              [1, 2],
              [1, 2],
            ],
          }),
        ChromaValueError,
      ],
    ]
    for (const [run, kind] of expected) await expect(run(), String(run)).rejects.toBeInstanceOf(kind)
    expect(await notes.count()).toBe(3)
  })

  test('a server that is gone is a connection error', async () => {
    const { client, server } = await connected()
    await server.close()
    await expect(client.heartbeat()).rejects.toBeInstanceOf(ChromaConnectionError)
  })
})
