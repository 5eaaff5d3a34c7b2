/** What answers on the port and is too slow, too busy, or no server of ours. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { HttpClient } from '../../src/index.ts'
import { refusalOf } from '../conformance/fixture.ts'
import { afterwards } from './support.ts'

describe('a server that is too slow or too busy', () => {
  test('has so long to answer', async () => {
    const { port } = await answering(() => undefined)
    const client = new HttpClient({ host: '127.0.0.1', port, timeoutMs: 50 })
    expect(await refusalOf(() => client.heartbeat())).toMatchObject({ code: 'timed_out', fate: undefined })
    const write = await refusalOf(() => client.createTenant({ name: 'acme' }))
    expect(write).toMatchObject({ code: 'timed_out', fate: 'indeterminate' })
    expect(write.message).toContain('50 ms')
    await client.close()
  })

  test('is asked again when it says that it is', async () => {
    const { port, asked } = await answering((count) =>
      count < 3
        ? { status: 429, body: { error: 'Backoff', message: 'Too much.', code: 'busy', fate: 'not_written' } }
        : { status: 200, body: 7 },
    )
    const client = new HttpClient({ host: '127.0.0.1', port })
    expect(await client.countCollections()).toBe(7)
    expect(asked.length).toBe(3)
    await client.close()
  })

  test('is given the time that it asks for', async () => {
    const { port, asked } = await answering((count) =>
      count === 1
        ? { status: 503, headers: { 'retry-after': '1' }, body: { error: 'x', message: 'Soon.' } }
        : { status: 200, body: 7 },
    )
    const client = new HttpClient({ host: '127.0.0.1', port })
    expect(await client.countCollections()).toBe(7)
    expect(asked[1]! - asked[0]!).toBeGreaterThan(950)
    await client.close()
  })

  test('and asks for more than patience has: the error is the caller’s', async () => {
    const { port, asked } = await answering(() => ({
      status: 429,
      headers: { 'retry-after': '3600' },
      body: { error: 'Backoff', message: 'Come tomorrow.', code: 'busy' },
    }))
    const client = new HttpClient({ host: '127.0.0.1', port })
    expect(await refusalOf(() => client.createTenant({ name: 'acme' }))).toMatchObject({
      code: 'busy',
      message: 'Come tomorrow.',
      fate: 'not_written',
    })
    expect(asked.length).toBe(1)
    await client.close()
  })

  test('a refusal is not asked again', async () => {
    const { port, asked } = await answering(() => ({
      status: 409,
      body: { error: 'ChromaError', message: 'There.', code: 'tenant_exists', fate: 'not_written' },
    }))
    const client = new HttpClient({ host: '127.0.0.1', port })
    expect(await refusalOf(() => client.createTenant({ name: 'acme' }))).toMatchObject({
      code: 'tenant_exists',
    })
    expect(asked.length).toBe(1)
    await client.close()
  })
})

describe('something else on the port', () => {
  test.each<[string, number, unknown]>([
    ['a web page', 200, '<html>Hello</html>'],
    ['a page that is not there', 404, 'Not Found'],
    ['a way elsewhere', 302, ''],
    ['a plain Chroma server', 200, '1.0.0'],
  ])('%s is said to be none of ours', async (_, status, body) => {
    const { port } = await answering(() => ({ status, headers: { location: 'http://example.org/' }, body }))
    const client = new HttpClient({ host: '127.0.0.1', port })
    const error = await refusalOf(() => client.open())
    expect(error).toMatchObject({ code: 'answer_invalid' })
    expect(error.hint).toContain('ssl')
    expect(await refusalOf(() => client.createTenant({ name: 'acme' }))).toMatchObject({
      code: 'answer_invalid',
      fate: status === 200 ? 'indeterminate' : 'not_written',
    })
    await client.close()
  })

  test('a proxy that lost the server: a write may be there', async () => {
    const { port, asked } = await answering(() => ({ status: 502, body: '<html>Bad Gateway</html>' }))
    const client = new HttpClient({ host: '127.0.0.1', port, retries: 1 })
    expect(await refusalOf(() => client.createTenant({ name: 'acme' }))).toMatchObject({
      fate: 'indeterminate',
    })
    expect(asked.length).toBe(2)
    await client.close()
  })
})

interface Stub {
  status: number
  headers?: Record<string, string>
  /** A string goes out as it is. */
  body: unknown
}

/** Something that answers every request the same way, or not at all. */
async function answering(
  answer: (count: number) => Stub | undefined,
): Promise<{ port: number; asked: number[] }> {
  const asked: number[] = []
  const server = createServer((request, response) => {
    request.resume()
    asked.push(performance.now())
    const given = answer(asked.length)
    if (given === undefined) return
    response.writeHead(given.status, given.headers)
    response.end(typeof given.body === 'string' ? given.body : JSON.stringify(given.body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  afterwards(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, asked }
}
