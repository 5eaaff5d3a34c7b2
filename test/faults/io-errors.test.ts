/**
 * System calls that fail, injected by strace into a child: whatever a write answers is what is there after a kill,
 * and the writes after the failure go on. Skipped, with the reason, where tracing is not allowed.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PersistentClient } from '../../src/index.ts'
import { Commanded, expectFates, type Written } from './commanded.ts'
import { Workplace } from './support.ts'

const work = new Workplace()
afterAll(() => work.cleanUp())

const probe = spawnSync('strace', ['-f', '-e', 'trace=none', 'true'], { encoding: 'utf8' })
const refusal = probe.error?.message ?? (probe.status === 0 ? null : probe.stderr.trim())
if (refusal !== null) console.log(`skipped: strace cannot be used here: ${refusal}`)

describe.skipIf(refusal !== null)('a system call that fails', () => {
  let source: string
  /** The files that the store writes to after it was opened, by the name that a dry run gives them. */
  let wal: string

  beforeAll(async () => {
    source = work.folder()
    const client = new PersistentClient({ path: source })
    const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
    await notes.add({ ids: ['first'], embeddings: [[0]] })
    await client.close()
    const dry = new PersistentClient({ path: work.copy(source) })
    wal = readdirSync(join((await dry.stats()).path!, 'log')).find((name) => name.endsWith('.log'))!
    await dry.close()
  })

  test.each([
    ['the fsync of LevelDB’s log, once', 'fdatasync', 'EIO', '3'],
    ['the fsync of LevelDB’s log, from then on', 'fdatasync', 'EIO', '2+'],
    ['a write to LevelDB’s log, once', 'write', 'ENOSPC', '3'],
    ['a write to LevelDB’s log, from then on', 'write', 'ENOSPC', '2+'],
    ['a write to LevelDB’s log, as a whole', 'write', 'EIO', '1'],
  ])('%s, costs nothing that was acknowledged', async (_, call, error, when) => {
    const { path, written, traced } = await run([`log/${wal}`], [`${call}:error=${error}:when=${when}`])
    expect(traced).toBeGreaterThan(0)
    expect(written.slice(-6).map(({ fate, code }) => `${fate} ${code ?? ''}`)).toEqual(
      Array(6).fill('durable '),
    )
    for (const { fate } of written) expect(['durable', 'not_written']).toContain(fate)
    await expectFates(path, written)
  })

  test('the fsync of the log’s folder, by whomever, costs nothing that was acknowledged', async () => {
    const { path, written, traced } = await run(['log'], ['fsync:error=EIO:when=2'])
    expect(traced).toBeGreaterThan(0)
    expect(written.slice(-6).every(({ code }) => code === undefined)).toBe(true)
    await expectFates(path, written)
  })

  test('a write to the metadata’s log, is told by name, and the write becomes readable', async () => {
    const { path, written } = await run(['metadata.sqlite3-wal'], ['pwrite64:error=ENOSPC:when=4'])
    expect(written[0]).toMatchObject({ code: 'projection_failed', fate: 'durable' })
    expect(written.slice(1).every(({ code }) => code === undefined)).toBe(true)
    await expectFates(path, written)
  })

  test('a log that failed and cannot be opened again, leaves one write open and refuses the others', async () => {
    // The calls in their order: CURRENT is opened, the log is made, and CURRENT is opened twice in vain.
    const inject = ['fdatasync:error=EIO:when=2', 'openat:error=EACCES:when=3..4']
    const { path, written, traced } = await run([`log/${wal}`, 'log/CURRENT'], inject)
    expect(traced).toBe(3)
    expect(written[1]).toMatchObject({ code: 'write_failed', fate: 'indeterminate' })
    expect(written[2]).toMatchObject({ code: 'log_unavailable', fate: 'not_written' })
    expect(written.slice(3).every(({ code }) => code === undefined)).toBe(true)
    await expectFates(path, written)
    // LevelDB had written it, only the fsync failed: so it is there, and counted.
    await expectFates(path, [{ n: 2, fate: 'durable' }])
  })

  test('is not needed to see that a new log of LevelDB’s has a durable name before a write in it counts', async () => {
    const path = realpathSync(work.copy(source))
    const trace = `${path}.trace`
    const calls = ['-e', 'trace=open,openat,fsync,write']
    const child = new Commanded([path], ['strace', '-f', '-qq', '-y', '-s', '12', '-o', trace, ...calls])
    await child.open()
    await child.write(30, 400_000)
    await child.kill()
    let unsynced: string | null = null
    let begun = 0
    for (const line of readFileSync(trace, 'utf8').split('\n')) {
      const created = /open(?:at)?\(.*\/(\d+\.log)", .*O_CREAT/.exec(line)
      if (created !== null) {
        unsynced = created[1]!
        begun += 1
      }
      if (line.includes(`fsync(`) && line.includes(`<${path}/log>`)) unsynced = null
      if (line.includes('write(1<') && line.includes('{\\"n\\"')) expect(unsynced, line).toBe(null)
    }
    expect(begun).toBeGreaterThan(2)
    await expectFates(path, child.written)
  })

  async function run(
    files: string[],
    calls: string[],
  ): Promise<{ path: string; written: Written[]; traced: number }> {
    const path = realpathSync(work.copy(source))
    const trace = `${path}.trace`
    const child = new Commanded(
      [path],
      // One thread for all of LevelDB: strace counts calls by thread.
      [
        ...['env', 'UV_THREADPOOL_SIZE=1', 'strace', '-f', '-qq', '-o', trace],
        ...files.flatMap((file) => ['-P', join(path, file)]),
        ...calls.flatMap((call) => ['-e', `inject=${call}`]),
      ],
    )
    const { pid, reason } = await child.open()
    expect(pid, reason).toBeGreaterThan(0)
    await child.write(4)
    await child.write(8, 6000)
    await child.kill()
    const injected = spawnSync('grep', ['-c', 'INJECTED', trace], { encoding: 'utf8' })
    return { path, written: child.written, traced: Number(injected.stdout) }
  }
})
