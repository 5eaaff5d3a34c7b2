import { Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { createLogger, requestId } from '../../src/server/operation/logging.ts'

class Lines extends Writable {
  text = ''
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

describe('the log', () => {
  test('leaves secrets, ids and payloads out, wherever they stand', async () => {
    const lines = new Lines()
    const log = await createLogger({ format: 'json' }, lines)
    const secret = 'TOPSECRET'
    log.info({ authorization: secret, token: secret, body: secret, ids: [secret] }, 'a')
    log.info({ headers: { authorization: secret, 'x-chroma-token': secret, cookie: secret } }, 'b')
    log.info({ request: { headers: { authorization: secret, 'x-chroma-token': secret } } }, 'c')
    log.info({ req: { headers: { other: secret }, url: `/x?id=${secret}` } }, 'd')
    log.info({ user: { password: secret, passwordHash: secret } }, 'e')
    expect(lines.text.split('\n').filter(Boolean)).toHaveLength(5)
    expect(lines.text).not.toContain(secret)
  })

  test('has the level and the form that it was told', async () => {
    const lines = new Lines()
    const quiet = await createLogger({ level: 'warn', format: 'json' }, lines)
    quiet.info('no')
    quiet.warn('yes')
    expect(JSON.parse(lines.text)).toMatchObject({ level: 40, msg: 'yes' })
    const pretty = new Lines()
    const log = await createLogger({ format: 'pretty' }, pretty)
    log.info({ status: 200 }, 'readable')
    expect(pretty.text).toMatch(/INFO.*readable/)
    log.info({ route: '/api/v2/heartbeat', status: 200, ms: 1 }, 'request')
    expect(pretty.text).toMatch(/\n.*request.*heartbeat.*200.*\n$/)
  })

  test('takes a request’s name from its caller only when it is harmless', () => {
    const named = (id?: string) => requestId({ headers: { 'x-request-id': id } } as never)
    expect(named('trace-1:2.b')).toBe('trace-1:2.b')
    for (const given of [undefined, '', 'a b', 'a\nb', '"', 'x'.repeat(65)])
      expect(named(given)).toMatch(/^[0-9a-f-]{36}$/)
  })
})
