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

  test('embeddings, distances and scores are floats of single precision, whole ones too', async () => {
    const server = await startServer()
    const path = await newCollection(server)
    const embeddings = '[[1,-0.0,0.1],[3,4.0,0.1],[1e20,0.25,0.5],[0.3,-7,1e-7]]'
    await call(server, 'POST', `${path}/add`, `{"ids":["a","b","c","d"],"embeddings":${embeddings}}`)
    const got = await call(server, 'POST', `${path}/get`, { include: ['embeddings'] })
    expect(got.text).toContain(
      '"embeddings":[[1.0,-0.0,0.1],[3.0,4.0,0.1],[100000000000000000000.0,0.25,0.5],[0.3,-7.0,1e-7]]',
    )
    const query = { query_embeddings: [[1, 0, 0.1]], include: ['distances'] }
    const found = await call(server, 'POST', `${path}/query`, query)
    expect(found.text).toContain('"ids":[["a","b","d","c"]]')
    // What is too far for single precision is infinite, and JSON has no word for it.
    expect(found.text).toContain('"distances":[[0.0,20.0,49.5,null]]')
    const fine = { query_embeddings: [[1, 0.1, 0.1]], include: ['distances'] }
    expect((await call(server, 'POST', `${path}/query`, fine)).text).toMatch(/"distances":\[\[0\.010000001,/)
    const searches = [
      { rank: { $knn: { query: [1, 0, 0.1] } }, limit: { limit: 2 }, select: { keys: ['#score'] } },
    ]
    expect((await call(server, 'POST', `${path}/search`, { searches })).text).toContain(
      '"scores":[[0.0,20.0]]',
    )
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
