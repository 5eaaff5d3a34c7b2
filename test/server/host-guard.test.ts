/** Names under which a server is called: a page that has its own name lead to this machine must get nothing. */
import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import type { ServerOptions } from '../../src/server/configuration/server-options.ts'
import type { RunningServer } from '../../src/server/serve.ts'
import { databasePath, startServer } from './support.ts'

interface Heard {
  status: number | undefined
  allowOrigin: string | undefined
  text: string
}

function asked(server: RunningServer, host: string, method = 'GET', origin?: string): Promise<Heard> {
  const headers = { host, ...(origin !== undefined && { origin }) }
  const options = {
    host: '127.0.0.1',
    port: server.port,
    path: `${databasePath}/collections`,
    method,
    headers,
  }
  return new Promise((resolve, reject) => {
    const asking = request(options, (answer) => {
      let text = ''
      answer.on('data', (chunk) => {
        text += chunk
      })
      answer.on('end', () =>
        resolve({
          status: answer.statusCode,
          allowOrigin: answer.headers['access-control-allow-origin'],
          text,
        }),
      )
    })
    asking.on('error', reject)
    asking.end()
  })
}

const statuses = async (server: RunningServer, hosts: string[]) =>
  Promise.all(hosts.map(async (host) => (await asked(server, host)).status))

const strangers = [
  'evil.example',
  'evil.example:8000',
  '127.evil.example',
  'localhost.evil.example',
  '10.0.0.1',
]
const ownNames = ['localhost', 'LOCALHOST:1', '127.0.0.1', '127.8.9.1:8000', '[::1]', '[::1]:8000']

describe('without authentication, for this machine alone', () => {
  test('only requests for this machine are answered, reads and writes', async () => {
    const server = await startServer()
    expect(await statuses(server, ownNames)).toEqual(ownNames.map(() => 200))
    expect(await statuses(server, strangers)).toEqual(strangers.map(() => 403))
    // As a browser asks for a page whose name leads here: the origin fits the host.
    const { status, text } = await asked(server, 'evil.example:80', 'POST', 'http://evil.example:80')
    expect([status, JSON.parse(text)]).toMatchObject([
      403,
      { error: 'ChromaError', code: 'forbidden', fate: 'not_written' },
    ])
    const nowhere = await fetch(`${server.url}/nowhere`, { headers: { host: 'localhost' } })
    expect(nowhere.status).toBe(404)
  })

  test('that comes before CORS', async () => {
    const server = await startServer({ corsOrigins: ['*'] })
    for (const method of ['GET', 'OPTIONS']) {
      const { status, allowOrigin } = await asked(server, 'evil.example', method, 'http://evil.example')
      expect([status, allowOrigin]).toEqual([403, undefined])
    }
    expect((await asked(server, 'localhost', 'GET', 'http://evil.example')).allowOrigin).toBe('*')
  })

  test('names can be added, as for a proxy', async () => {
    const server = await startServer({ allowedHosts: ['Notes.example.org', '[fd00::1]'] })
    const names = ['notes.example.org', 'NOTES.example.org:443', '[fd00::1]:8000', 'localhost']
    expect(await statuses(server, names)).toEqual(names.map(() => 200))
    expect(await statuses(server, strangers)).toEqual(strangers.map(() => 403))
  })
})

test('with authentication, or for other machines, every name will do unless names are listed', async () => {
  const token = 'a-token-of-sixteen-or-more'
  const auth = { tokens: [{ name: 'ada', role: 'admin' as const, token }] }
  const [known, open, listed] = await Promise.all(
    [{ auth }, { host: '0.0.0.0' }, { host: '0.0.0.0', allowedHosts: ['notes.example.org'] }].map(
      (options: ServerOptions) => startServer(options),
    ),
  )
  expect(await statuses(known!, ['evil.example'])).toEqual([401])
  expect(await statuses(open!, ['evil.example'])).toEqual([200])
  expect(await statuses(listed!, ['evil.example', 'notes.example.org', '127.0.0.1'])).toEqual([403, 200, 200])
})

test.each(['http://a.example', 'a.example:80', '', 'a b', 'fd00::1'])(
  '%j is no name of a host',
  async (name) => {
    await expect(startServer({ allowedHosts: [name] })).rejects.toThrow(/serve\.allowedHosts\[0\]/)
  },
)
