/** What a command line waits for before it answers: the files that Node loads for it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { annals, json, lines, temporary } from './support.ts'

/** The files that one command line has loaded, as paths below the package, or below node_modules. */
async function loaded(...args: string[]): Promise<string[]> {
  const folder = temporary()
  const { status } = await annals(args, { env: { NODE_V8_COVERAGE: folder } })
  expect(status).toBe(0)
  const scripts = readdirSync(folder).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { result: { url: string }[] }
    return result.map(({ url }) => url)
  })
  return scripts
    .filter((url) => url.startsWith('file:'))
    .map((url) => url.replace(/^.*?\/(node_modules|dist)\//, '$1/'))
}

const packages = (files: readonly string[]) => [
  ...new Set(files.flatMap((file) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? [])),
]

test('help loads the list of commands, and none of them', async () => {
  const files = await loaded('--help')
  expect(files).toContain('dist/cli/command-list.js')
  expect(files.filter((file) => /\/commands\/|session|client|server/.test(file))).toEqual([])
  expect(packages(files)).toEqual(['commander'])
})

test('the help of a command loads that one', async () => {
  const files = await loaded('count', '--help')
  expect(files.filter((file) => file.includes('/cli/commands/'))).toEqual(['dist/cli/commands/count.js'])
  expect(packages(files)).toEqual(['commander'])
})

test('all commands together load nothing of the store, and of the server the list of its settings', async () => {
  // A completion script knows the flags of each.
  const files = await loaded('completion', 'bash')
  const names = readdirSync(resolve(import.meta.dirname, '../../src/cli/commands'))
  expect(files.filter((file) => file.includes('/cli/commands/'))).toHaveLength(names.length)
  expect(packages(files)).toEqual(['commander', 'picocolors'])
  const others = files.filter((file) => file.startsWith('dist/') && !file.startsWith('dist/cli/'))
  expect(others).toContain('dist/server/configuration/settings.js')
  const heavy = /\/(index|opening|store|env|serve|configuration)\.js$/
  const words = /^dist\/(server\/(access|configuration)\/)?[a-z-]+\.js$/
  expect(others.filter((file) => !words.test(file) || heavy.test(file))).toEqual([])
})

test('a command on a store loads no formats of files, no HTTP, and of rxjs what it uses', async () => {
  const path = join(temporary(), 'store')
  await json(['add', 'notes', '--create', '--path', path], { input: lines([{ id: 'a', document: 'Iron.' }]) })
  const files = await loaded('count', 'notes', '--path', path)
  expect(files).toContain('dist/client/persistent-client.js')
  expect(packages(files).filter((name) => /parquet|csv|undici|fastify|pino|lossless/.test(name))).toEqual([])
  expect(files).not.toContain('dist/index.js')
  const parts = files.filter((file) => file.startsWith('node_modules/rxjs/'))
  expect(parts.length).toBeGreaterThan(0)
  expect(parts.length).toBeLessThan(60)
})
