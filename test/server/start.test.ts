/** A server that cannot start leaves nothing behind. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
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
