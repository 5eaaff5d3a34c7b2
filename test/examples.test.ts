import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeBlocks, installInto } from './support/guides.ts'

const root = resolve(import.meta.dirname, '..')

/** A user's project, in which annals is installed. */
const project = mkdtempSync(join(tmpdir(), 'annals-examples-'))
beforeAll(() => installInto(project))
afterAll(() => rmSync(project, { recursive: true, force: true }))

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

/** All blocks of JavaScript in a Markdown file. */
function examples(file: string): string[] {
  return codeBlocks(read(file), 'js')
}

function run(script: string, cwd: string) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [script], {
    cwd,
    encoding: 'utf8',
    timeout: 200_000,
  })
  return { lines: stdout.trimEnd().split('\n'), stderr, status }
}

function runInProject(name: string, code: string) {
  const folder = join(project, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'example.mjs'), code)
  return run('example.mjs', folder)
}

test('the example of the README prints what its comments say', () => {
  expect(runInProject('readme', examples('README.md')[0]!)).toEqual({
    lines: ["[ [ 'Iron rusts in wet air.' ] ]", "[ 'Iron rusts.' ]", 'add ada', 'update bob'],
    stderr: '',
    status: 0,
  })
})

test('the examples of docs/api.md run, one after the other', () => {
  expect(runInProject('api', examples('docs/api.md').join('\n'))).toEqual({
    lines: [
      "1 [ [ 'a' ] ]",
      'true 2',
      expect.stringMatching(/^\[ 'b' \] \[ 'Gold is soft.' \] b 0\.\d+ 4$/),
      "Gold is soft. true [ 'b', 'd' ]",
      "[ 'Mercury is liquid.' ] []",
      '0',
      '10 update null Mercury is liquid at room temperature.',
      '9 add ada Mercury is liquid.',
      '9 add e ada',
      '10 update e null',
      '11 delete b null',
      '12 add f null',
      '13 delete f ada',
      '14 add b ada',
      'true 1',
    ],
    stderr: '',
    status: 0,
  })
})

test('the claims of the demo hold, and its lines fit into 100 columns', () => {
  const { lines, stderr, status } = run(join(root, 'examples', 'demo.js'), root)
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  const text = lines.join('\n')
  expect(text).toContain('✓ every acknowledged batch is there, whole')
  expect(text).toContain('✓ every answer is the same')
  expect(text).toContain('✓ the restored log is the beginning of this one')
  expect(text).toContain('✓ the operation stands in that log')
  expect(text).toContain('✓ of guest-7 nothing is in any file now, of guest-8 everything')
  expect(text).not.toContain('✗')
  expect(lines.at(-1)).toMatch(/^All \d+ claims hold\.$/)
  expect(lines.filter((line) => line.length > 100)).toEqual([])
})

describe('links', () => {
  const pages = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
  ]

  /** The anchors of a page's headings, as GitHub makes them. */
  function anchors(page: string): string[] {
    const headings = [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!)
    return headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    )
  }

  test.each(pages.filter((page) => page.endsWith('.md')))('of %s lead somewhere', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)]
    for (const [link, path, anchor] of links) {
      const target = path === '' ? page : join(dirname(page), path!)
      // Written beside these pages; this line goes when it is there.
      if (target === 'docs/format.md' && !existsSync(join(root, target))) continue
      expect(existsSync(join(root, target)), `${link} in ${page}`).toBe(true)
      if (anchor !== undefined) expect(anchors(target), `${link} in ${page}`).toContain(anchor)
    }
  })
})
