/** Bytes that Node's parser refuses before there is a request are answered with our body. */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { PersistentClient } from '../../src/client/persistent-client.ts'
import type { RunningServer } from '../../src/server/serve.ts'
import { call, databasePath, startServer } from './support.ts'

const open: (() => void)[] = []
afterEach(() => {
  for (const end of open.splice(0)) end()
})

/** Sends bytes as they are; `answer` is all that came when the server has ended the connection. */
function send(server: RunningServer, bytes: string) {
  const socket = connect(server.port, '127.0.0.1')
  open.push(() => socket.destroy())
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', () => undefined)
  socket.write(bytes)
  const answer = new Promise<string>((resolve) => socket.on('close', () => resolve(text)))
  return { socket, answer, soFar: () => text }
}

/** Status and body of one answer, whose length must be what it says. */
function parsed(answer: string): { status: number; body: Record<string, unknown> } {
  const [head = '', text = ''] = answer.split('\r\n\r\n')
  expect(head).toMatch(/^content-type: application\/json/im)
  expect(head).toMatch(new RegExp(`^content-length: ${Buffer.byteLength(text)}$`, 'im'))
  return { status: Number(head.split(' ')[1]), body: JSON.parse(text) as Record<string, unknown> }
}

const host = 'Host: localhost\r\n'
const late = { headersTimeoutMs: 200, receiveTimeoutMs: 200 }

test.each<[string, string, object, number, string, string]>([
  ['no HTTP', 'HELO example.org\r\n\r\n', {}, 400, 'InvalidArgumentError', 'invalid_argument'],
  [
    'a header without a colon',
    `GET /api/v2 HTTP/1.1\r\n${host}nonsense\r\n\r\n`,
    {},
    400,
    'InvalidArgumentError',
    'invalid_argument',
  ],
  [
    'a chunk without a length',
    `POST ${databasePath}/collections HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`,
    {},
    400,
    'InvalidArgumentError',
    'invalid_argument',
  ],
  [
    'headers beyond the limit',
    `GET /api/v2 HTTP/1.1\r\n${host}X-Long: ${'x'.repeat(20_000)}\r\n\r\n`,
    {},
    431,
    'InvalidArgumentError',
    'limit_exceeded',
  ],
  ['headers that do not end', `GET /api/v2 HTTP/1.1\r\n${host}`, late, 408, 'ChromaError', 'timed_out'],
  [
    'a body that does not end',
    `POST ${databasePath}/collections HTTP/1.1\r\n${host}Content-Length: 99\r\n\r\n{`,
    late,
    408,
    'ChromaError',
    'timed_out',
  ],
])('%s', async (_, bytes, limits, status, error, code) => {
  const server = await startServer({ limits })
  expect(parsed(await send(server, bytes).answer)).toEqual({
    status,
    body: { error, message: expect.any(String), code, fate: 'not_written' },
  })
  expect((await call(server, 'GET', '/api/v2')).status).toBe(200)
})

test.each(['/%zz', '/api/v2/tenants/%ff', '/api/v2/collections/%'])('the bad URL %s', async (path) => {
  const server = await startServer()
  const bytes = `GET ${path} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`
  expect(parsed(await send(server, bytes).answer)).toMatchObject({
    status: 400,
    body: { error: 'InvalidArgumentError', code: 'invalid_argument' },
  })
})

test('after a request that was answered, on the same connection', async () => {
  const server = await startServer()
  const { socket, answer, soFar } = send(server, `GET /api/v2/version HTTP/1.1\r\n${host}\r\n`)
  await expect.poll(soFar).toContain('"1.0.0"')
  socket.write('no HTTP\r\n\r\n')
  expect(await answer).toMatch(/^HTTP\/1\.1 200 .*"1\.0\.0"HTTP\/1\.1 400 .*"code":"invalid_argument"/s)
})

test('after the answer to a GET with a body that it did not announce', async () => {
  const server = await startServer()
  const bytes = `GET /api/v2/version HTTP/1.1\r\n${host}\r\nno HTTP\r\n\r\n`
  expect(await send(server, bytes).answer).toMatch(/^HTTP\/1\.1 200 .*"1\.0\.0"HTTP\/1\.1 400 /s)
})

test('never in place of an answer that the client still waits for', async () => {
  const server = await startServer()
  const request = `GET ${databasePath}/collections_count HTTP/1.1\r\n${host}\r\n`
  const { answer } = send(server, `${request}${request}no HTTP\r\n\r\n`)
  expect((await answer).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 400'])
})

test('never within an answer that goes on', async () => {
  const server = await startServer()
  const { socket, answer, soFar } = send(server, `GET ${databasePath}/changes HTTP/1.1\r\n${host}\r\n`)
  await expect.poll(soFar).toContain('text/event-stream')
  socket.write('no HTTP\r\n\r\n')
  expect(await answer).not.toContain('invalid_argument')
})

test('never for a write that is still under way: that one is not refused', async () => {
  const path = mkdtempSync(join(tmpdir(), 'annals-unreadable-'))
  const server = await startServer({ path })
  // Both have the same store: it is shared within a process.
  const client = new PersistentClient({ path })
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  open.push(() => release())
  const { writer } = await client.store()
  void writer.exclusive(() => released)
  const body = '{"name":"slow"}'
  const head = `POST ${databasePath}/collections HTTP/1.1\r\n${host}Content-Type: application/json\r\n`
  const { answer } = send(server, `${head}Content-Length: ${body.length}\r\n\r\n${body}no HTTP\r\n\r\n`)
  expect(await answer).toBe('')
  release()
  await expect.poll(() => client.countCollections()).toBe(1)
  await client.close()
  await server.close()
  rmSync(path, { recursive: true, force: true })
})

test('a request that was refused before its body came has one answer', async () => {
  const tokens = [{ name: 'ada', role: 'admin' as const, token: 'a-token-of-sixteen-or-more' }]
  const server = await startServer({ auth: { tokens } })
  const head = `POST ${databasePath}/collections HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n`
  const { socket, answer, soFar } = send(server, `${head}Content-Type: application/json\r\n\r\n`)
  await expect.poll(soFar).toContain(' 401 ')
  socket.write('no length\r\n')
  expect((await answer).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 401'])
})
