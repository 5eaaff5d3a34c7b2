/** A server as its operator meets it: TLS, browsers, crowds, slow callers and its figures. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { PersistentClient } from '../../src/client/persistent-client.ts'
import type { ServerOptions } from '../../src/server/configuration/server-options.ts'
import { until } from '../support/until.ts'
import { call, databasePath, newCollection, startServer } from './support.ts'
import { unfinished } from './unfinished.ts'

const folder = mkdtempSync(join(tmpdir(), 'annals-operation-'))
const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const token = 'a-token-of-sixteen-or-more'

describe('crowds', () => {
  test('one request too many is told to come back, and signs of life are not refused', async () => {
    const server = await startServer({ limits: { concurrentRequests: 1 } })
    const slow = await unfinished(server.url, `${databasePath}/collections`, '{"name":"slow"}')
    const refused = await call(server, 'GET', `${databasePath}/collections`)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1'])
    expect(refused.json()).toMatchObject({ error: 'Backoff', code: 'busy', fate: 'not_written' })
    for (const path of ['/api/v2/heartbeat', '/api/v2/healthcheck', '/metrics'])
      expect((await call(server, 'GET', path)).status).toBe(200)
    expect(await slow.finish()).toMatch(/^HTTP\/1\.1 200 /)
    expect((await call(server, 'GET', `${databasePath}/collections`)).status).toBe(200)
  })

  test('streams are counted apart, and leave when their readers do', async () => {
    const server = await startServer({ limits: { openStreams: 1, concurrentRequests: 1 } })
    const feed = () => fetch(`${server.url}${databasePath}/changes`)
    const first = await feed()
    expect(first.status).toBe(200)
    expect((await feed()).status).toBe(429)
    expect((await call(server, 'GET', `${databasePath}/collections`)).status).toBe(200)
    await first.body!.cancel()
    // The server hears of it a little later.
    await until(async () => {
      const again = await feed()
      await again.body!.cancel()
      return again.status === 200
    })
  })

  test('connections beyond the limit are closed', async () => {
    const server = await startServer({ limits: { connections: 2 } })
    const { port } = new URL(server.url)
    const ends = await Promise.all(
      Array.from({ length: 5 }, () => {
        const socket = connect(Number(port), '127.0.0.1')
        sockets.push(socket)
        socket.on('error', () => undefined)
        socket.write('GET /api/v2/heartbeat HTTP/1.1\r\nHost: localhost\r\n\r\n')
        return new Promise<string>((resolve) => {
          socket.on('data', () => resolve('answered'))
          socket.on('close', () => resolve('closed'))
        })
      }),
    )
    expect(ends.sort()).toEqual(['answered', 'answered', 'closed', 'closed', 'closed'])
  })
})

describe('time', () => {
  test('a request that takes too long is answered, and says that a write may yet be done', async () => {
    const path = join(folder, 'late')
    // Both are of one process, and so of one store.
    const client = new PersistentClient({ path })
    const { id } = await client.createCollection({ name: 'notes', embeddingFunction: null })
    const server = await startServer({ path, limits: { requestTimeoutMs: 1 } })
    const embeddings = Array.from({ length: 5_000 }, (_, at) => [at, 1])
    const ids = embeddings.map((_, at) => String(at))
    const late = await call(server, 'POST', `${databasePath}/collections/${id}/add`, { ids, embeddings })
    expect([late.status, late.json()]).toMatchObject([
      504,
      { error: 'InternalError', code: 'timed_out', fate: 'indeterminate' },
    ])
    const notes = await client.getCollection({ name: 'notes' })
    await until(async () => (await notes.count()) === 5_000)
    await client.close()
  })

  test('feeds go on for longer than a request may take', async () => {
    const path = join(folder, 'feed')
    const client = new PersistentClient({ path })
    const server = await startServer({ path, limits: { requestTimeoutMs: 50 }, heartbeatMs: 40 })
    const feed = await fetch(`${server.url}${databasePath}/changes`)
    const reader = feed.body!.getReader()
    let text = ''
    const read = async () => {
      text += Buffer.from((await reader.read()).value!).toString()
    }
    // The first comes at once, and two more take longer than a request may.
    while (text.split(': \n\n').length <= 3) await read()
    await client.createCollection({ name: 'notes', embeddingFunction: null })
    while (!text.includes('create-collection')) await read()
    await reader.cancel()
    await client.close()
  })
})

describe('limits of what is asked', () => {
  test('are the server’s own', async () => {
    const limits = { bodyBytes: 2_000, recordsPerWrite: 2, results: 5, filterDepth: 1, regexLength: 4 }
    const server = await startServer({ limits })
    const collection = await newCollection(server)
    const refused = async (path: string, body: object) => {
      const { status, text } = await call(server, 'POST', `${collection}/${path}`, body)
      return [status, text.startsWith('{') ? (JSON.parse(text) as { code: string }).code : text]
    }
    const three = [[1], [2], [3]]
    expect(await refused('add', { ids: ['a', 'b', 'c'], embeddings: three })).toEqual([413, 'limit_exceeded'])
    expect(await refused('query', { query_embeddings: [[1]], n_results: 6 })).toEqual([413, 'limit_exceeded'])
    expect(await refused('get', { where: { $and: [{ $or: [{ a: 1 }] }] } })).toEqual([413, 'limit_exceeded'])
    expect(await refused('get', { where_document: { $regex: 'abcde' } })).toEqual([413, 'limit_exceeded'])
    expect(await refused('get', { ids: ['x'.repeat(2_000)] })).toEqual([413, 'Payload too large'])
    expect((await call(server, 'GET', '/api/v2/pre-flight-checks')).json()).toMatchObject({
      max_batch_size: 2,
    })
  })

  test.each<[ServerOptions, string]>([
    [{ limits: { results: 0 } }, 'serve.limits.results: must be a whole number from 1'],
    [{ limits: { resluts: 1 } as never }, 'serve.limits: the option "resluts" is not known'],
    [{ atuh: {} } as never, 'serve: the option "atuh" is not known'],
    [
      { auth: { tokens: [{ name: 'a', role: 'read', token: 'x' }] } },
      'serve.auth.tokens[0].token: must have 16',
    ],
    [{ ephemeral: true, path: 'x' }, 'a store in memory has no path'],
  ])('%j is refused before anything is opened', async (options, message) => {
    await expect(startServer(options)).rejects.toThrow(message)
  })
})

describe('browsers', () => {
  const origin = 'https://app.example.org'
  const asked = {
    origin,
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type',
  }

  test('pages of other origins may do nothing, unless they are listed', async () => {
    const server = await startServer()
    expect(
      (await call(server, 'GET', '/api/v2', undefined, { origin })).headers.get(
        'access-control-allow-origin',
      ),
    ).toBeNull()
    expect((await call(server, 'OPTIONS', `${databasePath}/collections`, undefined, asked)).status).toBe(405)
    const create = (from: string) =>
      call(server, 'POST', `${databasePath}/collections`, { name: 'notes' }, { origin: from })
    expect((await create(origin)).status).toBe(403)
    expect((await create('null')).status).toBe(403)
    expect((await create(server.url)).status).toBe(200)
  })

  test('pages of listed origins may, tokens and all', async () => {
    const auth = { tokens: [{ name: 'ada', role: 'admin' as const, token }] }
    const server = await startServer({ corsOrigins: [origin], auth })
    const preflight = await call(server, 'OPTIONS', `${databasePath}/collections`, undefined, asked)
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, origin])
    const headers = { origin, authorization: `Bearer ${token}` }
    const created = await call(server, 'POST', `${databasePath}/collections`, { name: 'notes' }, headers)
    expect([created.status, created.headers.get('access-control-allow-origin')]).toEqual([200, origin])
    const exposed = created.headers.get('access-control-expose-headers')
    for (const name of ['X-Annals-Position', 'X-Annals-As-Of', 'X-Annals-From', 'X-Annals-To'])
      expect(exposed).toContain(name)
    const other = { ...headers, origin: 'https://elsewhere.example.org' }
    expect((await call(server, 'POST', `${databasePath}/collections`, { name: 'other' }, other)).status).toBe(
      403,
    )
  })
})

test('TLS, by certificate and key', async () => {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const made = [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '1',
    '-keyout',
    key,
    '-out',
    cert,
    ...subject,
  ]
  execFileSync('openssl', made, { stdio: 'ignore' })
  const ca = readFileSync(cert, 'utf8')
  const server = await startServer({ tls: { cert: ca, key: readFileSync(key, 'utf8') } })
  expect(server.url).toMatch(/^https:/)
  const status = await new Promise((resolve, reject) => {
    const asking = httpsRequest({
      host: 'localhost',
      port: server.port,
      path: '/api/v2/heartbeat',
      ca,
      agent: false,
    })
    asking.on('response', (answer) => resolve(answer.resume().statusCode))
    asking.on('error', reject)
    asking.end()
  })
  expect(status).toBe(200)
  await expect(fetch(`http://127.0.0.1:${server.port}/api/v2/heartbeat`)).rejects.toThrow()
})

test('the figures are there for Prometheus, and for admins alone', async () => {
  const auth = {
    tokens: [
      { name: 'ada', role: 'admin' as const, token },
      { name: 'eve', role: 'write' as const, token: `${token}2` },
    ],
  }
  const server = await startServer({ auth })
  const figures = (given: string) => call(server, 'GET', '/metrics', undefined, { 'x-chroma-token': given })
  expect((await figures(`${token}2`)).status).toBe(403)
  const { status, headers, text } = await figures(token)
  expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
  expect(text).toMatch(
    /^annals_http_request_duration_seconds_count\{method="GET",route="\/metrics",status="403"\} 1$/m,
  )
})
