/** What goes into a collection, and what a source that cannot be read leaves behind: nothing. */
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { annals, json, lines, temporary } from './support.ts'

const folder = temporary()
const at = (name: string) => join(folder, name)
const records = [
  { id: 'a', document: 'Iron rusts.' },
  { id: 'b', document: 'Gold is soft.' },
]

describe('a source that fails at the door', () => {
  writeFileSync(at('header.csv'), 'name,text\nx,y\n')
  writeFileSync(at('bad.jsonl'), `no JSON\n${lines(records)}`)

  test.each(['missing.csv', 'header.csv', 'bad.jsonl'])('%s makes no store', async (file) => {
    const path = at(`store-${file}`)
    const { status, stderr } = await annals(['import', at(file), 'notes', '--path', path])
    expect(status).toBe(1)
    expect(stderr).toContain('[import_failed]')
    expect(existsSync(path)).toBe(false)
  })

  test('and no collection in a store that is there', async () => {
    const path = at('store')
    await json(['add', 'notes', '--create', '--path', path], { input: lines(records) })
    expect((await annals(['import', at('header.csv'), 'other', '--path', path])).status).toBe(1)
    const added = await annals(['add', 'other', '--create', '--path', path], { input: 'no JSON\n' })
    expect(added.status).toBe(1)
    expect((await json(['collections', '--path', path])).map(({ name }) => name)).toEqual(['notes'])
  })

  test('a source without records makes an empty collection, as it says', async () => {
    const path = at('empty')
    expect((await annals(['add', 'notes', '--create', '--path', path])).stdout).toBe(
      '0 records written to notes\n',
    )
    expect(await json(['count', 'notes', '--path', path])).toEqual([{ count: 0 }])
  })
})

describe('a wrong source makes no target', () => {
  const chroma = at('chroma')
  mkdirSync(chroma)
  writeFileSync(join(chroma, 'chroma.sqlite3'), 'no database')

  test.each([
    ['a folder that holds no Chroma', at('.')],
    ['a folder that is not there', at('nowhere')],
    ['a damaged database', chroma],
    ['a server that is not there', 'http://127.0.0.1:65001'],
  ])('import from %s', async (_, source) => {
    const path = at('store-chroma')
    const { status, stderr } = await annals(['import', source, '--format', 'chroma', '--path', path])
    expect(stderr).toContain('[import_failed]')
    expect(status).toBe(1)
    expect(existsSync(path)).toBe(false)
  })

  test.each(['replay', 'follow'])('%s', async (command) => {
    const target = at(`target-of-${command}`)
    const missing = await annals([command, at('nowhere'), target])
    expect(missing).toMatchObject({ status: 2, stderr: expect.stringContaining('nowhere does not exist.') })
    const other = await annals([command, chroma, target])
    expect(other).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('chroma holds neither a store nor a backup.'),
    })
    expect(existsSync(target)).toBe(false)
  })

  test('replay of a damaged backup', async () => {
    const backup = at('damaged-backup')
    mkdirSync(backup)
    writeFileSync(join(backup, 'backup.json'), '{}')
    const { status, stderr } = await annals(['replay', backup, at('target-of-damaged')])
    expect(stderr).toContain('[backup_damaged]')
    expect(status).toBe(1)
    expect(existsSync(at('target-of-damaged'))).toBe(false)
  })
})

test('a dry run of an import from Chroma makes no store, and asks one that is there', async () => {
  const source = at('source-of-dry-run')
  cpSync(resolve(import.meta.dirname, '../fixtures/chroma-1.3.4/data'), source, { recursive: true })
  const args = ['import', source, '--path', at('dry')]
  const [planned] = await json([...args, '--dry-run'])
  expect(planned).toMatchObject({ dryRun: true })
  expect(existsSync(at('dry'))).toBe(false)
  expect(await json(args)).toMatchObject([{ dryRun: false, records: planned!.records }])
  const again = await annals([...args, '--dry-run'])
  expect(again).toMatchObject({ status: 1, stderr: expect.stringContaining('[collection_exists]') })
})

test('what was written is told apart from what was there', async () => {
  const args = ['add', 'notes', '--create', '--path', at('twice')]
  const told = async (input: string) => (await annals(args, { input })).stdout
  expect(await told(lines(records))).toBe('2 records written to notes\n')
  const third = { id: 'c', document: 'Paper burns.' }
  expect(await told(lines([...records, third]))).toBe('1 record written to notes, 2 were there already\n')
  expect(await told(lines(records.slice(0, 1)))).toBe('0 records written to notes, 1 was there already\n')
})
