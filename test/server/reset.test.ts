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
