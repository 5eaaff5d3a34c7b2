/** A server that cannot start leaves nothing behind. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { systemEnv } from '../../src/env.ts'
import { startServer } from './support.ts'

const folder = mkdtempSync(join(tmpdir(), 'annals-start-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('where the port is taken, no store is made', async () => {
  const { port } = await startServer()
  const path = join(folder, 'taken')
  await expect(startServer({ path, port })).rejects.toThrow(/EADDRINUSE/)
  expect(existsSync(path)).toBe(false)
})

test('where the certificate is none, no store is made', async () => {
  const path = join(folder, 'certificate')
  await expect(startServer({ path, tls: { cert: 'none', key: 'none' } })).rejects.toThrow()
  expect(existsSync(path)).toBe(false)
})

test('where the port is taken while the store is opened, the store is closed again', async () => {
  const path = join(folder, 'raced')
  const free = createServer().listen(0)
  const { port } = free.address() as AddressInfo
  await new Promise((resolve) => free.close(resolve))
  let taker: Server | undefined
  // Asked for the id of the new store: after the probe of the port, before the server listens.
  const uuid = (): string => {
    taker ??= createServer((socket) => socket.end('somebody else')).listen(port)
    return systemEnv.uuid()
  }
  await expect(startServer({ path, port, env: { ...systemEnv, uuid } })).rejects.toThrow(
    new RegExp(`EADDRINUSE.*:${port}`),
  )
  expect(taker?.listening).toBe(true)
  await new Promise((resolve) => taker?.close(resolve))
  // Another process gets its lock.
  const cli = join(import.meta.dirname, '../../dist/cli/annals.js')
  const verified = execFileSync(process.execPath, [cli, 'verify', '--path', path, '--json'], {
    encoding: 'utf8',
  })
  expect(JSON.parse(verified.trim().split('\n').at(-1)!)).toMatchObject({ findings: [] })
  // And the port is nobody's.
  expect((await startServer({ path, port })).port).toBe(port)
})
