/** The guides to the server and to security, as their readers would follow them. */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { compareSync } from 'bcryptjs'
import type { Command } from 'commander'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Interrupt } from '../../src/cli/interrupt.ts'
import { makeProgram } from '../../src/cli/program.ts'
import { configure } from '../../src/server/configuration/configuration.ts'
import { settings } from '../../src/server/configuration/settings.ts'
import { codeBlocks, installInto } from '../support/guides.ts'

const root = resolve(import.meta.dirname, '../..')
const project = mkdtempSync(join(tmpdir(), 'annals-guide-'))
const server = readFileSync(join(root, 'docs/guides/server.md'), 'utf8')
const security = readFileSync(join(root, 'docs/guides/security.md'), 'utf8')

beforeAll(() => installInto(project, ['chromadb']))
afterAll(() => rmSync(project, { recursive: true, force: true }))

/** What the code of a guide prints. */
function printed(text: string): string[] {
  writeFileSync(join(project, 'guide.mjs'), codeBlocks(text, 'js').join('\n'))
  const options = { cwd: project, encoding: 'utf8' } as const
  const { stdout, stderr } = spawnSync(process.execPath, ['guide.mjs'], options)
  expect(stderr).toBe('')
  return stdout.trimEnd().split('\n')
}

test('the code of the guide to the server prints what it says', () => {
  expect(printed(server)).toEqual([
    '127.0.0.1',
    "[ 'second thought' ]",
    "[ 'first thought' ]",
    "[ [ 'origin' ] ]",
    '200 { is_executor_ready: true, is_log_client_ready: true }',
    '6',
  ])
})

test('the code of the guide to security prints what it says', () => {
  expect(printed(security)).toEqual([
    'forbidden',
    "{ user_id: 'dashboard', tenant: 'acme', databases: [ 'search' ] }",
    'eve create-collection',
  ])
})

test('the table of the guide has every setting', () => {
  const rows = settings.map(
    ({ key, about, fallback, isSecret }) =>
      `| \`${key}\` | ${about}${isSecret === true ? '; not as a flag' : ''} | ${fallback} |`,
  )
  expect(server.split('\n').filter((line) => /^\| `[\w.]+` \| .* \| .* \|$/.test(line))).toEqual(rows)
})

test('the files of the guides are understood', () => {
  const [file] = codeBlocks(server, 'yaml')
  const [people] = codeBlocks(security, 'yaml')
  const files: Record<string, string> = { 'annals.yaml': file!, '/etc/annals/people.yaml': people! }
  const { auth, limits, tls, path } = configure({ file: 'annals.yaml', read: (name) => files[name] ?? name })
  expect([path, limits?.bodyBytes, tls?.key]).toEqual(['/var/lib/annals', 67_108_864, '/etc/annals/key.pem'])
  expect(auth?.tokens?.map(({ name, role }) => [name, role])).toEqual([
    ['indexer', 'write'],
    ['dashboard', 'read'],
  ])
  expect(auth!.tokens![0]!.sha256).toBe(createHash('sha256').update('the-token-of-the-indexer').digest('hex'))
  expect(compareSync('correct horse battery staple', auth!.users![0]!.passwordHash)).toBe(true)
})

test('every flag in the guides is one of its command', async () => {
  const { commands } = await makeProgram(new Interrupt())
  const flagsOf = (command: Command) => command.options.flatMap(({ short, long }) => [short, long])
  const all = commands.flatMap(flagsOf)
  const unknown: string[] = []
  let seen = 0
  const check = (text: string, known: readonly (string | undefined)[]) => {
    for (const [flag] of text.matchAll(/(?<![\w-])--?[a-z][a-z-]*/g)) {
      seen += 1
      if (!known.includes(flag)) unknown.push(`${flag} in: ${text}`)
    }
  }
  const guides = readdirSync(join(root, 'docs/guides')).map((name) =>
    readFileSync(join(root, 'docs/guides', name), 'utf8'),
  )
  for (const guide of guides) {
    const lines = codeBlocks(guide, 'sh').join('\n').replaceAll('\\\n', ' ').split('\n')
    for (const line of lines)
      for (const [, name, rest] of line.matchAll(/\bannals ([a-z-]+)((?:[^|;&$]|\$(?!\())*)/g)) {
        const command = commands.find((one) => one.name() === name)
        if (command === undefined) unknown.push(`${name} in: ${line}`)
        else check(rest!, flagsOf(command))
      }
    for (const [, flag] of guide.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/`(--[^`]+)`/g))
      check(flag!, all)
  }
  expect(unknown).toEqual([])
  expect(seen).toBeGreaterThan(10)
})
