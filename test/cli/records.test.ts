import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { annals, json, lines, temporary } from './support.ts'

const folder = temporary()
const path = join(folder, 'store')
const records = [
  { id: 'a', document: 'Iron rusts.', metadata: { topic: 'metal', year: 1868 } },
  { id: 'b', document: 'Gold is soft. 金は柔らかい', metadata: { topic: 'metal' }, uri: 'file:///b' },
  { id: 'c', document: 'Paper burns\nand \u001b[31mglows.' },
]

beforeAll(async () => {
  await json(['add', 'notes', '--create', '--path', path, '--actor', 'ada'], { input: lines(records) })
})

describe('for machines', () => {
  test('collections', async () => {
    expect(await json(['collections', '--path', path])).toEqual([
      expect.objectContaining({ name: 'notes', records: 3, metadata: null }),
    ])
  })

  test('count, all and filtered, now and then', async () => {
    expect(await json(['count', 'notes', '--path', path])).toEqual([{ count: 3 }])
    expect(await json(['count', 'notes', '--path', path, '--where', '{"topic": "metal"}'])).toEqual([
      { count: 2 },
    ])
    expect(await json(['count', 'notes', '--path', path, '--as-of', '1'])).toEqual([{ count: 0 }])
    const large = '{"year": 9007199254740993}'
    expect(await json(['count', 'notes', '--path', path, '--where', large])).toEqual([{ count: 0 }])
  })

  test('get gives records back as add takes them', async () => {
    const got = await json(['get', 'notes', '--path', path])
    expect(got).toEqual(records.map((record) => ({ metadata: null, uri: null, ...record })))
    const [first] = await json<{ embedding: number[] }>(['get', 'notes', 'a', '--embeddings', '--path', path])
    expect(first!.embedding).toHaveLength(384)
    expect(await json(['get', 'notes', '--contains', 'soft', '--path', path])).toHaveLength(1)
  })

  test('query by text and by vector', async () => {
    const [nearest, ...others] = await json(['query', 'notes', 'iron rusts', '-n', '2', '--path', path])
    expect(nearest).toMatchObject({ query: 0, id: 'a', document: 'Iron rusts.' })
    expect(others).toHaveLength(1)
    const [{ embedding }] = (await json(['get', 'notes', 'b', '--embeddings', '--path', path])) as [
      { embedding: number[] },
    ]
    const vector = JSON.stringify(embedding)
    const found = await json(['query', 'notes', '--vector', vector, '-n', '1', '--path', path])
    expect(found).toMatchObject([{ id: 'b', distance: 0 }])
  })

  test('search, by an argument and from standard input, now and then', async () => {
    const search = { rank: { $knn: { query: 'iron rusts' } }, limit: 2, select: ['#document', '#score'] }
    const args = ['search', 'notes', '--path', path]
    const found = await json([...args, JSON.stringify(search)])
    expect(found).toMatchObject([
      { search: 0, id: 'a', document: 'Iron rusts.', metadata: null },
      { search: 0 },
    ])
    const both = await json([...args, '-', '--as-of', '4'], { input: JSON.stringify([search, search]) })
    expect(both.map((row) => row.search)).toEqual([0, 0, 1, 1])
    expect((await annals([...args, '{"rank"'])).status).toBe(2)
  })

  test('search shows the records where nobody has selected', async () => {
    const search = JSON.stringify({ rank: { $knn: { query: 'iron rusts' } }, limit: 1 })
    const args = ['search', 'notes', search, '--path', path]
    expect(await json(args)).toMatchObject([
      { id: 'a', document: 'Iron rusts.', metadata: { topic: 'metal' }, score: expect.any(Number) },
    ])
    expect((await annals(args)).stdout).toMatch(/^ SCORE .*\n.* a +Iron rusts\. +topic=metal/)
    const none = JSON.stringify({ ...JSON.parse(search), select: ['#score'] })
    expect(await json(['search', 'notes', none, '--path', path])).toMatchObject([{ id: 'a', document: null }])
  })

  test('history, with who and why', async () => {
    const changed = lines([{ id: 'c', document: 'Paper burns.' }])
    await json(['add', 'notes', '--upsert', '--path', path, '--reason', 'too bright'], { input: changed })
    const versions = await json(['history', 'notes', 'c', '--path', path])
    expect(versions).toMatchObject([
      { type: 'add', actor: 'ada', reason: null, before: null },
      { type: 'update', reason: 'too bright', after: { document: 'Paper burns.' } },
    ])
  })

  test('history of an id that was never there: nothing, and exit code 1', async () => {
    const args = ['history', 'notes', 'nobody', '--path', path]
    expect(await annals(args)).toEqual({
      status: 1,
      stdout: '',
      stderr: 'error: The record nobody was never in notes.\n',
    })
    const machine = await annals([...args, '--as-of', '2', '--json', '--quiet'])
    expect(machine).toMatchObject({ status: 1, stdout: '' })
    expect(JSON.parse(machine.stderr).error.message).toBe('The record nobody was never in notes, as of 2.')
  })

  test('add tells records that are left out, and exits with 1', async () => {
    const input = `${lines([{ id: 'd', document: 'Tin is light.' }])}{"id": ""}\nno JSON\n`
    const { status, stdout } = await annals(
      ['add', 'notes', '--skip-bad', '--upsert', '--json', '--path', path],
      { input },
    )
    expect(status).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ records: 1, failed: 2, failures: [{ line: 2 }, { line: 3 }] })
  })
})

describe('for people', () => {
  test('tables without colours in a pipe, and without what a terminal would obey', async () => {
    const { stdout, stderr, status } = await annals(['get', 'notes', '--as-of', '4', '--path', path])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout.split('\n')).toEqual([
      'ID  DOCUMENT                     METADATA',
      'a   Iron rusts.                  topic=metal year=1868',
      'b   Gold is soft. 金は柔らかい   topic=metal uri=file:///b',
      'c   Paper burns and \ufffd[31mglows.',
      '',
    ])
    expect(stdout).not.toContain('\u001b')
  })

  test('a note on standard error where there is more than the table shows', async () => {
    const { stdout, stderr } = await annals(['get', 'notes', '--limit', '1', '--path', path])
    expect(stdout.split('\n')).toHaveLength(3)
    expect(stderr).toBe('There are more; --limit and --offset show them.\n')
  })
})

test('ids that are not there are told, unless a filter or a limit may have left them out', async () => {
  const get = (...args: string[]) => annals(['get', 'notes', ...args, '--path', path])
  expect(await get('b', 'x', 'y')).toMatchObject({ status: 0, stderr: 'Not there: x, y.\n' })
  expect((await get('b', 'x', '--contains', 'soft')).stderr).toBe('')
  expect((await get('a', 'b', '--limit', '1')).stderr).not.toContain('Not there')
  expect((await get('x', '--quiet')).stderr).toBe('')
})

describe('failures', () => {
  test('a command that reads makes no store of a folder that is mistyped', async () => {
    const mistyped = join(folder, 'sotre')
    const { status, stderr, stdout } = await annals(['count', 'notes', '--path', mistyped])
    expect(status).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(`error: The folder ${mistyped} does not exist.\n  hint: Check the spelling.`)
    expect(existsSync(mistyped)).toBe(false)
    const without = temporary()
    expect((await annals(['get', 'notes'], { cwd: without })).stderr).toContain('annals-data does not exist')
    expect(readdirSync(without)).toEqual([])
  })

  test('nor does add without --create', async () => {
    const { status } = await annals(['add', 'notes', '--path', join(folder, 'new')], {
      input: lines(records),
    })
    expect(status).toBe(2)
    expect(existsSync(join(folder, 'new'))).toBe(false)
    const other = await annals(['add', 'other', '--path', path], { input: lines(records) })
    expect(other).toMatchObject({ status: 1, stdout: '' })
    expect(other.stderr).toContain('[collection_not_found]')
  })

  test.each([
    [['count'], 'missing required argument'],
    [['count', 'notes', '--where', 'topic'], 'It is not valid JSON'],
    [['get', 'notes', '--limit', 'many'], 'must be a whole number'],
    [['query', 'notes', '--path', path], 'Give either texts or --vector'],
    [
      ['get', 'notes', '--where', '{"a": {"$near": 1}}', '--path', path],
      '[invalid_filter]\n  hint: On metadata',
    ],
    [['count', 'notes', '--as-of', '???', '--path', path], 'is no point of the past'],
    [['conut', 'notes'], "unknown command 'conut'\n(Did you mean count?)"],
  ])('%j is not understood: exit code 2', async (args, message) => {
    const { status, stderr, stdout } = await annals(args)
    expect(stderr).toContain(message)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
  })

  test('with --json they are one line of JSON on standard error', async () => {
    const { status, stderr, stdout } = await annals(['count', 'none', '--json', '--path', path])
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: 'collection_not_found',
        message: 'Collection [none] does not exist.',
        hint: 'annals collections lists what there is; check --path, --tenant and --database, too.',
      },
    })
  })
})
