/** What goes into a collection, and what a source that cannot be read leaves behind: nothing. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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

test('what was written is told apart from what was there', async () => {
  const args = ['add', 'notes', '--create', '--path', at('twice')]
  const told = async (input: string) => (await annals(args, { input })).stdout
  expect(await told(lines(records))).toBe('2 records written to notes\n')
  const third = { id: 'c', document: 'Paper burns.' }
  expect(await told(lines([...records, third]))).toBe('1 record written to notes, 2 were there already\n')
  expect(await told(lines(records.slice(0, 1)))).toBe('0 records written to notes, 1 was there already\n')
})
