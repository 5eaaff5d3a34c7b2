/** The code of the guides runs, and prints what its comments say. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { codeBlocks, installInto } from '../support/guides.ts'
import { temporary } from './support.ts'

const root = resolve(import.meta.dirname, '../..')

/** Runs all blocks of JavaScript in a guide as one program, in a user's project. */
function run(guide: string): { lines: string[]; stderr: string } {
  const text = readFileSync(join(root, 'docs/guides', guide), 'utf8')
  const project = temporary()
  installInto(project)
  writeFileSync(join(project, 'guide.mjs'), codeBlocks(text, 'js').join('\n'))
  const { stdout, stderr } = spawnSync(process.execPath, ['guide.mjs'], { cwd: project, encoding: 'utf8' })
  return { lines: stdout.trimEnd().split('\n'), stderr }
}

test('backup and restore', () => {
  expect(run('backup-and-restore.md')).toEqual({
    lines: ['3 3 1', '1 1', '3 3 1', "[ 'first' ]", '5', 'true'],
    stderr: '',
  })
})

test('re-embedding', () => {
  expect(run('re-embedding.md')).toEqual({
    lines: [
      '4 of 4',
      'decided 4',
      "[ [ 'b' ] ]",
      'ada kiwi',
      'bob kiwi, green',
      '5',
      'invalid_argument',
      "[ 'banana', '████, green', 'pear' ]",
    ],
    stderr: '',
  })
})
