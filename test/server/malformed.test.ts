import { mkdtempSync, rmSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PersistentClient } from '../../src/client/persistent-client.ts'
import { type RunningServer, serve } from '../../src/server/serve.ts'
import { type ApiDocument, bodyBytesMax, seeded, type WrongRequest, WrongRequests } from './malformed.ts'
import { call, databasePath, newCollection } from './support.ts'

const seed = Number(process.env.ANNALS_MALFORMED_SEED ?? Math.floor(Math.random() * 2 ** 31))
/** Whoever takes so long hangs; half of it is what the server itself gives an answer. */
const answerMs = 60_000
const folder = mkdtempSync(join(tmpdir(), 'annals-malformed-'))
const path = join(folder, 'data')
let server: RunningServer

beforeAll(async () => {
  const limits = {
    bodyBytes: bodyBytesMax,
    requestTimeoutMs: answerMs / 2,
    headersTimeoutMs: 1_000,
    receiveTimeoutMs: 1_000,
  }
  server = await serve({ path, port: 0, limits })
})
afterAll(async () => {
  await server.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Its status; `closed` where the server ends the connection instead of answering what cannot be answered. */
function statusOf({ method, path, headers, body }: WrongRequest): Promise<number | 'closed' | 'hung'> {
  const { hostname, port } = new URL(server.url)
  return new Promise((resolve) => {
    const request = httpRequest({ hostname, port, method, path, headers, agent: false })
    const late = setTimeout(() => {
      resolve('hung')
      request.destroy()
    }, answerMs)
    const end = (status: number | 'closed') => {
      clearTimeout(late)
      resolve(status)
      request.destroy()
    }
    request.on('response', (answer) => {
      const { statusCode = 0, headers } = answer
      // What goes on for ever has answered when it begins.
      if (headers['content-type'] === 'text/event-stream') end(statusCode)
      answer.resume().on('end', () => end(statusCode))
      answer.on('error', () => end('closed'))
    })
    request.on('error', () => end('closed'))
    request.on('continue', () => undefined)
    request.end(body)
  })
}

async function collectionWithRecords(): Promise<string> {
  const collection = await newCollection(server, { name: 'notes', get_or_create: true })
  const embeddings = [
    [1, 2],
    [3, 4],
  ]
  await call(server, 'POST', `${collection}/upsert`, { ids: ['a', 'b'], embeddings, documents: ['x', 'y'] })
  return collection.split('/').at(-1)!
}

test(`wrong requests are refused, each in time, and harm nothing (seed ${seed})`, async () => {
  const document = (await call(server, 'GET', '/openapi.json')).json() as ApiDocument
  const wrong = new WrongRequests(document, seeded(seed), await collectionWithRecords())
  const failures: string[] = []
  const statuses = new Map<number | string, number>()
  let sent = 0
  for (const request of wrong.all(14)) {
    sent++
    const status = await statusOf(request)
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    const isWrong = status === 'hung' || (typeof status === 'number' && status >= 500 && status !== 501)
    if (isWrong)
      failures.push(
        `${request.kind}: ${request.method} ${request.path.slice(0, 120)} ${status} ${request.body?.subarray(0, 200)} ${JSON.stringify(request.headers).slice(0, 100)}`,
      )
    // A request may have been right after all, and have deleted the collection.
    if (sent % 50 === 0) await collectionWithRecords()
  }
  console.log(`seed ${seed}: ${sent} requests`, Object.fromEntries(statuses))
  expect(failures).toEqual([])
  expect(sent).toBeGreaterThanOrEqual(500)
  expect(statuses.get(400)).toBeGreaterThan(100)
  expect(statuses.get('closed') ?? 0).toBeLessThan(30)
  expect([...statuses.keys()]).toEqual(expect.arrayContaining([400, 404, 405, 413, 415, 422]))
}, 600_000)

test.each([
  ['no HTTP', 'hello\r\n\r\n'],
  ['a line without an end', `GET /${'x'.repeat(100_000)}`],
  ['a wrong version', 'GET / HTTP/9.9\r\n\r\n'],
  [
    'two lengths',
    'POST /api/v2/reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}',
  ],
  [
    'a length and chunks',
    'POST /api/v2/reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['a negative length', 'POST /api/v2/reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n'],
  [
    'a wrong chunk',
    `POST ${databasePath}/collections HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
  ],
  ['headers beyond the limit', `GET /api/v2 HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`],
  ['no host', 'GET /api/v2 HTTP/1.1\r\n\r\n'],
  ['a NUL in a header', 'GET /api/v2 HTTP/1.1\r\nHost: localhost\0b\r\n\r\n'],
  ['headers that never end', 'GET /api/v2 HTTP/1.1\r\nHost: localhost\r\nX-A: '],
  [
    'a body that never comes',
    `POST ${databasePath}/collections HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"na`,
  ],
])('%s: the connection is answered and closed', async (_, bytes) => {
  const { hostname, port } = new URL(server.url)
  const answer = await new Promise<string>((resolve) => {
    let text = ''
    const socket = connect(Number(port), hostname, () => socket.write(bytes, 'latin1'))
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('error', () => resolve(text))
    socket.on('close', () => resolve(text))
    socket.setTimeout(answerMs, () => {
      resolve('hung')
      socket.destroy()
    })
  })
  expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d |$)/)
})

test('afterwards the server answers, and the store is whole', async () => {
  const collection = await collectionWithRecords()
  const answer = await call(server, 'POST', `${databasePath}/collections/${collection}/get`, { ids: ['a'] })
  expect(answer.json()).toMatchObject({ ids: ['a'] })
  await server.close()
  const client = new PersistentClient({ path })
  const { ok, findings } = await client.verify({ level: 'full' })
  await client.close()
  expect({ ok, findings }).toEqual({ ok: true, findings: [] })
})
