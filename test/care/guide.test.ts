import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')

test('the guide to erasure prints what it says', () => {
  const text = readFileSync(join(root, 'docs/guides/erasing-a-persons-data.md'), 'utf8')
  const code = [...text.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, block]) => block).join('\n')
  const project = mkdtempSync(join(tmpdir(), 'annals-guide-'))
  mkdirSync(join(project, 'node_modules'))
  symlinkSync(root, join(project, 'node_modules', 'annals'), 'junction')
  writeFileSync(join(project, 'erase.mjs'), code)
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
