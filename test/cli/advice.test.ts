/** What the command line says to do: in its own words, and only where it helps. */
import type { ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Interrupt } from '../../src/cli/interrupt.ts'
import { makeProgram } from '../../src/cli/program.ts'
import { places, shellWording, wordings } from '../../src/cli/wording.ts'
import { annals, json, lines, listening, start, stopped, temporary } from './support.ts'

const folder = temporary()
const path = join(folder, 'store')
const at = (name: string) => join(folder, name)
const tokens = { ada: 'ada-has-a-long-token', writer: 'a-writer-has-another' }
let server: ChildProcess
let url: string

beforeAll(async () => {
  await json(['add', 'notes', '--create', '--path', path], { input: lines([{ id: 'a', document: 'Iron.' }]) })
  const users = {
    tokens: [
      { name: 'ada', role: 'admin', token: tokens.ada },
      { name: 'writer', role: 'write', token: tokens.writer },
    ],
  }
  writeFileSync(at('users.json'), JSON.stringify(users))
  server = start(['run', '--path', at('served'), '--port', '0', '--auth-file', at('users.json')])
  url = `http://127.0.0.1:${await listening(server)}`
})
afterAll(() => stopped(server, 'SIGTERM'))

test('who may not write in the name of another is told how to go on', async () => {
  const input = lines([{ id: 'a', document: 'Iron.' }])
  const add = (token: string) =>
    annals(['add', 'notes', '--create', '--url', url], {
      input,
      env: { ANNALS_TOKEN: token, ANNALS_ACTOR: 'eve' },
    })
  const { status, stderr } = await add(tokens.writer)
  expect(status).toBe(1)
  expect(stderr).toMatch(/^error: Only an admin may write in the name of another\. \[forbidden\]\n/)
  expect(stderr).toContain('hint: Leave out --actor and ANNALS_ACTOR')
  expect((await add(tokens.ada)).status).toBe(0)
  const [line] = await json(['log', '--last', '1', '--url', url], { env: { ANNALS_TOKEN: tokens.writer } })
  expect(line).toMatchObject({ actor: 'eve' })
})

test('the fate of the data is told of writes alone', async () => {
  const read = await annals(['count', 'notes', '--url', url])
  expect(read.stderr).toContain('[unauthorized]')
  expect(read.stderr).not.toContain('fate:')
  const written = await annals(['tag', 'now', '--url', url])
  expect(written.stderr).toContain('fate: nothing was written')
})

test('words of the JavaScript API come as those of the shell', async () => {
  const bad = await annals(['add', 'notes', '--path', path], { input: 'no JSON\n' })
  expect(bad.stderr).toContain('error: Standard input, line 1')
  expect(bad.stderr).toContain('--skip-bad')
  expect(bad.stderr).not.toContain('onError')
})

const root = resolve(import.meta.dirname, '../../src')
const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.startsWith('cli/'))
  .map((file) => readFileSync(join(root, file), 'utf8'))
const inSources = (text: string) => sources.some((source) => source.includes(text))

test('every translated text still stands in the sources', () => {
  expect(wordings.map(([program]) => program).filter((program) => !inSources(program))).toEqual([])
  const lost = places.filter(([place]) => !inSources(place) && !inSources(`'${place.split('.').at(-1)}'`))
  expect(lost).toEqual([])
})

test('every flag that a translation names is one', async () => {
  const { commands } = await makeProgram(new Interrupt())
  const flags = commands.flatMap(({ options }) => options.map(({ long }) => long))
  const named = [...wordings, ...places].flatMap(([, shell]) => shell.match(/--[a-z-]+/g) ?? [])
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter((flag) => !flags.includes(flag))).toEqual([])
})

/** Hints that no command line can come upon, by a part of each. */
const elsewhere = [
  // There are no transactions in a shell,
  '`run` does so by itself',
  // nor embedding functions that are handed in,
  'getConfig() answers',
  'Say keepVectors',
  // nor pages of a browser.
  'corsOrigins',
]

test('no hint speaks JavaScript at a shell', () => {
  const literal = /'((?:[^'\\\n]|\\.)+)'|"((?:[^"\\\n]|\\.)+)"|`([^`\n]{20,})`/g
  const hints = sources.flatMap((source) =>
    [...source.matchAll(/\bhints?\b\s*[:=]/gi)].flatMap(({ index }) => {
      const [value] = source.slice(index, index + 400).split(/,\n|\n\n|\n {0,2}[}a-z]/)
      return [...value!.matchAll(literal)].map(([, single, double, quoted]) => single ?? double ?? quoted!)
    }),
  )
  expect(hints.length).toBeGreaterThan(60)
  const javascript = /[a-z]\w*\(|\(\{|`\w+`|\b[a-z]+[A-Z]\w*\b|: true\b|\bawait\b|\boption\b/
  const told = hints.filter((hint) => !elsewhere.some((part) => hint.includes(part))).map(shellWording)
  expect(told.filter((hint) => javascript.test(hint.replaceAll(/LevelDB|\$\{[^}]*\}/g, '')))).toEqual([])
})

test('messages name what was typed', async () => {
  const told = async (...args: string[]) => (await annals([...args, '--path', path])).stderr
  expect(await told('query', 'notes', 'x', '-n', '1000000')).toContain('error: --n-results: must be')
  expect(await told('retention', '--days', '99999')).toContain('error: --days: must be')
  expect(await told('count', 'notes', '--where', '{"a": {"$near": 1}}')).toContain('error: --where.a.$near: ')
  expect(shellWording('nResultsOf: nothing')).toBe('nResultsOf: nothing')
})

test('a point that is none of the known ones: which forms there are', async () => {
  const { status, stderr } = await annals(['count', 'notes', '--as-of', 'yesterday', '--path', path])
  expect(status).toBe(1)
  expect(stderr).toMatch(/yesterday.*\[tag_not_found\]\n {2}hint: .*positions \(123\).*2026-03-01T12:00Z/)
})

test('folders that are not there', async () => {
  const none = at('nowhere')
  const restored = await annals(['restore', none, '--path', at('restored')])
  expect(restored).toMatchObject({ status: 2, stderr: expect.stringContaining(`${none} does not exist`) })
  for (const command of [['verify'], ['count', 'notes'], ['inspect']])
    expect((await annals([...command, '--path', none])).stderr).toBe(
      `error: The folder ${none} does not exist.\n  hint: Check the spelling.\n`,
    )
  const added = await annals(['add', 'notes', '--path', none])
  expect(added.stderr).toContain('With --create a new store is made.')
})
