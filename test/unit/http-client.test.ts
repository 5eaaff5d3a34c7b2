import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkHttpOptions } from '../../src/client/http/http-client-options.ts'
import { withQuery } from '../../src/client/http/paths.ts'
import { parseRetryAfter, retryDelayMs } from '../../src/client/http/retry.ts'
import { lines } from '../../src/client/http/streams.ts'
import { HttpClient } from '../../src/index.ts'

const originOf = (options: object) => checkHttpOptions(options).address.origin

describe('options', () => {
  test('have defaults', () => {
    expect(checkHttpOptions({})).toEqual({
      address: { origin: 'http://localhost:8000', ca: null, headers: {}, timeoutMs: 60_000, retries: 3 },
      scope: {},
    })
  })

  test.each([
    [{ host: 'db.example.org', port: 443, ssl: true }, 'https://db.example.org:443'],
    [{ host: '127.0.0.1', port: 1 }, 'http://127.0.0.1:1'],
    [{ host: '::1' }, 'http://[::1]:8000'],
    [{ host: '[fe80::1]' }, 'http://[fe80::1]:8000'],
  ])('%j is %s', (options, origin) => {
    expect(originOf(options)).toBe(origin)
  })

  test.each<[object, string]>([
    [{ host: '' }, 'invalid_argument'],
    [{ host: 'http://x' }, 'invalid_argument'],
    [{ host: 'x:80' }, 'invalid_argument'],
    [{ host: 'x/y' }, 'invalid_argument'],
    [{ host: 'user@x' }, 'invalid_argument'],
    [{ host: 'a b' }, 'invalid_argument'],
    [{ host: 7 }, 'invalid_argument'],
    [{ port: 0 }, 'invalid_argument'],
    [{ port: 65_536 }, 'invalid_argument'],
    [{ port: '8000' }, 'invalid_argument'],
    [{ ssl: 'yes' }, 'invalid_argument'],
    [{ ca: 7 }, 'invalid_argument'],
    [{ headers: ['a'] }, 'invalid_argument'],
    [{ headers: { 'a b': 'x' } }, 'invalid_argument'],
    [{ headers: { a: 7 } }, 'invalid_argument'],
    [{ timeoutMs: 0 }, 'invalid_argument'],
    [{ timeoutMs: Number.POSITIVE_INFINITY }, 'invalid_argument'],
    [{ retries: -1 }, 'invalid_argument'],
    [{ tenant: 'x' }, 'invalid_argument'],
    [{ path: './data' }, 'unsupported_option'],
    [{ env: {} }, 'unsupported_option'],
  ])('%j is refused', (options, code) => {
    expect(() => new HttpClient(options)).toThrow(expect.objectContaining({ code }))
  })

  test('never repeat a header’s secret in a message', () => {
    const options = { headers: { authorization: 'Bearer secret\r\nx: y' } }
    expect(() => checkHttpOptions(options)).toThrow(/authorization/)
    expect(() => checkHttpOptions(options)).not.toThrow(/secret/)
  })
})

describe('waiting before another attempt', () => {
  test('doubles, half of it by chance, up to five seconds', () => {
    expect([1, 2, 3, 4, 20].map((attempt) => retryDelayMs(attempt, 1, null))).toEqual([
      100, 200, 400, 800, 5_000,
    ])
    expect([1, 2, 3].map((attempt) => retryDelayMs(attempt, 0, null))).toEqual([50, 100, 200])
  })

  test('is at least what the server asked for, and not done for more than half a minute', () => {
    expect(retryDelayMs(1, 0, 2_000)).toBe(2_000)
    expect(retryDelayMs(7, 0, 10)).toBe(2_500)
    expect(retryDelayMs(1, 0, 30_000)).toBe(30_000)
    expect(retryDelayMs(1, 0, 30_001)).toBeNull()
  })

  test.each([
    [null, null],
    ['3', 3_000],
    ['0', 0],
    ['Thu, 01 Jan 1970 00:00:12 GMT', 2_000],
    ['Thu, 01 Jan 1970 00:00:01 GMT', 0],
    ['soon', null],
  ])('Retry-After %j is %j ms', (text, ms) => {
    expect(parseRetryAfter(text, 10_000)).toBe(ms)
  })
})

describe('a path', () => {
  test('has the parameters that are given, lists repeated', () => {
    expect(withQuery('/a', { x: 1, y: undefined, z: ['p', 'q'], t: 'ä &+' })).toBe(
      '/a?x=1&z=p&z=q&t=%C3%A4+%26%2B',
    )
    expect(withQuery('/a', { x: undefined })).toBe('/a')
  })
})

describe('lines', () => {
  const read = async (chunks: Uint8Array[]) => {
    const items: unknown[] = []
    const given = (async function* () {
      yield* chunks
    })()
    for await (const item of lines({ chunks: given })) items.push(item)
    return items
  }

  test('are read whatever pieces they come in', async () => {
    const values = [{ a: 'ä✓🂡' }, [1, -0.5], 'x\ny', null, {}]
    const bytes = Buffer.from(`${values.map((value) => JSON.stringify(value)).join('\n\n')}\n`)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: bytes.length })), async (cuts) => {
        const ends = [...new Set([...cuts, bytes.length])].sort((a, b) => a - b)
        const chunks = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
        expect(await read(chunks)).toEqual(values)
      }),
    )
  })

  test('end with the error that the last one tells of', async () => {
    const error = { error: 'ChromaError', message: 'Gone.', code: 'history_truncated', position: 4 }
    const text = `{"a":1}\n${JSON.stringify({ $error: error })}\n`
    await expect(read([Buffer.from(text)])).rejects.toMatchObject({
      code: 'history_truncated',
      message: 'Gone.',
      position: 4,
    })
  })

  test('that are not JSON are said to be none', async () => {
    await expect(read([Buffer.from('<html>\n')])).rejects.toMatchObject({ code: 'answer_invalid' })
  })
})

test('importing annals, and making a client, loads nothing of HTTP', () => {
  const hook = `import { writeSync } from 'node:fs'
    export async function resolve(specifier, context, next) {
      if (/^(undici|fastify|eventsource-parser|commander)/.test(specifier)) writeSync(1, specifier + ' ')
      return next(specifier, context)
    }`
  const index = join(import.meta.dirname, '../../dist/index.js')
  const script = `import { register } from 'node:module'
    register('data:text/javascript,' + ${JSON.stringify(encodeURIComponent(hook))})
    const { HttpClient } = await import(${JSON.stringify(index)})
    const client = new HttpClient({ port: 1, retries: 0 })
    console.log('made')
    await client.open().catch(({ code }) => console.log(code))
    await client.close()`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(stdout).toBe('made\nundici connection_failed\n')
})
