/** A server in a process of its own: how it ends, and what it logs. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { PersistentClient } from '../../src/client/persistent-client.ts'
import { defaultServerLimits } from '../../src/server/configuration/server-limits.ts'
import { until } from '../support/until.ts'
import { type Child, child } from './child.ts'
import { call, databasePath, newCollection } from './support.ts'
import { unfinished } from './unfinished.ts'

const folder = mkdtempSync(join(tmpdir(), 'annals-processes-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const token = 'a-token-of-sixteen-or-more'

/** Waits until a server takes no new connections: then it is stopping. */
function stopping({ url }: Child): Promise<void> {
  const isRefused = () =>
    fetch(`${url}/api/v2/heartbeat`).then(
      () => false,
      () => true,
    )
  return until(isRefused)
}

/** A server that waits so long for a caller has hung, as far as a test can tell. */
const foreverMs = 3_600_000

describe('signals', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s: what runs is finished, feeds end, and all is kept',
    async (signal) => {
      const path = join(folder, signal)
      const limits = { stopTimeoutMs: foreverMs }
      const server = await child({ path, limits, log: { level: 'info', format: 'json' } })
      const at = { url: server.url } as never
      const collection = await newCollection(at)
      const feed = await fetch(`${server.url}${databasePath}/changes`)
      const feedEnds = feed.text()
      const slow = await unfinished(server.url, `${collection}/add`, '{"ids":["slow"],"embeddings":[[1,2]]}')
      server.kill(signal)
      await stopping(server)
      expect(await slow.finish()).toMatch(/^HTTP\/1\.1 201 /)
      expect(await feedEnds).toContain('event: ')
      expect(await server.ended).toBe(0)
      expect(server.output()).toContain('stopped')
      const client = new PersistentClient({ path })
      const notes = await client.getCollection({ name: 'notes' })
      expect((await notes.get()).ids).toEqual(['slow'])
      expect((await client.verify({ level: 'full' })).findings).toEqual([])
      await client.close()
    },
  )

  test('a caller that does not end is cut off in time', async () => {
    expect(defaultServerLimits.stopTimeoutMs).toBeLessThan(5_000)
    const server = await child({ ephemeral: true, limits: { stopTimeoutMs: 500 } })
    await unfinished(server.url, `${databasePath}/collections`, '{"name":"never"}')
    const from = performance.now()
    server.kill('SIGTERM')
    expect(await server.ended).toBe(0)
    expect(performance.now() - from).toBeGreaterThan(490)
  })

  test('a second signal ends it at once', async () => {
    const server = await child({ ephemeral: true, limits: { stopTimeoutMs: foreverMs } })
    await unfinished(server.url, `${databasePath}/collections`, '{"name":"never"}')
    server.kill('SIGTERM')
    await stopping(server)
    server.kill('SIGTERM')
    expect(await server.ended).toBe(143)
  })
})

describe('what it logs', () => {
  test('names requests, and neither payloads nor ids nor tokens', async () => {
    const secrets = ['record-id-4711', 'text of a document', 'notes-of-eve', token, 'guess-of-a-token']
    const auth = { tokens: [{ name: 'ada', role: 'admin' as const, token }] }
    const server = await child({ ephemeral: true, auth, log: { level: 'trace', format: 'json' } })
    const at = { url: server.url } as never
    const headers = { authorization: `Bearer ${token}`, 'x-request-id': 'trace-77' }
    const created = await call(at, 'POST', `${databasePath}/collections`, { name: 'notes-of-eve' }, headers)
    const { id } = created.json() as { id: string }
    const url = `${databasePath}/collections/${id}`
    await call(
      at,
      'POST',
      `${url}/add`,
      { ids: ['record-id-4711'], embeddings: [[1]], documents: ['text of a document'] },
      headers,
    )
    await call(at, 'GET', `${url}/history?id=record-id-4711`, undefined, headers)
    await call(at, 'GET', `${databasePath}/collections/notes-of-eve`, undefined, headers)
    await call(at, 'GET', `/nowhere/record-id-4711?q=${token}`)
    await call(at, 'GET', `${url}/count`, undefined, { 'x-chroma-token': 'guess-of-a-token' })
    await call(at, 'POST', `${url}/add`, '{"ids":["record-id-4711"', headers)
    server.kill('SIGTERM')
    await server.ended
    const output = server.output()
    for (const secret of secrets) expect(output).not.toContain(secret)
    const lines = output.split('\n').filter((line) => line.startsWith('{'))
    const requests = lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ msg }) => msg === 'request')
    expect(requests).toHaveLength(7)
    expect(requests[1]).toMatchObject({
      requestId: 'trace-77',
      method: 'POST',
      route: '/api/v2/tenants/:tenant/databases/:database/collections/:collection_id/add',
      status: 201,
      identity: 'ada',
    })
    expect(requests[4]).toMatchObject({ route: 'none', status: 404 })
    expect(requests[5]).toMatchObject({ status: 401, from: '127.0.0.1' })
  })

  test('warns when anybody can reach it, and only then', async () => {
    const warning = /No authentication: whoever reaches/
    const log = { level: 'info', format: 'json' } as const
    const open = await child({ ephemeral: true, host: '0.0.0.0', log })
    const closed = await child({ ephemeral: true, log })
    const auth = { tokens: [{ name: 'ada', role: 'admin' as const, token }] }
    const known = await child({ ephemeral: true, host: '0.0.0.0', auth, log })
    for (const server of [open, closed, known]) server.kill('SIGTERM')
    for (const server of [open, closed, known]) await server.ended
    expect([open, closed, known].map((server) => warning.test(server.output()))).toEqual([true, false, false])
  })
})
