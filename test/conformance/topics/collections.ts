import { availableParallelism } from 'node:os'
import { describe, expect, test } from 'vitest'
import { codeOf, headOf, refusalOf, type Topic, untyped } from '../fixture.ts'

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export const collections: Topic = (fixture) => {
  /** For calls that are refused, and leave it empty. */
  const empty = fixture.once(async (kept) => kept.client())

  describe('create and get', () => {
    test('answers what was given, and the defaults of Chroma', async () => {
      const client = fixture.client()
      const made = await client.createCollection({
        name: 'notes',
        metadata: { about: 'x', n: 1, tags: ['a'] },
      })
      expect(made.id).toMatch(uuid)
      const got = await client.getCollection({ name: 'notes' })
      expect(got).toMatchObject({
        id: made.id,
        name: 'notes',
        tenant: 'default_tenant',
        database: 'default_database',
        metadata: { about: 'x', n: 1, tags: ['a'] },
      })
      expect(got.configuration).toEqual({
        hnsw: {
          space: 'l2',
          ef_construction: 100,
          ef_search: 100,
          max_neighbors: 16,
          num_threads: availableParallelism(),
          resize_factor: 1.2,
          batch_size: 100,
          sync_threshold: 1000,
        },
        embedding_function: { type: 'known', name: 'feature-hashing', config: { dimension: 384 } },
      })
      expect((await client.getCollectionById({ id: made.id.toUpperCase() })).name).toBe('notes')
    })

    test('has no metadata where none was given', async () => {
      const client = fixture.client()
      expect((await client.createCollection({ name: 'notes' })).metadata).toBeNull()
      expect((await client.getCollection({ name: 'notes' })).metadata).toBeNull()
    })

    test('refuses a name that is taken, and writes nothing', async () => {
      const client = fixture.client()
      await client.createCollection({ name: 'notes' })
      const head = await headOf(client)
      const error = await refusalOf(() => client.createCollection({ name: 'notes' }))
      expect(error).toMatchObject({ code: 'collection_exists', fate: 'not_written', status: 409 })
      expect(error.message).toContain('notes')
      expect(await headOf(client)).toBe(head)
    })

    test('says what it does not find', async () => {
      const client = fixture.client()
      const error = await refusalOf(() => client.getCollection({ name: 'nowhere' }))
      expect(error).toMatchObject({ code: 'collection_not_found', status: 404, chromaName: 'NotFoundError' })
      expect(error.message).toContain('nowhere')
      const id = '01234567-89ab-cdef-0123-456789abcdef'
      expect((await refusalOf(() => client.getCollectionById({ id }))).message).toContain(id)
      expect(await codeOf(() => client.deleteCollection({ name: 'nowhere' }))).toBe('collection_not_found')
    })

    test('gets or creates, and leaves an existing one as it is', async () => {
      const client = fixture.client()
      const first = await client.getOrCreateCollection({ name: 'notes', metadata: { a: 1 } })
      const head = await headOf(client)
      const again = await client.getOrCreateCollection({
        name: 'notes',
        metadata: { b: 2 },
        configuration: { hnsw: { space: 'ip' } },
      })
      expect(again.id).toBe(first.id)
      expect(again.metadata).toEqual({ a: 1 })
      expect(again.configuration.hnsw.space).toBe('l2')
      expect(await headOf(client)).toBe(head)
    })

    test('gets or creates one collection, however many ask at once', async () => {
      const client = fixture.client()
      const made = await Promise.all(
        Array.from({ length: 8 }, () => client.getOrCreateCollection({ name: 'notes' })),
      )
      expect(new Set(made.map(({ id }) => id)).size).toBe(1)
      expect(await client.countCollections()).toBe(1)
    })
  })

  describe('names', () => {
    const named = fixture.once(async (kept) => kept.client())
    test.each(['abc', 'a.b', '0-9_z', 'a'.repeat(512), 'UPPER', '1.2.3', '1.2.3.4.5'])(
      'takes %j',
      async (name) => {
        expect((await (await named()).createCollection({ name })).name).toBe(name)
      },
    )

    test.each(['ab', '', '_abc', 'abc-', 'a..b', 'a b', 'ä bc', 'größe', '10.0.0.1', 'abc\n', 'a/b', 'a\0b'])(
      'refuses %j',
      async (name) => {
        const client = await empty()
        const error = await refusalOf(() => client.createCollection({ name }))
        expect(error.code).toBe('invalid_argument')
        expect(error.message).toContain(JSON.stringify(name))
        expect(await headOf(client)).toBe(0)
      },
    )

    test('refuses one that is too long', async () => {
      const client = await empty()
      expect(await codeOf(() => client.createCollection({ name: 'a'.repeat(513) }))).toBe('limit_exceeded')
    })
  })

  describe('list and count', () => {
    test('goes by creation, in pages', async () => {
      const client = fixture.client()
      for (const name of ['ccc', 'aaa', 'bbb']) await client.createCollection({ name })
      const names = async (options?: { limit?: number; offset?: number }) =>
        (await client.listCollections(options)).map(({ name }) => name)
      expect(await names()).toEqual(['ccc', 'aaa', 'bbb'])
      expect(await names({ limit: 2 })).toEqual(['ccc', 'aaa'])
      expect(await names({ offset: 1 })).toEqual(['aaa', 'bbb'])
      expect(await names({ limit: 1, offset: 2 })).toEqual(['bbb'])
      expect(await names({ limit: 5, offset: 3 })).toEqual([])
      expect(await names({ limit: 0 })).toEqual([])
      expect(await client.countCollections()).toBe(3)
    })

    test('gives 100 when nothing is said', async () => {
      const client = fixture.client()
      await Promise.all(Array.from({ length: 101 }, (_, n) => client.createCollection({ name: `c-${n}` })))
      expect(await client.listCollections()).toHaveLength(100)
      expect(await client.countCollections()).toBe(101)
    })
  })

  describe('modify', () => {
    test('renames, and the handle and the old name follow', async () => {
      const client = fixture.client()
      const notes = await client.createCollection({ name: 'notes', metadata: { a: 1 } })
      const { count } = await notes.modify({ name: 'renamed' })
      expect(count).toBe(1)
      expect(notes).toMatchObject({ name: 'renamed', metadata: { a: 1 } })
      expect((await client.getCollection({ name: 'renamed' })).id).toBe(notes.id)
      expect(await codeOf(() => client.getCollection({ name: 'notes' }))).toBe('collection_not_found')
      await client.createCollection({ name: 'notes' })
    })

    test('keeps the records', async () => {
      const notes = await fixture.collection()
      await notes.add({ ids: ['a'], embeddings: [[1, 2]] })
      await notes.modify({ name: 'renamed' })
      expect(await notes.count()).toBe(1)
      expect((await notes.query({ queryEmbeddings: [[1, 2]] })).ids).toEqual([['a']])
    })

    test('replaces the metadata, and leaves it alone where it is null', async () => {
      const client = fixture.client()
      const notes = await client.createCollection({ name: 'notes', metadata: { a: 1, b: 2 } })
      await notes.modify({ metadata: { c: 3 } })
      expect(notes.metadata).toEqual({ c: 3 })
      await notes.modify(untyped({ metadata: null, name: 'renamed' }))
      expect((await client.getCollection({ name: 'renamed' })).metadata).toEqual({ c: 3 })
    })

    test('changes what of the configuration can change', async () => {
      const client = fixture.client()
      const notes = await fixture.collection({ client, hnsw: { space: 'cosine' } })
      await notes.modify({ configuration: { hnsw: { ef_search: 7, numThreads: 3, resize_factor: 2 } } })
      await notes.modify({ configuration: { hnsw: { batchSize: 11, syncThreshold: 12 } } })
      const { hnsw } = (await client.getCollection({ name: 'notes' })).configuration
      expect(hnsw).toEqual({
        space: 'cosine',
        ef_construction: 100,
        ef_search: 7,
        max_neighbors: 16,
        num_threads: 3,
        resize_factor: 2,
        batch_size: 11,
        sync_threshold: 12,
      })
    })

    test.each([
      [{ space: 'ip' }, 'space'],
      [{ efConstruction: 7 }, 'ef_construction'],
      [{ max_neighbors: 7 }, 'max_neighbors'],
    ])('refuses %j: it shapes what is built already', async (hnsw, named) => {
      const client = fixture.client()
      const notes = await fixture.collection({ client })
      const head = await headOf(client)
      const error = await refusalOf(() => notes.modify({ configuration: { hnsw } }))
      expect(error.code).toBe('unsupported_option')
      expect(error.message).toContain(named)
      expect(await headOf(client)).toBe(head)
    })

    test('of nothing writes nothing', async () => {
      const client = fixture.client()
      const notes = await fixture.collection({ client })
      const head = await headOf(client)
      expect(await notes.modify({})).toMatchObject({ position: head, count: 0 })
      expect(await notes.modify({ name: 'notes' })).toMatchObject({ position: head, count: 0 })
    })

    test('refuses the name of another collection', async () => {
      const client = fixture.client()
      const notes = await fixture.collection({ client })
      await client.createCollection({ name: 'taken' })
      expect(await codeOf(() => notes.modify({ name: 'taken' }))).toBe('collection_exists')
      expect(notes.name).toBe('notes')
    })
  })

  describe('configuration', () => {
    test('takes every option of HNSW, in snake case and camel case', async () => {
      const client = fixture.client()
      const hnsw = { space: 'ip', efConstruction: 40, ef_search: 30, maxNeighbors: 8, num_threads: 2 }
      const more = { resizeFactor: 1.5, batch_size: 20, syncThreshold: 60 }
      await client.createCollection({ name: 'notes', configuration: { hnsw: { ...hnsw, ...more } } })
      expect((await client.getCollection({ name: 'notes' })).configuration.hnsw).toEqual({
        space: 'ip',
        ef_construction: 40,
        ef_search: 30,
        max_neighbors: 8,
        num_threads: 2,
        resize_factor: 1.5,
        batch_size: 20,
        sync_threshold: 60,
      })
    })

    test('honours the metadata of older clients, unless hnsw is given', async () => {
      const client = fixture.client()
      const metadata = { 'hnsw:space': 'cosine', 'hnsw:M': 24 }
      const legacy = await client.createCollection({ name: 'legacy', metadata })
      expect(legacy.configuration.hnsw).toMatchObject({ space: 'cosine', max_neighbors: 24 })
      expect(legacy.metadata).toEqual(metadata)
      const both = await client.createCollection({ name: 'both', metadata, configuration: { hnsw: {} } })
      expect(both.configuration.hnsw).toMatchObject({ space: 'l2', max_neighbors: 16 })
    })

    test.each<[unknown, string, string]>([
      [{ hnsw: { M: 16 } }, 'unsupported_option', '"M"'],
      [{ hnsw: { ef: 16 } }, 'unsupported_option', '"ef"'],
      [{ spann: {} }, 'unsupported_option', 'SPANN'],
      [{ hsnw: {} }, 'unsupported_option', '"hsnw"'],
      [{ hnsw: { space: 'manhattan' } }, 'invalid_argument', '"manhattan"'],
      [{ hnsw: { space: 'L2' } }, 'invalid_argument', '"L2"'],
      [{ hnsw: { ef_search: 0 } }, 'invalid_argument', 'ef_search'],
      [{ hnsw: { ef_search: 1.5 } }, 'invalid_argument', '1.5'],
      [{ hnsw: { max_neighbors: 1 } }, 'invalid_argument', 'max_neighbors'],
      [{ hnsw: { ef_construction: '100' } }, 'invalid_argument', '"100"'],
      [{ hnsw: { num_threads: -1 } }, 'invalid_argument', '-1'],
      [{ hnsw: { resize_factor: 0.5 } }, 'invalid_argument', '0.5'],
      [{ hnsw: { sync_threshold: Number.NaN } }, 'invalid_argument', 'NaN'],
      [{ hnsw: [] }, 'invalid_argument', 'hnsw'],
      ['cosine', 'invalid_argument', '"cosine"'],
    ])('refuses %j', async (configuration, code, named) => {
      const client = await empty()
      const options = { name: 'notes', configuration: untyped<object>(configuration) }
      const error = await refusalOf(() => client.createCollection(options))
      expect(error).toMatchObject({ code, fate: 'not_written' })
      expect(error.message).toContain(named)
      expect(await headOf(client)).toBe(0)
    })
  })

  describe('delete', () => {
    test('takes the records with it and frees the name', async () => {
      const client = fixture.client()
      const notes = await fixture.collection({ client })
      await notes.add({ ids: ['a'], embeddings: [[1, 2]] })
      const { count } = await client.deleteCollection({ name: 'notes' })
      expect(count).toBe(1)
      expect(await client.countCollections()).toBe(0)
      expect(await codeOf(() => notes.count())).toBe('collection_not_found')
      expect(await codeOf(() => notes.get())).toBe('collection_not_found')
      expect(await codeOf(() => notes.query({ queryEmbeddings: [[1, 2]] }))).toBe('collection_not_found')
      expect(await codeOf(() => notes.add({ ids: ['b'], embeddings: [[1, 2]] }))).toBe('collection_not_found')
      const again = await fixture.collection({ client })
      expect(again.id).not.toBe(notes.id)
      expect(await again.count()).toBe(0)
      await again.add({ ids: ['a'], embeddings: [[1, 2, 3]] })
      expect((await again.get()).ids).toEqual(['a'])
    })
  })

  describe('retention', () => {
    test('is answered as it was set: of the store, and of collections that have their own', async () => {
      const client = fixture.client()
      expect(await client.getRetention()).toEqual({ store: { history: 'forever' }, collections: [] })
      const notes = await fixture.collection({ client })
      const gone = await fixture.collection({ client, name: 'gone' })
      await client.setRetention({ history: { days: 30 } })
      await client.setRetention({ history: { versions: 5 } }, { collection: 'gone' })
      await client.setRetention({ history: 'forever' }, { collection: notes.id })
      await client.deleteCollection({ name: 'gone' })
      expect(await client.getRetention()).toEqual({
        store: { history: { days: 30 } },
        collections: [
          { id: notes.id, name: 'notes', deleted: false, retention: { history: 'forever' } },
          { id: gone.id, name: 'gone', deleted: true, retention: { history: { versions: 5 } } },
        ],
      })
    })
  })

  describe('tenants and databases', () => {
    test('begin with the default ones', async () => {
      const client = fixture.client()
      expect(await client.getTenant({ name: 'default_tenant' })).toEqual({ name: 'default_tenant' })
      expect(await client.listDatabases()).toMatchObject([
        { name: 'default_database', tenant: 'default_tenant' },
      ])
      expect((await client.getDatabase({ name: 'default_database' })).id).toMatch(uuid)
    })

    test('tenants are listed by name, in pages', async () => {
      const client = fixture.client()
      for (const name of ['zeta', 'acme']) await client.createTenant({ name })
      const names = async (options?: object) => (await client.listTenants(options)).map(({ name }) => name)
      expect(await names()).toEqual(['acme', 'default_tenant', 'zeta'])
      expect(await names({ limit: 1 })).toEqual(['acme'])
      expect(await names({ limit: 1, offset: 1 })).toEqual(['default_tenant'])
      expect(await codeOf(() => client.listTenants({ limit: -1 }))).toBe('invalid_argument')
    })

    test('are created, listed by name, counted in pages', async () => {
      const client = fixture.client()
      await client.createTenant({ name: 'acme' })
      expect(await client.getTenant({ name: 'acme' })).toEqual({ name: 'acme' })
      for (const name of ['zeta', 'alpha']) await client.createDatabase({ name, tenant: 'acme' })
      const names = async (options: object) =>
        (await client.listDatabases({ tenant: 'acme', ...options })).map(({ name }) => name)
      expect(await names({})).toEqual(['alpha', 'zeta'])
      expect(await names({ limit: 1 })).toEqual(['alpha'])
      expect(await names({ offset: 1 })).toEqual(['zeta'])
      expect(await client.listDatabases({ tenant: 'nobody' })).toEqual([])
      expect(await client.getDatabase({ name: 'zeta', tenant: 'acme' })).toMatchObject({ tenant: 'acme' })
    })

    test('exist once, and are missed by name', async () => {
      const client = fixture.client()
      await client.createTenant({ name: 'acme' })
      await client.createDatabase({ name: 'main', tenant: 'acme' })
      const head = await headOf(client)
      expect(await codeOf(() => client.createTenant({ name: 'acme' }))).toBe('tenant_exists')
      expect(await codeOf(() => client.createTenant({ name: 'default_tenant' }))).toBe('tenant_exists')
      expect(await codeOf(() => client.createDatabase({ name: 'main', tenant: 'acme' }))).toBe(
        'database_exists',
      )
      expect(await codeOf(() => client.createDatabase({ name: 'main', tenant: 'none' }))).toBe(
        'tenant_not_found',
      )
      expect(await codeOf(() => client.getTenant({ name: 'none' }))).toBe('tenant_not_found')
      expect(await codeOf(() => client.getDatabase({ name: 'none' }))).toBe('database_not_found')
      expect(await codeOf(() => client.deleteDatabase({ name: 'none' }))).toBe('database_not_found')
      expect(await codeOf(() => client.createTenant({ name: 'ab' }))).toBe('invalid_argument')
      expect(await headOf(client)).toBe(head)
    })

    test('hold collections of their own, which go with them', async () => {
      const client = fixture.client({ tenant: 'acme', database: 'main' })
      expect(await codeOf(() => client.createCollection({ name: 'notes' }))).toBe('database_not_found')
      expect(await client.listCollections()).toEqual([])
      await client.createTenant({ name: 'acme' })
      await client.createDatabase({ name: 'main' })
      const notes = await client.createCollection({ name: 'notes' })
      expect(notes).toMatchObject({ tenant: 'acme', database: 'main' })
      await client.createCollection({ name: 'others' })
      expect((await client.deleteDatabase({ name: 'main' })).count).toBe(3)
      expect(await client.countCollections()).toBe(0)
      expect(await codeOf(() => notes.count())).toBe('collection_not_found')
      await client.createDatabase({ name: 'main' })
      expect(await client.listCollections()).toEqual([])
    })

    test('keep two clients of one store apart', async ({ skip }) => {
      const place = fixture.place()
      if (!place.isShared) skip('this client has its store for itself')
      const [one, two] = [place.open(), place.open({ tenant: 'acme', database: 'main' })]
      await one.createTenant({ name: 'acme' })
      await two.createDatabase({ name: 'main' })
      const first = await one.createCollection({ name: 'notes', metadata: { of: 'one' } })
      const second = await two.createCollection({ name: 'notes', metadata: { of: 'two' } })
      expect(first.id).not.toBe(second.id)
      expect((await two.getCollection({ name: 'notes' })).metadata).toEqual({ of: 'two' })
      await one.deleteCollection({ name: 'notes' })
      expect([await one.countCollections(), await two.countCollections()]).toEqual([0, 1])
    })
  })
}
