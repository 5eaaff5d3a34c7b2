/** The same commands on a running server: --url instead of --path. */
import type { ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HttpClient } from '../../src/index.ts'
import { until } from '../support/until.ts'
import { annals, ended, json, lines, listening, start, stopped, temporary, told } from './support.ts'

const folder = temporary()
const at = (name: string) => join(folder, name)
const tokens = { ada: 'ada-has-a-long-token', guest: 'guests-may-only-read' }
let server: ChildProcess
let url: string

/** A command on the server, as somebody. */
const as = <T = Record<string, unknown>>(who: keyof typeof tokens, args: string[], input?: string) =>
  json<T>([...args, '--url', url], {
    env: { ANNALS_TOKEN: tokens[who] },
    ...(input !== undefined && { input }),
  })

const records = Array.from({ length: 30 }, (_, index) => ({ id: `r${index}`, document: `Record ${index}.` }))

beforeAll(async () => {
  const users = {
    tokens: [
      { name: 'ada', role: 'admin', token: tokens.ada },
      { name: 'guest', role: 'read', token: tokens.guest },
    ],
  }
  writeFileSync(at('users.json'), JSON.stringify(users))
  server = start(['run', '--path', at('store'), '--port', '0', '--auth-file', at('users.json')])
  url = `http://127.0.0.1:${await listening(server)}`
  await as('ada', ['add', 'notes', '--create', '--reason', 'first'], lines(records))
})
afterAll(async () => {
  if (server.exitCode === null) await stopped(server, 'SIGTERM')
})

test('records, and their past', async () => {
  expect(await as('guest', ['collections'])).toMatchObject([{ name: 'notes', records: 30 }])
  await as('ada', ['add', 'notes', '--upsert'], lines([{ id: 'r0', document: 'Changed.' }]))
  expect(await as('guest', ['get', 'notes', 'r0'])).toMatchObject([{ document: 'Changed.' }])
  expect(await as('guest', ['get', 'notes', 'r0', '--as-of', '31'])).toMatchObject([
    { document: 'Record 0.' },
  ])
  expect(await as('guest', ['query', 'notes', 'Changed.', '-n', '1'])).toMatchObject([{ id: 'r0' }])
  expect(await as('guest', ['history', 'notes', 'r0'])).toMatchObject([
    { type: 'add', actor: 'ada', reason: 'first' },
    { type: 'update', actor: 'ada' },
  ])
  expect(await as('guest', ['log', '--last', '1'])).toMatchObject([{ id: 'r0', actor: 'ada' }])
  expect(await as('guest', ['diff', '31'])).toMatchObject([{ kind: 'updated', id: 'r0' }])
  expect(await as('ada', ['tag', 'now'])).toMatchObject([{ name: 'now', position: 32 }])
})

test('changes are followed while they happen', async () => {
  const child = start(['changes', '--follow', '--after', '32', '--url', url], {
    env: { ANNALS_TOKEN: tokens.guest },
  })
  const end = ended(child)
  const seen = new Promise<void>((done) => {
    child.stdout!.on('data', (text: string) => text.includes('notes/live') && done())
  })
  await as('ada', ['add', 'notes'], lines([{ id: 'live', document: 'It happens now.' }]))
  await seen
  child.kill('SIGINT')
  const { status, stdout } = await end
  expect(status).toBe(0)
  expect(stdout).toMatch(/add {5}notes\/live {2}ada {2}It happens now\.\n/)
})

test('a server that goes away and comes back: one line each, and no change is missed', async () => {
  const args = ['run', '--path', join(temporary(), 'store'), '--port']
  const first = start([...args, '0'])
  const port = await listening(first)
  const there = ['--url', `http://127.0.0.1:${port}`]
  await json(['add', 'notes', '--create', ...there], { input: lines(records.slice(0, 1)) })
  const following = start(['changes', '--follow', '--json', ...there])
  const end = ended(following)
  await told(following.stdout!, '"r0"')
  const lost = told(following.stderr!, 'Looking for the server')
  await stopped(first, 'SIGTERM')
  await lost
  const back = told(following.stderr!, 'Connected again')
  const second = start([...args, String(port)])
  await listening(second)
  await back
  const seen = told(following.stdout!, '"r1"')
  await json(['add', 'notes', ...there], { input: lines(records.slice(1, 2)) })
  await seen
  following.kill('SIGINT')
  const { status, stdout, stderr } = await end
  expect(status).toBe(0)
  expect(stderr).toMatch(/^[^\n]*was lost[^\n]*Looking for the server …\nConnected again\.\n$/)
  const positions = stdout.trimEnd().split('\n')
  expect(positions.map((line) => JSON.parse(line).position)).toEqual([1, 2, 3])
  await stopped(second, 'SIGTERM')
}, 60_000)

test('tenants and retention, as a command of each says', async () => {
  await as('ada', ['create-tenant', 'acme'])
  expect(await as('ada', ['tenants'])).toEqual([{ name: 'acme' }, { name: 'default_tenant' }])
  expect((await annals(['tenants', '--url', url], { env: { ANNALS_TOKEN: tokens.guest } })).stderr).toContain(
    '[forbidden]',
  )
  await as('ada', ['retention', '--versions', '5', '--collection', 'notes'])
  expect(await as('guest', ['retention'])).toMatchObject([
    {
      store: { history: 'forever' },
      collections: [{ name: 'notes', retention: { history: { versions: 5 } } }],
    },
  ])
  await as('ada', ['retention', '--forever', '--collection', 'notes'])
})

test('copies, proofs and care', async () => {
  const [backup] = await as('ada', ['backup', at('backup')])
  const [restored] = await json(['restore', at('backup'), '--path', at('restored')])
  expect(restored).toMatchObject({ root: backup!.root })
  const [proof] = await as<{ size: number; root: string }>('guest', ['proof', '2'])
  writeFileSync(at('proof.json'), JSON.stringify(proof))
  const trust = ['--trust', `${proof!.size}:${proof!.root}`]
  expect(await json(['proof', '--verify', at('proof.json'), ...trust])).toMatchObject([{ verified: true }])
  expect(await as('ada', ['export', 'notes', at('notes.csv')])).toMatchObject([{ format: 'csv' }])
  expect(await as('ada', ['import', at('notes.csv'), 'copy'])).toMatchObject([{ failed: 0 }])
  expect(await as('ada', ['verify', '--level', 'deep'])).toMatchObject([{ ok: true }])
  expect(await as('ada', ['compact'])).toHaveLength(1)
  expect(await as('ada', ['erase', 'notes', 'r1', '--yes'])).toMatchObject([
    { certificate: { ids: ['r1'] }, backupsComplete: expect.any(Boolean) },
  ])
  expect(await as('guest', ['stats'])).toMatchObject([{ collections: [{ name: 'notes' }, { name: 'copy' }] }])
})

test('an import that is interrupted leaves whole batches on the server', async () => {
  const child = start(['import', '-', 'slow', '--format', 'jsonl', '--batch-size', '10', '--url', url], {
    env: { ANNALS_TOKEN: tokens.ada },
  })
  child.stdin!.on('error', () => undefined)
  child.stdin!.write(lines(records.slice(0, 25)))
  const { port } = new URL(url)
  const headers = { authorization: `Bearer ${tokens.guest}` }
  const client = new HttpClient({ host: '127.0.0.1', port: Number(port), headers })
  const count = async () => {
    const [slow] = (await client.listCollections()).filter(({ name }) => name === 'slow')
    return slow === undefined ? 0 : await slow.count()
  }
  await until(async () => (await count()) === 20)
  child.kill('SIGINT')
  expect((await ended(child)).status).toBe(130)
  expect(await count()).toBe(20)
  await client.close()
})

describe('failures', () => {
  test('without a token, and with one that may not', async () => {
    const nobody = await annals(['count', 'notes', '--url', url])
    expect(nobody.status).toBe(1)
    expect(nobody.stderr).toContain('[unauthorized]')
    const env = { ANNALS_TOKEN: tokens.guest }
    const guest = await annals(['add', 'notes', '--url', url], { env, input: lines(records) })
    expect(guest.status).toBe(1)
    expect(guest.stderr).toContain('[forbidden]')
    writeFileSync(at('token'), `${tokens.guest}\n`)
    const counted = await annals(['count', 'notes', '--url', url, '--token-file', at('token')])
    expect(counted.status).toBe(0)
  })

  test('a server that is not there', async () => {
    const { status, stderr } = await annals(['count', 'notes', '--url', 'http://127.0.0.1:65001'])
    expect(status).toBe(1)
    expect(stderr).toMatch(
      /^error: No connection to http:\/\/127\.0\.0\.1:65001.*\[connection_failed\]\n {2}hint: /,
    )
  })

  test('a folder and a server at once; what is typed wins over the environment', async () => {
    const both = await annals(['count', 'notes', '--url', url, '--path', at('restored')])
    expect(both.status).toBe(2)
    expect(both.stderr).toContain('Give either --path or --url')
    const typed = ['count', 'notes', '--path', at('restored')]
    expect(await json(typed, { env: { ANNALS_URL: url } })).toEqual([{ count: 31 }])
    const env = { ANNALS_PATH: at('restored'), ANNALS_TOKEN: tokens.guest }
    expect((await json(['collections', '--url', url], { env })).map(({ name }) => name)).toContain('copy')
    expect((await annals(['count', 'notes', '--url', 'localhost:8000'])).status).toBe(2)
  })

  test('nothing was made of all this in folders of its own', () => {
    expect(existsSync(at('annals-data'))).toBe(false)
    expect(readdirSync(folder).sort()).toEqual(
      ['backup', 'notes.csv', 'proof.json', 'restored', 'store', 'token', 'users.json'].sort(),
    )
  })
})
