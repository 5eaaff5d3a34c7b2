import { expect, test } from 'vitest'
import { type Answered, call, databasePath, newCollection, startServer } from './support.ts'

/** A server with one collection, and calls on it that must succeed. */
async function begin(payload?: Record<string, unknown>) {
  const server = await startServer()
  const collection = await newCollection(server, payload)
  const ask = async (method: string, path: string, body?: unknown): Promise<Answered> => {
    const answer = await call(server, method, path, body)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
    return answer
  }
  const post = async (action: string, body: unknown): Promise<Record<string, never>> =>
    (await ask('POST', `${collection}/${action}`, body)).json()
  const all = (): Promise<Record<string, never>> =>
    post('get', { include: ['embeddings', 'documents', 'metadatas', 'uris'] })
  return { server, collection, ask, post, all }
}

test('a new collection is answered as Chroma answers it', async () => {
  const { ask } = await begin()
  const answer = await ask('POST', `${databasePath}/collections`, {
    name: 'made',
    metadata: { topic: 'x', rank: 1 },
    configuration: { hnsw: { space: 'cosine', ef_search: 64 }, embedding_function: null },
  })
  const made = answer.json() as Record<string, never>
  expect(made).toMatchObject({
    name: 'made',
    metadata: { topic: 'x', rank: 1 },
    dimension: null,
    tenant: 'default_tenant',
    database: 'default_database',
    version: 0,
    configuration_json: {
      hnsw: {
        space: 'cosine',
        ef_construction: 100,
        ef_search: 64,
        max_neighbors: 16,
        resize_factor: 1.2,
        sync_threshold: 1000,
      },
      spann: null,
      embedding_function: null,
    },
  })
  expect(Object.keys(made).sort()).toEqual([
    'configuration_json',
    'database',
    'dimension',
    'id',
    'log_position',
    'metadata',
    'name',
    'schema',
    'tenant',
    'version',
  ])
  const byName = await ask('GET', `${databasePath}/collections/made`)
  const byId = await ask('GET', `${databasePath}/collections/by-id/${made.id}`)
  expect([byName.json(), byId.json()]).toEqual([made, made])
})

test('of one id twice in a batch an add keeps the first', async () => {
  const { post, all } = await begin()
  await post('add', { ids: ['a', 'b', 'a'], embeddings: [[1], [2], [3]], documents: ['one', 'two', 'three'] })
  expect(await all()).toMatchObject({ ids: ['a', 'b'], embeddings: [[1], [2]], documents: ['one', 'two'] })
})

test('of one id twice in a batch an upsert and an update apply both in turn', async () => {
  const { post, all } = await begin()
  await post('upsert', {
    ids: ['a', 'b', 'a'],
    embeddings: [[1], [2], [3]],
    documents: ['one', null, null],
    metadatas: [{ x: 1, y: 1 }, null, { y: 2, x: null }],
  })
  expect(await all()).toMatchObject({
    ids: ['a', 'b'],
    embeddings: [[3], [2]],
    documents: ['one', null],
    metadatas: [{ y: 2 }, null],
  })
  await post('update', {
    ids: ['b', 'b'],
    documents: ['first', 'second'],
    metadatas: [{ z: 1 }, { w: 2 }],
  })
  expect(await all()).toMatchObject({ documents: ['one', 'second'], metadatas: [{ y: 2 }, { z: 1, w: 2 }] })
})

test('dimensions are checked for what falls away, too', async () => {
  const { server, collection, post, all } = await begin()
  const twice = { ids: ['a', 'a'], embeddings: [[1, 2], [3]] }
  expect((await call(server, 'POST', `${collection}/add`, twice)).status).toBe(400)
  expect((await all()).ids).toEqual([])
  await post('add', { ids: ['a'], embeddings: [[1, 2]] })
  await post('delete', { ids: ['a'] })
  const other = { ids: ['b'], embeddings: [[1]] }
  expect((await call(server, 'POST', `${collection}/add`, other)).status).toBe(400)
})

test('an add of what exists is skipped; an update of what does not, too', async () => {
  const { server, collection, post, all } = await begin()
  expect((await call(server, 'POST', `${collection}/add`, { ids: ['a'], embeddings: [[1]] })).status).toBe(
    201,
  )
  await post('add', { ids: ['a'], embeddings: [[9]] })
  await post('update', { ids: ['nobody'], embeddings: [[9]] })
  expect(await all()).toMatchObject({ ids: ['a'], embeddings: [[1]] })
  expect((await call(server, 'POST', `${collection}/add`, { ids: [], embeddings: [] })).status).toBe(201)
})

test('an upsert merges metadata, keeps what is absent, and null removes a key', async () => {
  const { post, all } = await begin()
  await post('add', {
    ids: ['a'],
    embeddings: [[1]],
    documents: ['text'],
    uris: ['u'],
    metadatas: [{ x: 1, y: 2 }],
  })
  await post('upsert', { ids: ['a'], embeddings: [[2]], metadatas: [{ y: null, z: [] }] })
  expect(await all()).toMatchObject({
    embeddings: [[2]],
    documents: ['text'],
    uris: ['u'],
    metadatas: [{ x: 1 }],
  })
})

test('metadata is null when its last key goes, and {} beside a uri', async () => {
  const { post, all } = await begin()
  await post('add', {
    ids: ['a', 'b'],
    embeddings: [[1], [2]],
    uris: ['u', null],
    metadatas: [{ x: 1 }, { x: 1 }],
  })
  await post('update', { ids: ['a', 'b'], metadatas: [{ x: null }, { x: null }] })
  expect((await all()).metadatas).toEqual([{}, null])
  expect(await post('get', { include: ['metadatas'] })).toMatchObject({ metadatas: [{}, null], uris: null })
  const found = await post('query', { query_embeddings: [[1]], include: ['metadatas'] })
  expect(found).toMatchObject({ metadatas: [[{}, null]], uris: null })
})

test('deleted counts requested ids, or with a filter the records removed', async () => {
  const { post } = await begin()
  const ids = ['a', 'b', 'c', 'd', 'e']
  await post('add', { ids, embeddings: ids.map(() => [1]), metadatas: ids.map((_, n) => ({ n })) })
  expect(await post('delete', {})).toEqual({ deleted: 0 })
  expect(await post('delete', { ids: ['a', 'nobody', '', 'a'] })).toEqual({ deleted: 4 })
  expect(await post('delete', { where: { n: { $gte: 1 } }, limit: 1 })).toEqual({ deleted: 1 })
  expect(await post('delete', { ids: ['b', 'c', 'e'], where: { n: { $lte: 3 } } })).toEqual({ deleted: 1 })
  expect(await post('delete', { where: { n: 77 } })).toEqual({ deleted: 0 })
  expect((await post('get', {})).ids).toEqual(['d', 'e'])
})

test('get answers in insertion order, each id once; columns not asked for are null', async () => {
  const { post } = await begin()
  await post('add', { ids: ['b', 'a'], embeddings: [[1], [2]], documents: ['x', 'y'] })
  await post('upsert', { ids: ['b'], embeddings: [[3]] })
  expect(await post('get', { ids: ['a', 'b', 'a', 'nobody', ''] })).toEqual({
    ids: ['b', 'a'],
    embeddings: null,
    documents: ['x', 'y'],
    uris: null,
    metadatas: [null, null],
    include: ['documents', 'metadatas'],
  })
  await post('delete', { ids: ['b'] })
  await post('add', { ids: ['b'], embeddings: [[3]] })
  expect((await post('get', { include: ['distances'] })).ids).toEqual(['a', 'b'])
  expect(await post('get', { ids: [] })).toMatchObject({ ids: [] })
  expect(await post('get', { limit: 1, offset: 1, include: [] })).toMatchObject({
    ids: ['b'],
    documents: null,
    metadatas: null,
    include: [],
  })
})

test('a query leaves out unknown ids, and takes any number of results', async () => {
  const { post } = await begin()
  await post('add', { ids: ['a', 'b'], embeddings: [[1], [2]] })
  const query = (more: object) =>
    post('query', { query_embeddings: [[0], [3]], include: ['distances'], ...more })
  expect(await query({})).toEqual({
    ids: [
      ['a', 'b'],
      ['b', 'a'],
    ],
    embeddings: null,
    documents: null,
    uris: null,
    metadatas: null,
    distances: [
      [1, 4],
      [1, 4],
    ],
    include: ['distances'],
  })
  expect(await query({ ids: ['nobody', 'b'] })).toMatchObject({ ids: [['b'], ['b']] })
  expect(await query({ n_results: 0 })).toMatchObject({ ids: [[], []], distances: [[], []] })
  expect(await query({ n_results: 4_000_000_000 })).toMatchObject({
    ids: [
      ['a', 'b'],
      ['b', 'a'],
    ],
  })
  expect(await query({ n_results: null })).toMatchObject({
    ids: [
      ['a', 'b'],
      ['b', 'a'],
    ],
  })
})

test('infinite distances are null', async () => {
  const { post } = await begin()
  await post('add', { ids: ['a'], embeddings: [[3e38, 3e38]] })
  const found = await post('query', { query_embeddings: [[-3e38, -3e38]], include: ['distances'] })
  expect(found).toMatchObject({ ids: [['a']], distances: [[null]] })
})

test('filters: null is as absent, $and of nothing everything, $or of nothing nothing', async () => {
  const { post } = await begin()
  await post('add', {
    ids: ['a', 'b'],
    embeddings: [[1], [2]],
    documents: ['hello', null],
    metadatas: [{ n: 1 }, { m: 'x' }],
  })
  const ids = async (body: object) => (await post('get', body)).ids
  expect(await ids({ where: null, where_document: null })).toEqual(['a', 'b'])
  expect(await ids({ where: { $and: [] } })).toEqual(['a', 'b'])
  expect(await ids({ where_document: { $and: [] } })).toEqual(['a', 'b'])
  expect(await ids({ where_document: { $or: [] } })).toEqual([])
  expect(await ids({ where: { n: { $in: [1, 1.5] } } })).toEqual(['a'])
  expect(await ids({ where: { n: { $ne: 1 } } })).toEqual(['b'])
  expect(await ids({ where_document: { $contains: '' } })).toEqual(['a'])
  expect(await ids({ where_document: { $not_contains: 'hello' } })).toEqual(['b'])
})

test('embeddings: base64 comes in, the fewest digits go out, -0.0 survives', async () => {
  const { server, collection, post } = await begin()
  const base64 = Buffer.from(new Float32Array([0.1, -0, 3]).buffer).toString('base64')
  await post('add', { ids: ['a'], embeddings: [base64] })
  await call(server, 'POST', `${collection}/add`, '{"ids":["b"],"embeddings":[[-0.0,1e-7,16777216.0]]}')
  const { text } = await call(server, 'POST', `${collection}/get`, { include: ['embeddings'] })
  expect(text).toContain('"embeddings":[[0.1,-0.0,3.0],[-0.0,1e-7,16777216.0]]')
})

test('legacy metadata chooses the space, unless there is a configuration; SPANN becomes HNSW', async () => {
  const { ask } = await begin()
  const space = async (payload: object) => {
    const made = await ask('POST', `${databasePath}/collections`, payload)
    return (made.json() as { configuration_json: { hnsw: { space: string }; spann: null } })
      .configuration_json
  }
  const metadata = { 'hnsw:space': 'cosine' }
  expect((await space({ name: 'legacy', metadata })).hnsw.space).toBe('cosine')
  expect((await space({ name: 'both', metadata, configuration: { hnsw: {} } })).hnsw.space).toBe('l2')
  expect(await space({ name: 'spann', configuration: { spann: { space: 'ip' } } })).toMatchObject({
    hnsw: { space: 'ip' },
    spann: null,
  })
})

test('get_or_create ignores new metadata; a change replaces it, null leaves it alone', async () => {
  const { ask } = await begin({ name: 'kept', metadata: { a: 1 } })
  const collections = `${databasePath}/collections`
  const again = await ask('POST', collections, { name: 'kept', get_or_create: true, metadata: { b: 2 } })
  const { id, metadata } = again.json() as { id: string; metadata: object }
  expect(metadata).toEqual({ a: 1 })
  await ask('PUT', `${collections}/${id}`, { new_metadata: { c: 3 } })
  await ask('PUT', `${collections}/${id}`, {
    new_name: 'renamed',
    new_metadata: null,
    new_configuration: { hnsw: { ef_search: 33 } },
  })
  expect((await ask('GET', `${collections}/renamed`)).json()).toMatchObject({
    metadata: { c: 3 },
    configuration_json: { hnsw: { ef_search: 33 } },
  })
})

test('record calls do not look at the tenant and database in the path', async () => {
  const { ask, collection } = await begin()
  const elsewhere = collection.replace(databasePath, '/api/v2/tenants/other/databases/elsewhere')
  expect((await ask('GET', `${elsewhere}/count`)).text).toBe('0')
  expect(
    (
      await ask(
        'GET',
        `${collection.toUpperCase().replace(databasePath.toUpperCase(), databasePath).replace('COLLECTIONS', 'collections')}/count`,
      )
    ).text,
  ).toBe('0')
})

test('a missing database lists nothing; a database in a new tenant is created with it', async () => {
  const { ask } = await begin()
  const database = '/api/v2/tenants/newcomer/databases/fresh'
  expect((await ask('GET', `${database}/collections`)).text).toBe('[]')
  expect((await ask('GET', `${database}/collections_count`)).text).toBe('0')
  expect((await ask('GET', '/api/v2/tenants/newcomer/databases')).text).toBe('[]')
  expect((await ask('POST', '/api/v2/tenants/newcomer/databases', { name: 'fresh' })).text).toBe('{}')
  await ask('POST', '/api/v2/tenants/newcomer/databases', { name: 'another' })
  const listed = (await ask('GET', '/api/v2/tenants/newcomer/databases')).json() as { name: string }[]
  expect(listed.map(({ name }) => name)).toEqual(['another', 'fresh'])
  expect((await ask('GET', database)).json()).toMatchObject({ name: 'fresh', tenant: 'newcomer' })
})

test('content types: any kind of JSON, and none', async () => {
  const { server, collection } = await begin()
  for (const type of ['application/vnd.api+json', 'application/json; charset=utf-8', 'APPLICATION/JSON'])
    expect((await call(server, 'POST', `${collection}/get`, '{}', { 'content-type': type })).status).toBe(200)
  const bare = await fetch(`${server.url}${collection}/get`, { method: 'POST', body: Buffer.from('{}') })
  expect(bare.status).toBe(200)
})

test('lists of collections are in the order of their creation, a page at a time', async () => {
  const { ask, server } = await begin({ name: 'c-first' })
  await newCollection(server, { name: 'b-second' })
  await newCollection(server, { name: 'a-third' })
  const names = async (query: string) =>
    ((await ask('GET', `${databasePath}/collections${query}`)).json() as { name: string }[]).map(
      ({ name }) => name,
    )
  expect(await names('')).toEqual(['c-first', 'b-second', 'a-third'])
  expect(await names('?limit=1&offset=1')).toEqual(['b-second'])
  expect((await ask('GET', `${databasePath}/collections_count`)).text).toBe('3')
})

test('a collection is deleted by its name', async () => {
  const { ask, server, collection } = await begin({ name: 'gone' })
  expect((await ask('DELETE', `${databasePath}/collections/gone`)).text).toBe('{}')
  expect((await call(server, 'GET', `${collection}/count`)).status).toBe(404)
})

test('embedding functions are written down as they are named', async () => {
  const { ask } = await begin()
  const kinds = [
    { type: 'known', name: 'openai', config: { model: 'small', dimensions: 256 } },
    { type: 'legacy' },
    { type: 'unknown' },
  ]
  for (const [index, embedding_function] of kinds.entries()) {
    const payload = { name: `kind-${index}`, configuration: { embedding_function } }
    const made = (await ask('POST', `${databasePath}/collections`, payload)).json() as Record<string, object>
    expect(made.configuration_json).toMatchObject({ embedding_function })
  }
})

test('numbers keep their text: 64-bit integers, whole floats, arrays of floats as a whole', async () => {
  const { server, collection, ask } = await begin()
  const send = (action: string, body: string) => ask('POST', `${collection}/${action}`, body)
  const metadatas = '[{"i":9007199254740993,"m":-9223372036854775808,"f":2.0,"n":2,"z":-0.0,"a":[1.0,2.5]}]'
  await send('add', `{"ids":["a"],"embeddings":[[1]],"metadatas":${metadatas}}`)
  const { text } = await call(server, 'POST', `${collection}/get`, { include: ['metadatas'] })
  expect(text).toContain(`"metadatas":${metadatas}`)
  const found = async (where: string) =>
    ((await send('get', `{"where":${where}}`)).json() as { ids: string[] }).ids.length
  expect(await found('{"i":9007199254740993}')).toBe(1)
  expect(await found('{"i":9007199254740992}')).toBe(0)
  expect(await found('{"f":2}')).toBe(1)
  expect(await found('{"n":2.0}')).toBe(1)
  expect(await found('{"n":{"$gt":1.5}}')).toBe(1)
  expect(await found('{"n":{"$in":[1,2.0]}}')).toBe(1)
  expect(await found('{"a":{"$contains":2.5}}')).toBe(1)
  await send('add', '{"ids":["b"],"embeddings":[[1]],"metadatas":[{"mixed":[1,2.5]}]}')
  expect((await call(server, 'POST', `${collection}/get`, { ids: ['b'] })).text).toContain(
    '"mixed":[1.0,2.5]',
  )
  const made = await ask('POST', `${databasePath}/collections`, '{"name":"exact","metadata":{"f":1.0,"i":1}}')
  expect(made.text).toContain('"metadata":{"f":1.0,"i":1}')
})
