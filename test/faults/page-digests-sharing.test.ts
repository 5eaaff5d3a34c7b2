import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs, { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkPages, databaseFiles } from '../../src/projections/metadata/page-digests.ts'
import { Live, main, outcome, root } from './page-digests-support.ts'

const killCycles = Number(process.env.ANNALS_KILL_CYCLES ?? 12)

describe('other processes', () => {
  test('a viewer that comes and goes leaves the log alone', async () => {
    const live = new Live().insert(5)
    live.fold()
    live.insert(5)
    await run(
      `const db = new Database(${JSON.stringify(live.db.name)}); db.prepare('SELECT * FROM t').all(); db.close()`,
    )
    expect(existsSync(`${live.db.name}-wal`)).toBe(true)
    live.insert(5)
    expect(await outcome(live.disk)).toBe(live.rows)
    live.fold()
    expect(await outcome(live.disk)).toBe(live.rows)
  })

  test.skipIf(!existsSync('/proc/locks'))(
    'a fold keeps the locks that keep viewers from deleting the log',
    () => {
      const live = new Live().insert(5)
      const { ino } = fs.statSync(live.db.name)
      const locks = () =>
        readFileSync('/proc/locks', 'utf8')
          .split('\n')
          .filter((line) => line.includes(`:${ino} `))
          // The number before it counts the locks of the whole system.
          .map((line) => line.replace(/^\d+: /, ''))
      const before = locks()
      expect(before).toHaveLength(1)
      // Not `live.fold()`: it reads the database file for the test, and so drops them.
      live.digests.fold(live.db)
      expect(locks()).toEqual(before)
    },
  )

  test('a process that ends without closing is found out', async () => {
    const path = join(root, 'left', main)
    mkdirSync(join(root, 'left'))
    await run(`${opening(path)}; db.exec('INSERT INTO t VALUES (1, 2)')`)
    expect((await checkPages(path)).state).toBe('damaged')
    for (const file of databaseFiles(path)) rmSync(file, { force: true })
    expect(fs.readdirSync(join(root, 'left'))).toEqual([])
    await run(
      `${opening(path)}; db.exec('INSERT INTO t VALUES (1, 2)'); process.on('exit', () => digests.close(db))`,
    )
    expect((await checkPages(path)).state).toBe('sound')
  })

  test(`killed ${killCycles} times in the middle of folds`, async () => {
    const live = new Live()
    live.digests.close(live.db)
    const path = live.db.name
    const text = (id: number) => `text ${id}${'x'.repeat((id * 7) % 3000)}`
    let acknowledged = 0
    for (let cycle = 0; cycle < killCycles; cycle++) {
      const written = await run(
        `${opening(path)}
        const text = ${text}
        for (let id = ${acknowledged} + 1; ; id++) {
          db.prepare('INSERT OR REPLACE INTO t VALUES (?, ?)').run(id, text(id))
          fs.writeSync(1, id + '\\n')
          if (id % 3 === 0) digests.fold(db)
        }`,
        Math.random() * 60,
      )
      expect(written).toBeGreaterThan(acknowledged)
      acknowledged = written
      // A copy: the next child is to find what the kill has left.
      const rows: { id: number; text: string }[] = JSON.parse(await outcome(live.disk))
      expect(rows.length - acknowledged).toBeOneOf([0, 1])
      expect(rows).toEqual(rows.map((_, index) => ({ id: index + 1, text: text(index + 1) })))
    }
  })

  /** What a child does first: opens the database as a store would, or creates it. */
  function opening(path: string): string {
    return `
      const check = await checkPages(${JSON.stringify(path)})
      if (check.state === 'damaged') throw new Error(check.reason)
      const db = new Database(${JSON.stringify(path)})
      db.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = NORMAL')
      if (check.state === 'fresh') db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)')
      const digests = check.state === 'sound' ? check.digests : PageDigests.create(db.name)
      digests.fold(db)`
  }

  /** Runs a program in a child, or kills it a while after it first wrote a number; answers the last number. */
  async function run(code: string, killAfterMs?: number): Promise<number> {
    const module = new URL('../../dist/projections/metadata/page-digests.js', import.meta.url).href
    const imports = `import fs from 'node:fs'
      import Database from 'better-sqlite3'
      import { checkPages, PageDigests } from '${module}'`
    const parameters = ['--input-type=module', '-e', `${imports}\n${code}`]
    const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'pipe', 'pipe'] })
    const [output, errors] = [[] as Buffer[], [] as Buffer[]]
    child.stdout.on('data', (chunk) => output.push(chunk))
    child.stderr.on('data', (chunk) => errors.push(chunk))
    if (killAfterMs !== undefined)
      child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), killAfterMs))
    await once(child, 'close')
    expect(Buffer.concat(errors).toString()).toBe('')
    return Number(Buffer.concat(output).toString().split('\n').at(-2) ?? 0)
  }
})
