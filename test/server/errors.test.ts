import { describe, expect, test } from 'vitest'
import { type Answered, call, databasePath, newCollection, startServer } from './support.ts'

const unknownId = '00000000-0000-4000-8000-000000000000'
const invalid = { status: 400, error: 'InvalidArgumentError' }
const shape = { status: 422, error: 'ChromaError' }
const missing = { status: 404, error: 'NotFoundError' }
const exists = { status: 409, error: 'ChromaError' }
const unsupported = { status: 501, error: 'ChromaError' }

type Case = [what: string, method: string, path: string, body: unknown, expected: object, type?: string]

/** Below `C` stands the path of a collection with one record of three dimensions; below `T` its database. */
const one = { ids: ['x'], embeddings: [[1, 2, 3]] }
const many = Array.from({ length: 10_001 }, (_, index) => String(index))
const schema = (keys: object, more: object = {}): object => ({
  name: 'abc',
  schema: { defaults: {}, keys, ...more },
})
const index = (type: string, name: string, enabled: boolean, config: object = {}): object => ({
  [type]: { [name]: { enabled, config } },
})
const cases: Case[] = [
  ['malformed JSON', 'POST', 'C/get', '{"ids": [', invalid],
  ['no body', 'POST', 'C/get', '', invalid],
  ['NaN', 'POST', 'C/add', '{"ids":["x"],"embeddings":[[NaN,2,3]]}', invalid],
  ['half a surrogate pair', 'POST', 'C/add', '{"ids":["\\ud800"],"embeddings":[[1,2,3]]}', invalid],
  ['a body that is no object', 'POST', 'C/get', '[]', shape],
  ['embeddings are missing', 'POST', 'C/add', { ids: ['x'] }, shape],
  ['embeddings are missing in an upsert', 'POST', 'C/upsert', { ids: ['x'] }, shape],
  ['ids are missing', 'POST', 'C/add', { embeddings: [[1, 2, 3]] }, shape],
  ['an id is a number', 'POST', 'C/add', { ids: [1], embeddings: [[1, 2, 3]] }, shape],
  ['an embedding holds text', 'POST', 'C/add', { ids: ['x'], embeddings: [[1, '2', 3]] }, shape],
  ['base64 mixed with numbers', 'POST', 'C/add', { ids: ['x', 'y'], embeddings: ['AACAPw==', [1]] }, shape],
  ['numbers mixed with base64', 'POST', 'C/add', { ids: ['x', 'y'], embeddings: [[1], 'AACAPw=='] }, shape],
  ['a null embedding in an add', 'POST', 'C/add', { ids: ['x'], embeddings: [null] }, shape],
  ['base64 in a query', 'POST', 'C/query', { query_embeddings: ['AACAPwAAAEAAAEBA'] }, shape],
  ['query_embeddings are missing', 'POST', 'C/query', {}, shape],
  ['an unknown include', 'POST', 'C/get', { include: ['nonsense'] }, shape],
  ['include is null', 'POST', 'C/get', { include: null }, shape],
  ['limit is a float', 'POST', 'C/get', '{"limit":1.0}', shape],
  ['limit is negative', 'POST', 'C/get', { limit: -1 }, shape],
  ['limit is beyond 32 bits', 'POST', 'C/get', { limit: 2 ** 32 }, shape],
  ['n_results is text', 'POST', 'C/query', { query_embeddings: [[1, 2, 3]], n_results: '3' }, shape],
  ['a key twice', 'POST', 'C/get', '{"limit":1,"limit":2}', shape],
  ['nested metadata', 'POST', 'C/add', { ...one, metadatas: [{ a: { b: 1 } }] }, shape],
  ['null in the metadata of an add', 'POST', 'C/add', { ...one, metadatas: [{ a: null }] }, shape],
  ['mixed values in an array', 'POST', 'C/add', { ...one, metadatas: [{ a: [1, 'x'] }] }, shape],
  [
    'an unknown HNSW option',
    'POST',
    'T/collections',
    { name: 'abc', configuration: { hnsw: { foo: 1 } } },
    shape,
  ],
  [
    'an unknown space',
    'POST',
    'T/collections',
    { name: 'abc', configuration: { hnsw: { space: 'l3' } } },
    shape,
  ],
  [
    'an unknown kind of function',
    'POST',
    'T/collections',
    { name: 'abc', configuration: { embedding_function: { type: 'other' } } },
    shape,
  ],
  ['a wrong content type', 'POST', 'C/get', '{}', { status: 415, error: 'ChromaError' }, 'text/plain'],
  ['a short name', 'POST', 'T/collections', { name: 'ab' }, invalid],
  ['a long name', 'POST', 'T/collections', { name: 'a'.repeat(513) }, invalid],
  ['a name with spaces', 'POST', 'T/collections', { name: 'a b c' }, invalid],
  ['an address as a name', 'POST', 'T/collections', { name: '127.0.0.1' }, invalid],
  ['empty metadata of a collection', 'POST', 'T/collections', { name: 'abc', metadata: {} }, invalid],
  [
    'two kinds of index',
    'POST',
    'T/collections',
    { name: 'abc', configuration: { hnsw: {}, spann: {} } },
    invalid,
  ],
  ['a metadata key with #', 'POST', 'C/add', { ...one, metadatas: [{ '#a': 1 }] }, invalid],
  ['a metadata key with $', 'POST', 'C/add', { ...one, metadatas: [{ $a: 1 }] }, invalid],
  ['an empty metadata key', 'POST', 'C/add', { ...one, metadatas: [{ '': 1 }] }, invalid],
  ['a number beyond float32', 'POST', 'C/add', '{"ids":["x"],"embeddings":[[1e39,2,3]]}', invalid],
  ['an empty embedding', 'POST', 'C/add', { ids: ['x'], embeddings: [[]] }, invalid],
  ['an empty id', 'POST', 'C/add', { ids: [''], embeddings: [[1, 2, 3]] }, invalid],
  ['columns of unequal length', 'POST', 'C/add', { ids: ['x', 'y'], embeddings: [[1, 2, 3]] }, invalid],
  ['another dimension', 'POST', 'C/add', { ids: ['x'], embeddings: [[1, 2]] }, invalid],
  [
    'another dimension for an id that is there',
    'POST',
    'C/add',
    { ids: ['a'], embeddings: [[1, 2]] },
    invalid,
  ],
  ['another dimension in a query', 'POST', 'C/query', { query_embeddings: [[1, 2]] }, invalid],
  ['bad base64', 'POST', 'C/add', { ids: ['x'], embeddings: ['!!!!'] }, invalid],
  ['base64 of half a number', 'POST', 'C/add', { ids: ['x'], embeddings: ['AAA='] }, invalid],
  ['an empty where', 'POST', 'C/get', { where: {} }, invalid],
  ['two keys in a where', 'POST', 'C/get', { where: { a: 1, b: 2 } }, invalid],
  ['$regex on metadata', 'POST', 'C/get', { where: { a: { $regex: 'x' } } }, invalid],
  ['$gt with text', 'POST', 'C/get', { where: { a: { $gt: 'x' } } }, invalid],
  ['an empty $in', 'POST', 'C/get', { where: { a: { $in: [] } } }, invalid],
  ['$eq on the document', 'POST', 'C/get', { where: { '#document': { $eq: 'x' } } }, invalid],
  ['$matches', 'POST', 'C/get', { where_document: { $matches: 'x' } }, invalid],
  ['a bad regular expression', 'POST', 'C/get', { where_document: { $regex: '(' } }, invalid],
  ['delete with a limit alone', 'POST', 'C/delete', { ids: ['a'], limit: 1 }, invalid],
  ['delete of no ids', 'POST', 'C/delete', { ids: [] }, invalid],
  ['an id that is no UUID', 'GET', 'T/collections/by-id/nonsense', undefined, invalid],
  ['a record call with an id that is no UUID', 'POST', 'T/collections/nonsense/get', {}, invalid],
  ['an unknown read level', 'GET', 'C/count?read_level=other', undefined, invalid],
  ['a limit that is no number', 'GET', 'T/collections?limit=x', undefined, invalid],
  ['a missing collection by name', 'GET', 'T/collections/nothing', undefined, missing],
  ['a missing collection by id', 'GET', `T/collections/by-id/${unknownId}`, undefined, missing],
  ['records of a missing collection', 'POST', `T/collections/${unknownId}/get`, {}, missing],
  [
    'an add to a missing collection',
    'POST',
    `T/collections/${unknownId}/add`,
    { ids: [], embeddings: [] },
    missing,
  ],
  ['a change of a missing collection', 'PUT', `T/collections/${unknownId}`, {}, missing],
  ['deleting a collection by its id', 'DELETE', 'C', undefined, missing],
  ['a long tenant', 'GET', `/api/v2/tenants/${'a'.repeat(600)}`, undefined, invalid],
  [
    'a long database',
    'GET',
    `/api/v2/tenants/default_tenant/databases/${'a'.repeat(600)}/collections`,
    undefined,
    invalid,
  ],
  ['a missing tenant', 'GET', '/api/v2/tenants/nobody', undefined, missing],
  ['a missing database', 'GET', '/api/v2/tenants/default_tenant/databases/nothing', undefined, missing],
  [
    'deleting a missing database',
    'DELETE',
    '/api/v2/tenants/default_tenant/databases/nothing',
    undefined,
    missing,
  ],
  [
    'a collection in a missing database',
    'POST',
    '/api/v2/tenants/default_tenant/databases/nothing/collections',
    { name: 'abc' },
    invalid,
  ],
  ['a collection that exists', 'POST', 'T/collections', { name: 'notes' }, exists],
  ['a tenant that exists', 'POST', '/api/v2/tenants', { name: 'default_tenant' }, exists],
  [
    'a database that exists',
    'POST',
    '/api/v2/tenants/default_tenant/databases',
    { name: 'default_database' },
    exists,
  ],
  ['a name that is taken', 'PUT', 'C', { new_name: 'other' }, exists],
  ['empty metadata in a change', 'PUT', 'C', { new_metadata: {} }, invalid],
  ['a space that is to change', 'PUT', 'C', { new_configuration: { hnsw: { space: 'ip' } } }, shape],
  ['a reset that is not allowed', 'POST', '/api/v2/reset', undefined, { status: 403, error: 'ChromaError' }],
  [
    'a sparse vector',
    'POST',
    'C/add',
    { ...one, metadatas: [{ s: { indices: [1], values: [0.5] } }] },
    unsupported,
  ],
  ['a name with a topology', 'POST', 'T/collections', { name: 'abc+def' }, invalid],
  ["a key of Chroma's own", 'POST', 'C/add', { ...one, metadatas: [{ 'chroma:document': 'x' }] }, invalid],
  ['other links of a graph', 'PUT', 'C', { new_configuration: { hnsw: { max_neighbors: 32 } } }, invalid],
  ['SPANN in a change', 'PUT', 'C', { new_configuration: { spann: { ef_search: 3 } } }, invalid],
  ['a schema without its parts', 'POST', 'T/collections', { name: 'abc', schema: { defaults: {} } }, shape],
  [
    'a schema with an index switched off',
    'POST',
    'T/collections',
    schema({ x: index('int', 'int_inverted_index', false) }),
    unsupported,
  ],
  [
    'a schema with a sparse index',
    'POST',
    'T/collections',
    schema({ x: index('sparse_vector', 'sparse_vector_index', true) }),
    unsupported,
  ],
  [
    'a schema with vectors elsewhere',
    'POST',
    'T/collections',
    schema({ x: index('float_list', 'vector_index', true) }),
    invalid,
  ],
  [
    'a schema with full text elsewhere',
    'POST',
    'T/collections',
    schema({ x: index('string', 'fts_index', true) }),
    invalid,
  ],
  ['a schema with a key of the system', 'POST', 'T/collections', schema({ '#x': {} }), invalid],
  [
    'a schema with a key of its own',
    'POST',
    'T/collections',
    schema({}, { cmek: { gcp: 'x' } }),
    unsupported,
  ],
  [
    'a schema beside a configuration',
    'POST',
    'T/collections',
    {
      ...schema({ '#embedding': index('float_list', 'vector_index', true, { space: 'ip' }) }),
      configuration: { hnsw: { space: 'l2' } },
    },
    invalid,
  ],
  [
    'too many records',
    'POST',
    'C/add',
    { ids: many, embeddings: many.map(() => [1, 2, 3]) },
    { status: 413, error: 'InvalidArgumentError' },
  ],
  [
    'attaching a function',
    'POST',
    'C/functions/attach',
    { name: 'f', function_id: 'g', output_collection: 'h' },
    unsupported,
  ],
  ['an attached function', 'GET', 'C/functions/f', undefined, missing],
  ['detaching a function', 'POST', 'C/attached_functions/f/detach', {}, missing],
  ['a CRN', 'GET', '/api/v2/collections/a:b:c', undefined, unsupported],
  ['malformed escapes in the path', 'GET', 'T/collections/%zz', undefined, invalid],
  ['a point that is none', 'POST', 'C/get?as_of=%2a', {}, invalid],
  ['a point that lies ahead', 'POST', 'C/get?as_of=999', {}, invalid],
  ['an unknown tag', 'POST', 'C/get?as_of=tag:nothing', {}, missing],
]

describe('the table of errors', () => {
  test.concurrent.each(cases)('%s', async (_what, method, path, body, expected, type) => {
    const { answer, count } = await asked(method, path, body, type)
    expect(described(answer)).toEqual({ ...expected, message: expect.stringMatching(/./) })
    expect(count).toBe('1')
  })

  const server = startShared()

  async function asked(method: string, path: string, body: unknown, type?: string) {
    const { running, collection } = await server
    const full = path.replace(/^C/, collection).replace(/^T/, databasePath)
    const answer = await call(running, method, full, body, type === undefined ? {} : { 'content-type': type })
    return { answer, count: (await call(running, 'GET', `${collection}/count`)).text }
  }
})

async function startShared() {
  const running = await startServer({}, 'file')
  const collection = await newCollection(running)
  await newCollection(running, { name: 'other' })
  await call(running, 'POST', `${collection}/add`, { ids: ['a'], embeddings: [[1, 2, 3]] })
  return { running, collection }
}

function described({ status, text }: Answered): object {
  const { error, message } = JSON.parse(text) as { error: string; message: string }
  return { status, error, message }
}

describe('what has no body, or another one', () => {
  test('unknown routes are 404, other methods 405 with Allow', async () => {
    const server = await startServer()
    const collection = await newCollection(server)
    for (const path of [
      '/',
      '/api',
      '/api/v2/nothing',
      '/api/v1',
      `${collection}/nothing`,
      `${databasePath}/`,
    ])
      expect(await call(server, 'GET', path)).toMatchObject({ status: 404, text: '' })
    const put = await call(server, 'PUT', '/api/v2/heartbeat')
    expect(put).toMatchObject({ status: 405, text: '' })
    expect(put.headers.get('allow')).toBe('GET,HEAD')
    const get = await call(server, 'GET', `${collection}/add`)
    expect(get).toMatchObject({ status: 405, text: '' })
    expect(get.headers.get('allow')).toBe('POST')
    const post = await call(server, 'POST', collection, {})
    expect(post.headers.get('allow')?.split(',').sort()).toEqual(['DELETE', 'GET', 'HEAD', 'PUT'])
  })

  test('the first version of the API is gone', async () => {
    const server = await startServer()
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'])
      expect((await call(server, method, '/api/v1/collections')).json()).toEqual({
        error: 'Unimplemented',
        message: 'The v1 API is deprecated. Please use /v2 apis',
      })
    expect(await call(server, 'GET', '/api/v1/heartbeat')).toMatchObject({ status: 410 })
    expect(await call(server, 'POST', '/api/v1/collections', {})).toMatchObject({ status: 405, text: '' })
  })

  test('a body beyond 40 MiB is 413 as text', async () => {
    const server = await startServer()
    const collection = await newCollection(server)
    const answer = await call(server, 'POST', `${collection}/get`, ' '.repeat(41_943_041))
    expect(answer).toMatchObject({ status: 413, text: 'Payload too large' })
    expect(await call(server, 'POST', `${collection}/get`, `{}${' '.repeat(41_943_038)}`)).toMatchObject({
      status: 200,
    })
  })

  test('malformed UTF-8 is malformed JSON', async () => {
    const server = await startServer()
    const collection = await newCollection(server)
    const body = Buffer.from([0x7b, 0x22, 0x69, 0xff, 0x22, 0x3a, 0x31, 0x7d])
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${server.url}${collection}/get`, { method: 'POST', headers, body })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: 'InvalidArgumentError' })
  })

  test('HEAD answers as GET, without a body', async () => {
    const server = await startServer()
    const collection = await newCollection(server)
    expect(await call(server, 'HEAD', `${collection}/count`)).toMatchObject({ status: 200, text: '' })
    expect(await call(server, 'HEAD', `${databasePath}/collections/nothing`)).toMatchObject({ status: 404 })
    for (const stream of [`${collection}/changes`, `${collection}/history?id=a`, '/api/v2/backup/frames'])
      expect(await call(server, 'HEAD', stream)).toMatchObject({ status: 200, text: '' })
  })
})
