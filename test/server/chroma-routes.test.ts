import { describe, expect, test } from 'vitest'
import { call, databasePath, newCollection, startServer } from './support.ts'

describe('system calls', () => {
  test('answer as Chroma does', async () => {
    const server = await startServer()
    const begun = Date.now()
    const beat = (await call(server, 'GET', '/api/v2/heartbeat')).json() as Record<string, number>
    const beatMs = Math.round(beat['nanosecond heartbeat']! / 1e6)
    expect(beatMs).toBeGreaterThanOrEqual(begun)
    expect(beatMs).toBeLessThanOrEqual(Date.now())
    expect((await call(server, 'GET', '/api/v2')).status).toBe(200)
    expect((await call(server, 'GET', '/api/v2/version')).text).toBe('"1.0.0"')
    expect((await call(server, 'GET', '/api/v2/healthcheck')).json()).toEqual({
      is_executor_ready: true,
      is_log_client_ready: true,
    })
    expect((await call(server, 'GET', '/api/v2/pre-flight-checks')).json()).toEqual({
      max_batch_size: 10_000,
      supports_base64_encoding: true,
    })
    expect((await call(server, 'GET', '/api/v2/auth/identity')).json()).toEqual({
      user_id: '',
      tenant: 'default_tenant',
      databases: ['default_database'],
    })
  })

  test('reset is refused unless it is allowed, and then empties every tenant', async () => {
    const closed = await startServer()
    expect(await call(closed, 'POST', '/api/v2/reset')).toMatchObject({ status: 403 })
    const server = await startServer({ allowReset: true })
    await call(server, 'POST', '/api/v2/tenants', { name: 'acme' })
    await call(server, 'POST', '/api/v2/tenants/acme/databases', { name: 'search' })
    const elsewhere = '/api/v2/tenants/acme/databases/search'
    const paths = [await newCollection(server), await newCollection(server, { name: 'other' }, elsewhere)]
    expect(await call(server, 'POST', '/api/v2/reset')).toMatchObject({ status: 200, text: 'true' })
    for (const path of paths) expect((await call(server, 'GET', `${path}/count`)).status).toBe(404)
    expect((await call(server, 'GET', `${databasePath}/collections_count`)).text).toBe('0')
    expect((await call(server, 'GET', elsewhere)).status).toBe(404)
  })
})
