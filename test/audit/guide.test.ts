/** The guide to auditing, run as a user would run it; and the commands of docs/proofs.md on what it produced. */
import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codeBlocks, installInto } from '../support/guides.ts'
import { Stores } from './support.ts'

const root = resolve(import.meta.dirname, '../..')
const project = mkdtempSync(join(tmpdir(), 'annals-guide-'))
const stores = new Stores()

beforeAll(() => installInto(project))
afterAll(async () => {
  await stores.release()
  rmSync(project, { recursive: true, force: true })
})

/** All blocks of a language in a Markdown file. */
function blocks(file: string, language: string): string[] {
  return codeBlocks(readFileSync(join(root, file), 'utf8'), language)
}

test('the program of the guide prints what the guide says', () => {
  writeFileSync(join(project, 'audit.mjs'), blocks('docs/guides/auditing.md', 'js').join('\n'))
  const { stdout, stderr, status } = spawnSync(process.execPath, ['audit.mjs'], {
    cwd: project,
    encoding: 'utf8',
  })
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  expect(stdout.trimEnd().split('\n')).toEqual([
    '5 update gifts bob null | embedding, document',
    '6 update gifts bob agreed | metadata (status)',
    '7 delete hours eve outdated | the whole record',
    '8 add pets ada null | embedding, document',
    "updated gifts true [ 'status' ] bob",
    "deleted hours true [ 'status' ] eve",
    'added pets true [] ada',
    'back: 1 added 1 updated 1 deleted',
    'travel moved others bob: update gifts; bob: update gifts',
    'gifts left own bob: update gifts; bob: update gifts',
    '6 lines, of 8 operation records',
    'in the log: true',
    'it says: eve delete hours outdated',
    'nothing rewritten: true',
    'a forged proof: false',
    'true 0 findings in 9 operation records',
  ])
})

test('the commands of docs/proofs.md verify a note, a leaf, a step up the tree and the content', async () => {
  const client = stores.memory()
  const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
  await notes.add({ ids: ['a'], embeddings: [[1, 2]] }, { actor: 'ada' })
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const { note, root: treeRoot } = await client.checkpoint(privateKey)
  writeFileSync(join(project, 'note'), note!)
  writeFileSync(join(project, 'key.pem'), publicKey.export({ format: 'pem', type: 'spki' }))
  const [verifyNote, hashing] = blocks('docs/proofs.md', 'sh')
  const sh = (script: string, env: Record<string, string> = {}) =>
    execFileSync('bash', ['-e', '-c', script], {
      cwd: project,
      encoding: 'utf8',
      env: { ...process.env, ...env },
    })
  expect(sh(verifyNote!)).toContain('Signature Verified Successfully')

  const proof = await client.proof(2, { content: true })
  // Not every machine has xxd; it only turns hexadecimal into bytes.
  const portable = (script: string) => script.replaceAll('xxd -r -p', `${process.execPath} -e "${fromHex}"`)
  const printed = sh(portable(hashing!), { header: proof.header, left: proof.path[0]!, right: proof.leaf })
  const [leaf, step] = printed
    .trim()
    .split('\n')
    .map((line) => line.split(' ').at(-1))
  expect([leaf, step]).toEqual([proof.leaf, treeRoot])
  const content = portable('printf %s "$content" | xxd -r -p | openssl dgst -sha256')
  const commitment = sh(content, { content: proof.content! }).trim().split(' ').at(-1)
  expect(commitment).toBe(proof.header.slice(-64))
})

const fromHex = "process.stdout.write(Buffer.from(require('fs').readFileSync(0,'utf8'),'hex'))"
