import { expect, test } from 'vitest'
import { call, databasePath, newCollection, startServer } from './support.ts'

test.each([
  ['expects a position', { 'x-annals-expected-position': '0' }],
  ['has an idempotency key', { 'idempotency-key': 'once' }],
])('a reset that %s is refused, and deletes nothing', async (_, headers) => {
  const server = await startServer({ allowReset: true })
  await newCollection(server)
  const refused = await call(server, 'POST', '/api/v2/reset', undefined, headers as Record<string, string>)
  expect(refused.json()).toMatchObject({ code: 'unsupported_option', fate: 'not_written' })
  expect((await call(server, 'GET', `${databasePath}/collections_count`)).json()).toBe(1)
  expect((await call(server, 'POST', '/api/v2/reset')).status).toBe(200)
  expect((await call(server, 'GET', `${databasePath}/collections_count`)).json()).toBe(0)
})

test('a reset is one commit: all of it is there, or nothing', async () => {
  const server = await startServer({ allowReset: true })
  const acme = '/api/v2/tenants/acme/databases'
  await newCollection(server)
  for (const name of ['one', 'two']) {
    await call(server, 'POST', acme, { name })
    await newCollection(server, { name: 'notes' }, `${acme}/${name}`)
  }
  await newCollection(server, { name: 'more' })
  const reset = await call(server, 'POST', '/api/v2/reset', undefined, { 'x-annals-actor': 'ada' })
  expect([reset.status, reset.json()]).toEqual([200, true])
  // Four collections, and three databases.
  expect(reset.headers.get('x-annals-count')).toBe('7')
  const position = Number(reset.headers.get('x-annals-position'))
  for (const database of [databasePath, `${acme}/one`, `${acme}/two`]) {
    const { text } = await call(server, 'GET', `${database}/log?type=delete-collection&type=delete-database`)
    const commits = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { commit: object; actor: string })
    expect(commits.length).toBeGreaterThan(1)
    for (const { commit, actor } of commits) {
      expect(actor).toBe('ada')
      expect(commit).toMatchObject({ first: position - 6, count: 7 })
    }
  }
  expect((await call(server, 'GET', acme)).json()).toEqual([])
  const before = `collections_count?as_of=${position - 7}`
  expect((await call(server, 'GET', `${databasePath}/${before}`)).json()).toBe(2)
  // A point inside of the commit is the one before it.
  expect((await call(server, 'GET', `${databasePath}/collections_count?as_of=${position - 1}`)).json()).toBe(
    2,
  )
})
