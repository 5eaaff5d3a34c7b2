import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmdirSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { checkPages } from '../../src/projections/metadata/page-digests.ts'
import { type Disk, Live, open, outcome, rowsOf, sidecar } from './page-digests-support.ts'

/** Rows that make the log so large that a thread folds it. */
const manyRows = 500

describe('a large log, folded in a thread', () => {
  test('is empty afterwards, and the event loop has had its turns', async () => {
    const live = new Live().insert(manyRows)
    const { rows } = live
    let turns = 0
    let isDone = false
    const folding = live.digests.foldInTurns(live.db).finally(() => (isDone = true))
    for (; !isDone; turns++) await nextTurn()
    expect(await folding).toBe(true)
    expect(turns).toBeGreaterThan(10)
    expect(live.digests.walBytes()).toBe(0)
    expect(await outcome(live.disk)).toBe(rows)
    await closed(live)
    expect((await checkPages(live.db.name)).state).toBe('sound')
  })

  test('with writes all the time: whatever a crash leaves is the rows of a commit', async () => {
    const live = new Live()
    for (let fold = 0; fold < 2; fold++) {
      live.insert(manyRows)
      const commits = new Map<Disk, string>()
      let isDone = false
      const folding = live.digests.foldInTurns(live.db).finally(() => (isDone = true))
      for (let write = 0; !isDone; write++) {
        live.insert(1)
        // States of the files while the thread is anywhere in its work.
        if (write % 16 === 0 && commits.size < 4) commits.set(live.disk, live.rows)
        await nextTurn()
      }
      await folding
      live.insert(1)
      commits.set(live.disk, live.rows)
      for (const [disk, rows] of commits) expect(await outcome(disk)).toBe(rows)
    }
    // Whoever waits gets it done.
    expect(await live.digests.foldInTurns(live.db)).toBe(true)
    expect(live.digests.walBytes()).toBe(0)
    expect(await outcome(live.disk)).toBe(live.rows)
    await closed(live)
  })

  test('goes on after one that failed', async () => {
    const live = new Live().insert(manyRows)
    const inTheWay = `${live.db.name.replace(/[^/]*$/, sidecar)}.tmp`
    mkdirSync(inTheWay)
    await expect(live.digests.foldInTurns(live.db)).rejects.toMatchObject({
      code: 'projection_failed',
      message: expect.stringContaining('EISDIR'),
    })
    rmdirSync(inTheWay)
    expect(await outcome(live.disk)).toBe(live.rows)
    expect(await live.digests.foldInTurns(live.db)).toBe(true)
    expect(await outcome(live.disk)).toBe(live.rows)
    await closed(live)
  })

  test('stays where it is while a viewer reads', async () => {
    const live = new Live().insert(manyRows)
    const viewer = new Database(live.db.name, { readonly: true })
    open.push(viewer)
    viewer.exec('BEGIN')
    const seen = rowsOf(viewer)
    live.insert(manyRows)
    expect(await live.digests.foldInTurns(live.db)).toBe(false)
    expect(rowsOf(viewer)).toBe(seen)
    expect(await outcome(live.disk)).toBe(live.rows)
    viewer.exec('COMMIT')
    expect(await live.digests.foldInTurns(live.db)).toBe(true)
    await closed(live)
  })

  test.each([0, 10, 30, 60])('a process that ends %i ms after it began leaves every row', async (afterMs) => {
    const live = new Live().insert(manyRows)
    await closed(live)
    const module = new URL('../../dist/projections/metadata/page-digests.js', import.meta.url).href
    const program = `
      const { checkPages } = await import(${JSON.stringify(module)})
      const { default: Database } = await import('better-sqlite3')
      const { digests } = await checkPages(${JSON.stringify(live.db.name)})
      const db = new Database(${JSON.stringify(live.db.name)})
      db.exec('PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = NORMAL')
      const write = () =>
        db.exec("INSERT INTO t (text) SELECT hex(randomblob(500)) FROM (SELECT 1 FROM t LIMIT 500)")
      write()
      // So that the thread stands there already.
      await digests.foldInTurns(db)
      for (let time = 0; time < 12; time++) write()
      process.on('exit', () => digests.close(db))
      digests.foldInTurns(db).catch(() => undefined)
      setTimeout(() => process.exit(0), ${afterMs})`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' })
    expect(await once(child, 'close')).toEqual([0, null])
    expect(JSON.parse(await outcome(live.disk))).toHaveLength(manyRows + 13 * 500)
  })
})

async function closed({ digests, db }: Live): Promise<void> {
  await digests.endThread()
  digests.close(db)
}
