import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { beforeAll, describe, expect, test } from 'vitest'
import { Interrupt } from '../../src/cli/interrupt.ts'
import { makeProgram } from '../../src/cli/program.ts'
import { PersistentClient } from '../../src/index.ts'
import { annals, json, lines, temporary } from './support.ts'

const folder = temporary()
const path = join(folder, 'store')
const at = (name: string) => join(folder, name)

const records = Array.from({ length: 40 }, (_, index) => ({
  id: `r${index}`,
  document: `Record number ${index}.`,
  metadata: { even: index % 2 === 0, index },
}))

/** Runs a command on the store of this file. */
const store = <T = Record<string, unknown>>(...args: string[]) => json<T>([...args, '--path', path])

beforeAll(async () => {
  await json(['add', 'notes', '--create', '--space', 'cosine', '--path', path, '--actor', 'ada'], {
    input: lines(records),
  })
})

const program: Command = await makeProgram(new Interrupt())

describe('help', () => {
  test.each(program.commands.map((command) => [command.name(), command] as const))(
    '%s says what it does, and shows it',
    (name, command) => {
      expect(command.summary()).toMatch(/^[a-z].{10,63}$/)
      // In one mood: `Shows …`, where the list of commands has `show …`.
      expect(command.description()).toMatch(/^[A-Z][a-z]+s .*\.$/)
      const { optionDescription } = command.createHelp()
      for (const option of command.options) {
        expect(option.description, option.flags).toMatch(/^.{3,}$/)
        // What restricts, and what gathers, has none.
        if (option.required)
          expect(optionDescription(option), option.flags).toMatch(/\(default: .+\)|^only |can be repeated/)
      }
      for (const argument of command.registeredArguments)
        expect(argument.description, argument.name()).toMatch(/^.{3,}$/)
      let help = ''
      command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 80 }).outputHelp()
      const headings = [...help.matchAll(/^([A-Z][\w ]+):$/gm)].map(([, heading]) => heading!)
      expect(headings[0] === 'Arguments' ? headings[1] : headings[0]).toBe('Options')
      const order = ['Which store', 'How it is told', 'What the log notes down', 'Examples']
      expect(headings.filter((heading) => order.includes(heading))).toEqual(
        order.filter((heading) => headings.includes(heading)),
      )
      const isExample = (line: string) => line.startsWith('  annals ')
      expect(help.split('\n').filter((line) => line.length > 80 && !isExample(line))).toEqual([])
      expect(help).toMatch(new RegExp(`Examples:\n {2}# .+\n {2}annals .*${name}`))
    },
  )

  test('lists every command in a group, within 80 columns', async () => {
    const { status, stdout } = await annals(['--help'])
    expect(status).toBe(0)
    for (const command of program.commands) expect(stdout).toContain(`\n  ${command.name()} `)
    expect(stdout).not.toContain('\nCommands:')
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  })

  test('the version is that of the package', async () => {
    const { version } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../package.json'), 'utf8'))
    expect(await annals(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' })
  })
})

describe('the past', () => {
  test('log: the newest for people, all for machines', async () => {
    const all = await store('log')
    expect(all.map(({ position }) => position)).toEqual(all.map((_, index) => index + 1))
    expect(all).toHaveLength(41)
    expect(all.at(-1)).toMatchObject({ type: 'add', id: 'r39', actor: 'ada', collectionName: 'notes' })
    expect(await store('log', '--last', '3', '--collection', 'notes')).toMatchObject([
      { id: 'r37' },
      { id: 'r38' },
      { id: 'r39' },
    ])
    expect(await store('log', '--last', '1', '--id', 'r0')).toMatchObject([{ id: 'r0' }])
    expect(await store('log', '--after', '39', '--by-actor', 'nobody')).toEqual([])
    // Inside a commit, too: whoever names a position has seen it.
    const after = (await store('log', '--after', '39')).map(({ position }) => position)
    expect(after).toEqual([40, 41])
    const { stdout } = await annals(['log', '--path', path])
    const shown = stdout.trimEnd().split('\n')
    expect(shown).toHaveLength(21)
    expect(shown[0]).toMatch(/^POSITION {2}TIME +OPERATION +RECORD +WHAT +WHO AND WHY$/)
    expect(shown.at(-1)).toMatch(
      /^ +41 {2}\d{4}-.*Z {2}add +notes\/r39 +embedding, document, metadata \(even, index\) {2}ada$/,
    )
  })

  test('tag, diff and reading at a tag', async () => {
    expect(await store('tag', 'before')).toEqual([{ name: 'before', position: 41 }])
    expect(await store('tag')).toEqual([{ name: 'before', position: 41 }])
    const input = lines([
      { id: 'r0', document: 'Changed.' },
      { id: 'new', document: 'Added.' },
    ])
    await json(['add', 'notes', '--upsert', '--path', path], { input })
    expect(await store('diff', 'tag:before')).toMatchObject([
      { kind: 'updated', id: 'r0', after: { document: 'Changed.' } },
      { kind: 'added', id: 'new' },
    ])
    expect(await store('diff', 'tag:before', '--summary', '--collection', 'notes')).toEqual([
      { 'records updated': 1, 'records added': 1 },
    ])
    expect(await store('get', 'notes', 'r0', '--as-of', 'tag:before')).toMatchObject([
      { document: 'Record number 0.' },
    ])
    const { stdout } = await annals(['diff', 'tag:before', '--path', path])
    expect(stdout).toContain('    document   − Record number 0.\n               + Changed.\n')
    await store('tag', 'before', '--delete')
    expect(await store('tag')).toEqual([])
  })

  test('changes, from a position on', async () => {
    const [first] = await store('changes', '--after', '40')
    expect(first).toMatchObject({ position: 41, type: 'add', id: 'r39', before: null })
    const { stdout } = await annals(['changes', '--after', '40', '--path', path])
    expect(stdout).toMatch(/^ +41 {2}\S+Z {2}add +notes\/r39 {2}ada {2}Record number 39\.\n/)
  })
})

describe('proofs', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const verify = (...args: string[]) => annals(['proof', '--verify', ...args, '--json'])

  beforeAll(async () => {
    writeFileSync(at('key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(at('public.pem'), publicKey.export({ type: 'spki', format: 'pem' }))
    writeFileSync(
      at('other.pem'),
      generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }),
    )
    const note = await annals(['checkpoint', '--key', at('key.pem'), '--path', path])
    writeFileSync(at('note.txt'), note.stdout)
    writeFileSync(at('proof.json'), (await annals(['proof', '41', '--path', path])).stdout)
  })

  test('a checkpoint verifies with its key and no other, without a store', async () => {
    const args = ['checkpoint', '--verify', at('note.txt'), '--json', '--public-key']
    const genuine = await annals([...args, at('public.pem')])
    expect(genuine.status).toBe(0)
    expect(JSON.parse(genuine.stdout)).toMatchObject({
      verified: true,
      checkpoint: { size: expect.any(Number) },
    })
    const forged = await annals([...args, at('other.pem')])
    expect(forged.status).toBe(1)
    expect(JSON.parse(forged.stdout)).toEqual({ verified: false, checkpoint: null })
  })

  test('a proof verifies against a note or a root, and not when it was changed', async () => {
    const note = ['--checkpoint', at('note.txt'), '--public-key', at('public.pem')]
    const held = await verify(at('proof.json'), ...note)
    expect(held.status).toBe(0)
    expect(JSON.parse(held.stdout)).toMatchObject({ verified: true, position: 41, actor: 'ada', id: 'r39' })
    const proof = JSON.parse(readFileSync(at('proof.json'), 'utf8')) as { size: number; root: string }
    expect((await verify(at('proof.json'), '--trust', `${proof.size}:${proof.root}`)).status).toBe(0)
    writeFileSync(at('changed.json'), JSON.stringify({ ...proof, position: 40 }))
    const changed = await verify(at('changed.json'), ...note)
    expect({ status: changed.status, verified: JSON.parse(changed.stdout).verified }).toEqual({
      status: 1,
      verified: false,
    })
    expect((await verify(at('proof.json'))).stderr).toContain('must not vouch for itself')
    expect((await verify(at('note.txt'), ...note)).status).toBe(2)
  })

  test('growth: the log continues an earlier one', async () => {
    const grown = await annals(['proof', '--since', '10', '--path', path])
    writeFileSync(at('growth.json'), grown.stdout)
    const { from, to } = JSON.parse(grown.stdout) as Record<'from' | 'to', { size: number; root: string }>
    const trust = ['--trust', `${to.size}:${to.root}`]
    const earlier = await verify(at('growth.json'), ...trust, '--trust-earlier', `10:${from.root}`)
    expect(earlier.status).toBe(0)
    const wrong = await verify(at('growth.json'), ...trust, '--trust-earlier', `10:${to.root}`)
    expect(wrong.status).toBe(1)
  })
})

describe('copies', () => {
  test('backup, restore in part, and replay', async () => {
    const [first] = await store('backup', at('backup'))
    expect(first).toMatchObject({ path: at('backup'), records: first!.position })
    expect(await store('backup', at('backup'))).toMatchObject([{ records: 0, chunks: [] }])
    const plan = ['restore', at('backup'), '--path', at('restored'), '--until', '21']
    expect(await json([...plan, '--dry-run'])).toMatchObject([{ dryRun: true, records: 1 }])
    expect(existsSync(at('restored'))).toBe(false)
    const [restored] = await json(['restore', at('backup'), '--path', at('restored')])
    expect(restored).toMatchObject({ position: first!.position, root: first!.root })
    expect(await json(['count', 'notes', '--path', at('restored')])).toEqual(await store('count', 'notes'))
    const again = await annals(['restore', at('backup'), '--path', at('restored')])
    expect(again.status).toBe(1)
    expect(again.stderr).toContain('[store_exists]')
    const tagged = await annals([...plan.slice(0, -1), 'tag:before'])
    expect(tagged.stderr).toContain('annals tag tells the position')
    const changed = ['replay', at('backup'), at('replayed'), '--hnsw', 'space=l2', '--collection', 'notes']
    expect(await json(changed)).toMatchObject([{ kind: 'decided' }])
    expect(await json(['collections', '--path', at('replayed')])).toMatchObject([
      { name: 'notes', configuration: { hnsw: { space: 'l2' } } },
    ])
  })

  test.each(['jsonl', 'json', 'csv', 'parquet'])('export and import: %s', async (format) => {
    const file = at(`notes.${format}`)
    const all = await store('get', 'notes', '--embeddings')
    expect(await store('export', 'notes', file)).toMatchObject([{ file, format, records: all.length }])
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
    const to = at(`from-${format}`)
    expect(await json(['import', file, 'notes', '--path', to])).toMatchObject([{ changed: all.length }])
    expect(await json(['get', 'notes', '--embeddings', '--path', to])).toEqual(all)
  })

  test('export to standard output and import from standard input', async () => {
    const { stdout } = await annals(['export', 'notes', '--no-embeddings', '--format', 'csv', '--path', path])
    expect(stdout.split('\n')[0]).toMatch(/^id,/)
    const args = ['import', '-', 'copy', '--format', 'csv', '--path', at('from-stdin')]
    expect((await json(args, { input: stdout }))[0]).toMatchObject({ failed: 0 })
    expect((await annals(['import', 'x.txt', 'notes', '--path', at('none')])).stderr).toContain(
      'Add --format',
    )
    expect(existsSync(at('none'))).toBe(false)
  })

  test('import of a folder of Chroma', async () => {
    cpSync(resolve(import.meta.dirname, '../fixtures/chroma-1.3.4/data'), at('chroma'), { recursive: true })
    const args = ['import', at('chroma'), '--path', at('from-chroma')]
    expect(await json([...args, '--dry-run'])).toMatchObject([{ records: 403, dryRun: true }])
    const { status, stdout } = await annals(args)
    expect(status).toBe(0)
    expect(stdout).toMatch(/^COLLECTION +RECORDS +LEFT OUT/)
    expect(await json(['verify', '--path', at('from-chroma')])).toMatchObject([{ ok: true }])
  })
})

describe('care', () => {
  test('stats and inspect agree, and inspect leaves the folder as it is', async () => {
    const [stats] = await store<{ head: number; root: string }>('stats')
    const before = readdirSync(path, { recursive: true }).sort()
    const [report] = await store<Record<string, never>>('inspect')
    expect(readdirSync(path, { recursive: true }).sort()).toEqual(before)
    expect(report).toMatchObject({
      path,
      tables: { applied: { position: stats!.head, root: stats!.root }, collections: [{ name: 'notes' }] },
      notes: [],
    })
    const { stdout } = await annals(['inspect', path])
    expect(stdout).toMatch(/^log +\d+ +\S+ KiB +\d+ % +the truth: /m)
    expect(stdout).toContain('nothing was locked')
  })

  test('verify is sound; damage is a finding, exit code 1, and repair mends it', async () => {
    const damaged = at('damaged')
    cpSync(path, damaged, { recursive: true })
    expect(await json(['verify', '--level', 'deep', '--path', damaged])).toMatchObject([{ ok: true }])
    writeFileSync(join(damaged, 'metadata.sqlite3'), 'no database')
    const inspected = await json(['inspect', damaged])
    expect(inspected[0]).toMatchObject({ tables: null, notes: [expect.stringContaining('cannot be read')] })
    const { stdout, status } = await annals(['verify', '--path', damaged])
    expect(status).toBe(0)
    expect(stdout).toContain('[metadata_replaced]')
    const table = readdirSync(join(damaged, 'log')).find(
      (name) => /\.(log|ldb)$/.test(name) && bytes(name) > 100,
    )!
    function bytes(name: string): number {
      return statSync(join(damaged, 'log', name)).size
    }
    const content = readFileSync(join(damaged, 'log', table))
    content.fill(0xff, Math.floor(content.length / 2), Math.floor(content.length / 2) + 20)
    writeFileSync(join(damaged, 'log', table), content)
    const broken = await annals(['verify', '--path', damaged])
    expect(broken.status).toBe(1)
    expect(broken.stderr + broken.stdout).toMatch(/hint:.*backup/)
  })

  test('repair, compact and reindex of a sound store', async () => {
    expect(await store('repair')).toMatchObject([{ ok: true, repaired: [] }])
    expect(await store('compact')).toHaveLength(1)
    expect(await store('reindex', 'notes', '--hnsw', 'ef_search=50')).toMatchObject([{ recall: 1 }])
    const [notes] = await store<{ configuration: { hnsw: object } }>('collections')
    expect(notes!.configuration.hnsw).toMatchObject({ ef_search: 50 })
    expect((await annals(['reindex', 'notes', '--hnsw', 'M', '--path', path])).status).toBe(2)
  })

  test('what cannot be undone is not done without --yes where nobody can be asked', async () => {
    const { status, stderr } = await annals(['erase', 'notes', 'r1', '--path', path])
    expect(status).toBe(2)
    expect(stderr).toContain('1 record of notes will be erased from all of history. This cannot be undone.')
    expect(stderr).toContain('--yes')
    expect(await store('get', 'notes', 'r1')).toHaveLength(1)
  })

  test('erase with a certificate that verifies without the store', async () => {
    const [erasure] = await store<{ certificate: { after: { size: number; root: string } } }>(
      'erase',
      'notes',
      'r1',
      '--yes',
      '--certificate',
      at('erased.json'),
    )
    const { size, root } = erasure!.certificate.after
    const trust = ['--trust', `${size}:${root}`]
    expect(await json(['proof', '--verify', at('erased.json'), ...trust])).toEqual([
      { verified: true, kind: 'erasure', erased: 'r1' },
    ])
    expect(await store('get', 'notes', 'r1')).toEqual([])
    expect(await store('erase', 'notes', 'r1', '--yes')).toMatchObject([{ certificate: { positions: [] } }])
  })

  test('erase says when forks hold the content, and takes it from them where it is told to', async () => {
    const family = ['--path', at('family')]
    await json(['add', 'notes', '--create', ...family], { input: lines(records.slice(0, 3)) })
    const client = new PersistentClient({ path: at('family') })
    await (await client.getCollection({ name: 'notes' })).fork({ name: 'copy' })
    await client.close()
    const refused = await annals(['erase', 'notes', 'r1', '--yes', ...family])
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('"copy"') })
    const erase = ['erase', 'notes', 'r1', '--yes', '--forks', '--certificate', at('forks.json'), ...family]
    const { stdout } = await annals(erase)
    const [, head] = /^Head to note down: (\d+:[0-9a-f]{64})$/m.exec(stdout) ?? []
    expect(await json(['proof', '--verify', at('forks.json'), '--trust', head!])).toMatchObject([
      { verified: true },
    ])
    expect(JSON.parse(readFileSync(at('forks.json'), 'utf8'))).toMatchObject({ forks: [{ ids: ['r1'] }] })
    expect(await json(['get', 'copy', ...family])).toHaveLength(2)
  })

  test('retention and vacuum', async () => {
    expect((await annals(['retention', '--days', '1', '--versions', '1', '--path', path])).status).toBe(2)
    const changed = lines([{ id: 'r2', document: 'Changed.' }])
    await json(['add', 'notes', '--upsert', '--path', path], { input: changed })
    expect(await store('retention')).toEqual([{ store: { history: 'forever' }, collections: [] }])
    await store('retention', '--versions', '3', '--collection', 'notes')
    await store('retention', '--days', '30')
    expect((await annals(['retention', '--path', path])).stdout).toBe(
      'the whole store  30 days\nnotes            the newest 3 versions of each record\n',
    )
    expect((await annals(['retention', '--collection', 'none', '--path', path])).stderr).toContain(
      '[collection_not_found]',
    )
    await store('retention', '--days', '0', '--collection', 'notes')
    await store('retention', '--days', '0')
    const [plan] = await store('vacuum', '--dry-run')
    expect(plan!.versions).toBeGreaterThan(0)
    expect((await annals(['vacuum', '--path', path])).status).toBe(2)
    expect(await store('vacuum', '--yes', '--reason', 'monthly')).toMatchObject([
      { versions: plan!.versions },
    ])
    const gone = await annals(['get', 'notes', 'r2', '--as-of', '41', '--path', path])
    expect(gone.stderr).toContain('[history_truncated]')
    expect(await store('verify', '--level', 'deep')).toMatchObject([{ ok: true }])
  })
})

describe('completion', () => {
  test('bash completes commands, options and values', async () => {
    const { stdout } = await annals(['completion', 'bash'])
    const complete = (line: string) => {
      const words = line.split(' ')
      const script = `${stdout}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _annals; echo "\${COMPREPLY[@]}"`
      return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split(' ')
    }
    expect(complete('annals ver')).toEqual(['verify'])
    expect(complete('annals verify --lev')).toEqual(['--level'])
    expect(complete('annals verify --level d')).toEqual(['deep'])
    expect(complete('annals completion z')).toEqual(['zsh'])
    expect(complete('annals log --by')).toEqual(['--by-actor'])
  })

  test.each(['zsh', 'fish'])('%s gets every command', async (shell) => {
    const { stdout, status } = await annals(['completion', shell])
    expect(status).toBe(0)
    for (const name of ['verify', 'history', 'export']) expect(stdout).toContain(name)
  })
})
