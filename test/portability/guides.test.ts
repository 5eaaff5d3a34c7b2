import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { codeBlocks, installInto } from '../support/guides.ts'
import { temporaryFolder } from './folder.ts'

const root = join(import.meta.dirname, '../..')
const folder = temporaryFolder()

/** The code of a guide, block after block, as one program in a folder where `annals` is installed. */
function program(guide: string, change: (code: string) => string = (code) => code): string {
  const text = readFileSync(join(root, 'docs/guides', `${guide}.md`), 'utf8')
  const blocks = codeBlocks(text, 'js')
  expect(blocks.length).toBeGreaterThan(2)
  const home = join(folder, guide)
  installInto(home)
  writeFileSync(join(home, 'program.mjs'), change(blocks.join('\n')))
  return home
}

function run(home: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['program.mjs'], {
    cwd: home,
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout
}

it('import-and-export: its code runs', () => {
  expect(run(program('import-and-export'))).toMatch(/^2 records in \d+ bytes\n$/)
})

it('moving-from-chroma: its code runs', () => {
  // The server of the guide is one that holds nothing, inside the same process.
  const server = `
    import { createServer } from 'node:http'
    const server = createServer((request, response) => response.end('[]'))
    await new Promise((done) => server.listen(0, '127.0.0.1', done))
    const url = 'http://127.0.0.1:' + server.address().port\n`
  const home = program(
    'moving-from-chroma',
    (code) =>
      `${server}${code.replace("'http://localhost:8000'", 'url')}\nserver.close()\nserver.closeAllConnections()\n`,
  )
  cpSync(join(root, 'test/fixtures/chroma-1.3.4/data'), join(home, 'chroma'), { recursive: true })
  const output = run(home)
  expect(output).toContain('403 records in 3 collections, 0 cannot be read')
  expect(output).toContain('acme search vectors 120 []')
  expect(output).toMatch(/281 cosine\n$/)
})
