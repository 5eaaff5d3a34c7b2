import { describe, expect, test } from 'vitest'
import { call, newCollection, startServer } from './support.ts'

const metadata =
  '{"two":2.0,"int":2,"large":9007199254740993,"least":-9223372036854775808,"zero":-0.0,"half":0.5,' +
  '"floats":[1.0,2.5],"ints":[1,9007199254740993]}'

async function filled() {
  const server = await startServer()
  const path = await newCollection(server, JSON.parse('{"name":"notes"}'))
  const body = `{"ids":["a"],"embeddings":[[1.0,-0.0]],"metadatas":[${metadata}]}`
  expect(await call(server, 'POST', `${path}/add`, body)).toMatchObject({ status: 201 })
  return { server, path }
}

describe('numbers in bodies', () => {
  test('come back with the text that they came in', async () => {
    const { server, path } = await filled()
    const include = ['metadatas', 'embeddings']
    expect((await call(server, 'POST', `${path}/get`, { include })).text).toContain(
      `"metadatas":[${metadata}]`,
    )
    const query = { query_embeddings: [[1, 0]], include }
    expect((await call(server, 'POST', `${path}/query`, query)).text).toContain(`"metadatas":[[${metadata}]]`)
    expect((await call(server, 'GET', `${path}/history?id=a`)).text).toContain(`"metadata":${metadata}`)
    const changes = await call(server, 'GET', `${path}/changes?live=false`)
    expect(changes.text).toContain(`"metadata":${metadata}`)
  })

  test('of collections, too', async () => {
    const server = await startServer()
    const database = '/api/v2/tenants/default_tenant/databases/default_database'
    const made = await call(
      server,
      'POST',
      `${database}/collections`,
      `{"name":"notes","metadata":${metadata}}`,
    )
    expect(made.text).toContain(`"metadata":${metadata}`)
    expect((await call(server, 'GET', `${database}/collections/notes`)).text).toContain(
      `"metadata":${metadata}`,
    )
  })

  test('one float makes floats of an array, and what 64 bits do not hold is a float', async () => {
    const { server, path } = await filled()
    const body = '{"ids":["a"],"metadatas":[{"floats":[1,2.5],"large":9223372036854775808}]}'
    expect((await call(server, 'POST', `${path}/update`, body)).status).toBe(200)
    const { text } = await call(server, 'POST', `${path}/get`, {})
    expect(text).toContain('"floats":[1.0,2.5]')
    expect(text).toContain('"large":9223372036854776000.0')
  })

  test.each([
    ['{"two":2}', 1],
    ['{"int":2.0}', 1],
    ['{"two":{"$in":[1,2.0]}}', 1],
    ['{"two":{"$in":[1,1.5]}}', 0],
    ['{"large":9007199254740993}', 1],
    ['{"large":9007199254740992}', 0],
    ['{"large":{"$gt":9007199254740992.0}}', 1],
    ['{"half":{"$lt":1e300}}', 1],
    ['{"ints":{"$contains":9007199254740992}}', 0],
  ])('%s finds %i', async (where, count) => {
    const { server, path } = await filled()
    const { text } = await call(server, 'POST', `${path}/get`, `{"where":${where}}`)
    expect((JSON.parse(text) as { ids: string[] }).ids).toHaveLength(count)
  })
})
