/**
 * System calls that fail, injected by strace into a child: whatever a write answers is what is there after a kill,
 * and the writes after the failure go on. Skipped, with the reason, where tracing is not allowed.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, realpathSync } from 'node:fs'
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
    const { path, written, traced } = await run(`log/${wal}`, `${call}:error=${error}:when=${when}`)
    expect(traced).toBeGreaterThan(0)
    expect(written.slice(-6).map(({ fate, code }) => `${fate} ${code ?? ''}`)).toEqual(
      Array(6).fill('durable '),
    )
    for (const { fate } of written) expect(['durable', 'not_written']).toContain(fate)
    await expectFates(path, written)
  })

  test.each([
    ['the fsync of the log’s folder', 'log', 'fsync:error=EIO:when=3'],
    ['a write to the metadata’s log', 'metadata.sqlite3-wal', 'pwrite64:error=ENOSPC:when=4'],
    ['the opening of another log', 'log/CURRENT', 'openat,open:error=EMFILE:when=3'],
  ])('%s, is told by name and gets over', async (_, file, inject) => {
    const { path, written } = await run(file, inject)
    expect(written.at(-1)).toMatchObject({ fate: 'durable' })
    for (const { fate } of written) expect(['durable', 'not_written']).toContain(fate)
    await expectFates(path, written)
  })

  async function run(
    file: string,
    inject: string,
  ): Promise<{ path: string; written: Written[]; traced: number }> {
    const path = realpathSync(work.copy(source))
    const trace = `${path}.trace`
    const child = new Commanded(
      [path],
      // One thread for all of LevelDB: strace counts calls by thread.
      [
        'env',
        'UV_THREADPOOL_SIZE=1',
        'strace',
        '-f',
        '-qq',
        '-o',
        trace,
        '-P',
        join(path, file),
        '-e',
        `inject=${inject}`,
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
