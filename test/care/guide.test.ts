import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { codeBlocks, installInto } from '../support/guides.ts'

const root = resolve(import.meta.dirname, '../..')

test('the guide to erasure prints what it says', () => {
  const text = readFileSync(join(root, 'docs/guides/erasing-a-persons-data.md'), 'utf8')
  const project = mkdtempSync(join(tmpdir(), 'annals-guide-'))
  installInto(project)
  writeFileSync(join(project, 'erase.mjs'), codeBlocks(text, 'js').join('\n'))
  const { stdout, stderr } = spawnSync(process.execPath, ['erase.mjs'], { cwd: project, encoding: 'utf8' })
  rmSync(project, { recursive: true, force: true })
  expect(stderr).toBe('')
  expect(stdout.split('\n').filter((line) => line !== '')).toEqual([
    '2 true',
    "[ 'bob' ]",
    'add null',
    'update null',
    'delete null',
    'true',
    '[ 2, 4 ]',
    'true',
    'false',
    'true [ 2, 4 ] true',
    'true',
    '{ versions: 0, payloads: 0, bytes: 0, horizons: {} }',
    '0',
  ])
})
