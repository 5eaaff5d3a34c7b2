/**
 * `node dist/server/operation/health-probe.js`: exits with 0 when the server of this container answers that it is well,
 * else with 1. Reads the same environment as the server, for its port and whether it speaks TLS.
 */
import { readFileSync } from 'node:fs'
import { request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { configure } from '../configuration/configuration.ts'

const timeoutMs = 4_000

function probe(): void {
  const { env } = process
  const read = (path: string) => readFileSync(path, 'utf8')
  const { port = 8000, tls } = configure({ environment: env, read })
  const options = { host: '127.0.0.1', port, path: '/api/v2/healthcheck', timeout: timeoutMs }
  const end = (isWell: boolean) => process.exit(isWell ? 0 : 1)
  // The certificate names the host that clients know; this asks the machine itself.
  const request =
    tls === undefined ? requestPlain(options) : requestTls({ ...options, rejectUnauthorized: false })
  request.on('response', ({ statusCode }) => end(statusCode === 200))
  request.on('error', () => end(false))
  request.on('timeout', () => end(false))
  request.end()
}

probe()
