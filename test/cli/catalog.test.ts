/** Records and collections that go, forks, tenants and databases. */
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { annals, json, lines, temporary } from './support.ts'

const path = join(temporary(), 'store')
const records = Array.from({ length: 6 }, (_, index) => ({
  id: `r${index}`,
  document: index < 3 ? `Draft ${index}.` : `Note ${index}.`,
  metadata: { index },
}))
const store = <T = Record<string, unknown>>(...args: string[]) => json<T>([...args, '--path', path])
const told = async (...args: string[]) => annals([...args, '--path', path])
const count = async (name: string) => (await store<{ count: number }>('count', name))[0]!.count

beforeAll(async () => {
  await json(['add', 'notes', '--create', '--path', path], { input: lines(records) })
})

describe('delete', () => {
  test('by id, by filter and by document, with who and why', async () => {
    expect(await store('delete', 'notes', 'r5', 'none', '--actor', 'ada', '--reason', 'wrong')).toMatchObject(
      [{ collection: 'notes', count: 1, position: expect.any(Number) }],
    )
    expect(await store('log', '--last', '1')).toMatchObject([
      { type: 'delete', id: 'r5', actor: 'ada', reason: 'wrong' },
    ])
    expect((await told('delete', 'notes', '--where', '{"index": 4}')).stdout).toBe(
      '1 record deleted from notes\n',
    )
    const drafts = ['--where-document', '{"$contains": "Draft"}', '--limit', '1']
    expect(await store('delete', 'notes', ...drafts)).toMatchObject([{ count: 1 }])
    expect(await count('notes')).toBe(3)
    expect(await store('get', 'notes', 'r5', '--as-of', '7')).toHaveLength(1)
  })

  test('without a selection it deletes nothing', async () => {
    const { status, stderr } = await told('delete', 'notes')
    expect(status).toBe(2)
    expect(stderr).toContain('annals drop takes the whole collection')
    expect(await count('notes')).toBe(3)
  })
})

test('fork, and drop, which asks', async () => {
  expect(await store('fork', 'notes', 'copy', '--actor', 'ada')).toMatchObject([
    { name: 'copy', source: 'notes', records: 3 },
  ])
  await store('delete', 'copy', 'r3')
  expect([await count('notes'), await count('copy')]).toEqual([3, 2])
  const asked = await told('drop', 'copy')
  expect(asked.status).toBe(2)
  expect(asked.stderr).toContain('The collection copy will go, with 2 records. This cannot be undone.')
  expect(await count('copy')).toBe(2)
  const { stdout } = await told('drop', 'copy', '--yes')
  const [, position] = /As of position (\d+) it can still be read/.exec(stdout) ?? []
  expect((await store('collections')).map(({ name }) => name)).toEqual(['notes'])
  expect(await store('count', 'copy', '--as-of', position!)).toEqual([{ count: 2 }])
})

test('tenants and databases are made and listed', async () => {
  expect(await store('create-tenant', 'acme', '--actor', 'ada')).toMatchObject([{ tenant: 'acme' }])
  expect((await told('create-database', 'search', '--tenant', 'acme')).stdout).toBe(
    'The database acme/search is made.\n',
  )
  expect(await store('databases', '--tenant', 'acme')).toMatchObject([{ name: 'search', tenant: 'acme' }])
  expect((await told('databases')).stdout).toMatch(/^DATABASE +ID\ndefault_database +[0-9a-f-]{36}\n$/)
  const scope = ['--tenant', 'acme', '--database', 'search']
  expect((await told('collections', ...scope)).stderr).toBe('No collections in acme/search.\n')
})

test.each([
  ['tenant', ['--tenant', 'nosuch'], 'annals create-tenant'],
  ['database', ['--database', 'nosuch'], 'annals databases lists'],
])('a %s that does not exist is told as such', async (what, scope, hint) => {
  for (const command of [['collections'], ['get', 'notes'], ['collections', '--json']]) {
    const { status, stderr, stdout } = await told(...command, ...scope)
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr).toContain(`${what}_not_found`)
    expect(stderr).toContain(hint)
  }
  if (what === 'tenant') expect((await told('databases', ...scope)).stderr).toContain('[tenant_not_found]')
})
