/** What is still being worked on counts as load, although its caller was answered or has left. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { fastify } from 'fastify'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { PersistentClient } from '../../src/client/persistent-client.ts'
import { type Answer, linesType } from '../../src/server/http/answer.ts'
import type { ServerContext } from '../../src/server/http/context.ts'
import type { Call } from '../../src/server/http/route.ts'
import { job, lines } from '../../src/server/http/streams.ts'
import { LoadGate } from '../../src/server/operation/load-gate.ts'
import { admission } from '../../src/server/plugins/admission.ts'
import { registerRoute } from '../../src/server/register-route.ts'
import type { RunningServer } from '../../src/server/serve.ts'
import { Turns } from '../../src/turns.ts'
import { call, databasePath, startServer } from './support.ts'

const folder = mkdtempSync(join(tmpdir(), 'annals-gate-'))
const clients: PersistentClient[] = []
const held: (() => void)[] = []
afterEach(async () => {
  for (const release of held.splice(0)) release()
  for (const client of clients.splice(0)) await client.close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A server on a store whose writes wait until `release` is called. */
async function heldServer(
  name: string,
  limits: object,
): Promise<{ server: RunningServer; release: () => void }> {
  const path = join(folder, name)
  const server = await startServer({ path, limits: { concurrentRequests: 1, ...limits } })
  // Both have the same store: it is shared within a process.
  const client = new PersistentClient({ path })
  clients.push(client)
  const { writer } = await client.store()
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  void writer.exclusive(() => released)
  held.push(release)
  return { server, release }
}

const collections = `${databasePath}/collections`
const create = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"name":"slow"}' }
const read = (server: RunningServer) => call(server, 'GET', collections)

/** A figure of the server's, by the start of its line. */
async function figure(server: RunningServer, start: string): Promise<string | undefined> {
  const { text } = await call(server, 'GET', '/metrics')
  return text.split('\n').find((line) => line.startsWith(start))
}

test('a write that goes on after its deadline keeps its place until it is done', async () => {
  const { server, release } = await heldServer('late', { requestTimeoutMs: 200 })
  expect((await fetch(server.url + collections, create)).status).toBe(504)
  expect((await read(server)).status).toBe(429)
  expect(await figure(server, 'annals_http_in_progress{part="requests"}')).toMatch(/ 1$/)
  release()
  await expect.poll(async () => (await read(server)).text).toContain('"slow"')
  expect(await figure(server, 'annals_http_in_progress{part="requests"}')).toMatch(/ 0$/)
})

test('a write whose caller has left keeps its place until it is done', async () => {
  const { server, release } = await heldServer('left', {})
  const leaving = new AbortController()
  const left = fetch(server.url + collections, { ...create, signal: leaving.signal })
  await expect.poll(() => figure(server, 'annals_http_in_progress{part="requests"}')).toMatch(/ 1$/)
  leaving.abort()
  await expect(left).rejects.toThrow()
  const noticed = () => figure(server, 'annals_http_request_duration_seconds_count{method="POST"')
  await expect.poll(noticed).toMatch(/status="499"\} 1$/)
  expect((await read(server)).status).toBe(429)
  release()
  await expect.poll(async () => (await read(server)).text).toContain('"slow"')
})

describe('an answer that goes on keeps its place when its reader has left', () => {
  /** The bare application with one route, and one client that reads its beginning and leaves. */
  async function leave(body: (call: Call, released: Promise<void>) => Promise<Answer>) {
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const gate = new LoadGate({ concurrentRequests: 1, openStreams: 1 })
    const app = fastify({ forceCloseConnections: true }).setSerializerCompiler(() => JSON.stringify)
    app.decorateRequest('identity', null).decorateRequest('place', null)
    admission(gate)(app, {} as ServerContext)
    const context = { heartbeatMs: 10, turns: new Turns(), stopping: new AbortController().signal }
    registerRoute(app, context as ServerContext, {
      ...{ method: 'GET', url: '/slow', access: 'anyone', id: 'slow', tag: 'Slow', summary: 'Slow.' },
      success: { type: linesType },
      handle: (call) => body(call, released),
    })
    const gone = new Promise((resolve) => {
      app.addHook('onRequest', async (_request, reply) => void reply.raw.once('close', resolve))
    })
    const leaving = new AbortController()
    const answer = await fetch(`${await app.listen({ port: 0 })}/slow`, { signal: leaving.signal })
    await answer.body!.getReader().read()
    leaving.abort()
    await gone
    return { gate, release, close: () => app.close() }
  }

  test.each<[string, (call: Call, released: Promise<void>) => Promise<Answer>]>([
    ['until its work is done', (call, released) => job(call, () => released)],
    [
      'until its source has let go',
      (_, released) =>
        lines(
          (async function* () {
            yield 'x'.repeat(100_000)
            await released
            yield 1
          })(),
        ),
    ],
  ])('%s', async (_, body) => {
    const { gate, release, close } = await leave(body)
    // Whatever the end of the connection sets off has been set off.
    for (let turn = 0; turn < 100; turn++) await nextTurn()
    expect(gate.open('stream')).toBe(1)
    release()
    await expect.poll(() => gate.open('stream')).toBe(0)
    await close()
  })
})
