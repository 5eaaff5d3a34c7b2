/** What becomes of work that is interrupted: by Ctrl-C, or because nobody reads any more. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { beforeAll, expect, test } from 'vitest'
import { until } from '../support/until.ts'
import { annals, ended, json, lines, start, temporary } from './support.ts'

const folder = temporary()
const path = join(folder, 'store')
const at = (name: string) => join(folder, name)

const records = Array.from({ length: 3_000 }, (_, index) => ({
  id: `r${index}`,
  document: `Record number ${index}.`,
  embedding: [index, 1],
}))

beforeAll(async () => {
  await json(['add', 'notes', '--create', '--path', path], { input: lines(records) })
})

/** How far the store of another process is, by the tables that everybody may read. */
function positionOf(store: string): number {
  const tables = new Database(join(store, 'metadata.sqlite3'), { readonly: true })
  try {
    const row = tables.prepare('SELECT position FROM checkpoints').get() as { position: number } | undefined
    return row?.position ?? 0
  } finally {
    tables.close()
  }
}

test('a reader that goes away ends the command quietly', async () => {
  for (const args of [
    ['log', '--after', '0'],
    ['get', 'notes', '--json'],
    ['export', 'notes', '--batch-size', '10', '--quiet'],
  ]) {
    const child = start([...args, '--path', path])
    child.stdout!.once('data', () => child.stdout!.destroy())
    expect(await ended(child), args.join(' ')).toMatchObject({ status: 0, stderr: '' })
  }
})

test('an export that is interrupted leaves no file', async () => {
  const child = start(['export', 'notes', at('notes.jsonl'), '--batch-size', '1', '--path', path])
  await until(() => existsSync(at('notes.jsonl.tmp')))
  child.kill('SIGINT')
  expect(await ended(child)).toMatchObject({ status: 130, stdout: '' })
  expect(readdirSync(folder).filter((name) => name.startsWith('notes.jsonl'))).toEqual([])
})

test('an import that is interrupted leaves whole batches, and can be repeated', async () => {
  const args = [
    'import',
    '-',
    'notes',
    '--format',
    'jsonl',
    '--batch-size',
    '100',
    '--json',
    '--path',
    at('half'),
  ]
  const child = start(args)
  child.stdin!.on('error', () => undefined)
  child.stdin!.write(lines(records.slice(0, 1_550)))
  // The collection and fifteen batches: it waits for the rest of the sixteenth.
  await until(() => existsSync(join(at('half'), 'metadata.digests')) && positionOf(at('half')) === 1_501)
  child.kill('SIGINT')
  expect((await ended(child)).status).toBe(130)
  expect(await json(['count', 'notes', '--path', at('half')])).toEqual([{ count: 1_500 }])
  const [report] = await json(args.slice(0, -3).concat('--path', at('half')), { input: lines(records) })
  expect(report).toMatchObject({ records: 3_000 })
  expect(await json(['count', 'notes', '--path', at('half')])).toEqual([{ count: 3_000 }])
  expect(await json(['verify', '--path', at('half')])).toMatchObject([{ ok: true }])
})

test('a backup that is interrupted is continued', async () => {
  const child = start(['backup', at('backup'), '--path', path])
  await until(() => existsSync(at('backup')))
  child.kill('SIGINT')
  // It may have been quicker.
  expect([0, 130]).toContain((await ended(child)).status)
  const [{ root }] = (await json(['backup', at('backup'), '--path', path])) as [{ root: string }]
  expect(readdirSync(at('backup')).filter((name) => name.endsWith('.tmp'))).toEqual([])
  expect(await json(['restore', at('backup'), '--path', at('restored')])).toMatchObject([{ root }])
})

test('a standby that follows ends with what it has, exit code 0', async () => {
  await json(['backup', at('followed'), '--path', path])
  const child = start(['follow', at('followed'), at('standby'), '--json'])
  const end = ended(child)
  await until(() => existsSync(join(at('standby'), 'metadata.digests')))
  await json(['add', 'notes', '--path', path], { input: lines([{ id: 'more', embedding: [1, 2] }]) })
  await json(['backup', at('followed'), '--path', path])
  const { position, root } = JSON.parse(readFileSync(join(at('followed'), 'backup.json'), 'utf8')).head
  await until(() => positionOf(at('standby')) === position)
  child.kill('SIGINT')
  const { status, stdout } = await end
  expect(status).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ kind: 'copied', position, root })
})

test('changes that are followed end with Ctrl-C, exit code 0', async () => {
  const child = start(['changes', '--follow', '--json', '--path', path])
  let seen = 0
  child.stdout!.on('data', (text: Buffer) => {
    seen += text.toString().split('\n').length - 1
  })
  const end = ended(child)
  await until(() => seen >= 3_000)
  child.kill('SIGINT')
  expect(await end).toMatchObject({ status: 0, stderr: '' })
})

test('the second Ctrl-C ends it at once', async () => {
  const child = start([
    'import',
    '-',
    'notes',
    '--format',
    'jsonl',
    '--batch-size',
    '1',
    '--path',
    at('twice'),
  ])
  // The store is made for the first batch; the rest of the input is waited for.
  child.stdin!.write('{"id": "a", "document": "first"}\n{"id": "b", "document": "second"}\n')
  await until(() => existsSync(join(at('twice'), 'metadata.sqlite3')))
  child.kill('SIGINT')
  child.kill('SIGTERM')
  expect((await ended(child)).status).toBe(130)
})

test('quick work shows no progress in a pipe', async () => {
  const { stderr } = await annals(['export', 'notes', at('quick.csv'), '--path', path])
  expect(stderr).toBe('')
})
