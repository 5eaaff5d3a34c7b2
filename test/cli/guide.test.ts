/** The scripts of the guide and of the README run, and print what stands below them. */
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { codeBlocks } from '../support/guides.ts'
import { binary, temporary } from './support.ts'

const root = resolve(import.meta.dirname, '../..')
const guide = readFileSync(join(root, 'docs/guides/command-line.md'), 'utf8')
const readme = readFileSync(join(root, 'README.md'), 'utf8')

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

/** What differs from run to run. */
function masked(text: string, folder: string): string {
  return text
    .replaceAll(folder, 'FOLDER')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'ROOT')
    .replaceAll(/\b[\d.]+ (B|[KM]iB)\b/g, 'SIZE')
}

/** Runs a script in an empty folder, with `annals` on its path; answers what it prints. */
async function printed(script: string): Promise<string> {
  const folder = realpathSync(temporary())
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin/annals'), `#!/bin/sh\nexec '${process.execPath}' '${binary}' "$@"\n`)
  chmodSync(join(folder, 'bin/annals'), 0o755)
  const env = Object.entries(process.env).filter(([name]) => !/^(ANNALS_|NO_COLOR|FORCE_COLOR)/.test(name))
  const ported = script.replaceAll('8000', String(await freePort()))
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', ported], {
    cwd: folder,
    env: { ...Object.fromEntries(env), PATH: `${join(folder, 'bin')}:${process.env.PATH}` },
  })
  return masked(stdout, folder)
}

test('the guide prints what it says', async () => {
  expect(await printed(codeBlocks(guide, 'sh').join('\n'))).toBe(
    masked(codeBlocks(guide, 'text').join(''), '/home/ada'),
  )
}, 300_000)

test('so does the README', async () => {
  const lines = codeBlocks(readme, 'console')[0]!.split(/(?<=\n)/)
  const [server, ...commands] = lines.filter((line) => line.startsWith('$ ')).map((line) => line.slice(2))
  // Whoever types gives the server the time to come up.
  const wait = 'until annals collections --url http://localhost:8000 &> /dev/null; do sleep 1; done\n'
  const script = `${server}${wait}${commands.join('')}kill $! && wait $!`
  const said = lines.filter((line) => !line.startsWith('$ ')).join('')
  expect(await printed(script)).toBe(masked(said, '/home/ada'))
}, 300_000)
