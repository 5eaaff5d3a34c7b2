import fs, { writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, describe, expect, test } from 'vitest'
import { PageDigests } from '../../src/projections/metadata/page-digests.ts'
import { flipped, frameBytes, Live, main, open, outcome, root, sidecar, wal } from './page-digests-support.ts'

describe('a fold that cannot be done', () => {
  /** Makes one call of `node:fs` fail, as a full disk or a broken one would. */
  function failing(
    call: 'fsyncSync' | 'renameSync' | 'openSync' | 'writeFileSync',
    nth: number,
  ): () => boolean {
    const original = fs[call] as (...parameters: unknown[]) => unknown
    let calls = 0
    const failed = () => calls >= nth
    const patched = fs as unknown as Record<string, unknown>
    patched[call] = (...parameters: unknown[]) => {
      calls += 1
      if (calls !== nth) return original(...parameters)
      throw Object.assign(new Error('EIO: staged'), { code: 'EIO', syscall: call.replace('Sync', '') })
    }
    syncBuiltinESMExports()
    restore = () => {
      patched[call] = original
      syncBuiltinESMExports()
    }
    return failed
  }
  let restore = () => {}
  afterEach(() => restore())

  test.each(['fsyncSync', 'renameSync', 'openSync', 'writeFileSync'] as const)('%s fails', async (call) => {
    for (let nth = 1; ; nth++) {
      const live = new Live('NONE', join(root, `${call}-${nth}`)).insert(5)
      const failed = failing(call, nth)
      const attempt = () => live.digests.fold(live.db)
      if (nth > 1 && !reaches(attempt, failed)) break
      if (nth === 1) expect(attempt).toThrow(expect.objectContaining({ code: 'projection_failed' }))
      restore()
      expect(await outcome(live.disk)).toBe(live.rows)
      // What an fsync lost is not there when the next one succeeds.
      if (call === 'fsyncSync') expect(attempt).toThrow('EIO: staged')
      else expect(attempt()).toBe(true)
      expect(await outcome(live.disk)).toBe(live.rows)
    }
  })

  /** False when the fold went through without coming to the staged failure. */
  function reaches(attempt: () => unknown, failed: () => boolean): boolean {
    try {
      attempt()
    } catch (error) {
      expect(error).toMatchObject({ code: 'projection_failed' })
    }
    return failed()
  }

  test('each step is durable before the next one begins', () => {
    const live = new Live().insert(5)
    const before = live.disk
    const steps: string[] = []
    const nameOf = (file: number) => {
      const { ino } = fs.fstatSync(file)
      const names = fs.readdirSync(join(live.db.name, '..'))
      return names.find((name) => fs.statSync(join(live.db.name, '..', name)).ino === ino) ?? 'the folder'
    }
    const { fsyncSync, renameSync } = fs
    fs.fsyncSync = (file) => {
      steps.push(`sync ${nameOf(file)}`)
      expect(live.disk[main]!.equals(before[main]!)).toBe(true)
      fsyncSync(file)
    }
    fs.renameSync = (from, to) => {
      steps.push('rename')
      renameSync(from, to)
    }
    restore = () => {
      Object.assign(fs, { fsyncSync, renameSync })
      syncBuiltinESMExports()
    }
    syncBuiltinESMExports()
    expect(live.digests.fold(live.db)).toBe(true)
    expect(steps).toEqual([`sync ${wal}`, `sync ${sidecar}.tmp`, 'rename', 'sync the folder'])
    expect(live.disk[main]!.equals(before[main]!)).toBe(false)
  })

  test('closing keeps the log then', async () => {
    const live = new Live().insert(5)
    const { rows, digests } = live
    failing('renameSync', 1)
    expect(() => digests.close(live.db)).toThrow(/EIO/)
    restore()
    expect(live.db.open).toBe(false)
    expect(live.disk[wal]!.length).toBeGreaterThan(0)
    expect(await outcome(live.disk)).toBe(rows)
  })

  test('it is refused where it would break the digests', async () => {
    const live = new Live().insert(5)
    const { rows } = live
    live.db.exec('BEGIN')
    expect(() => live.digests.fold(live.db)).toThrow(/transaction is open/)
    live.db.exec('COMMIT')
    live.db.pragma('wal_autocheckpoint = 1000')
    expect(() => live.digests.fold(live.db)).toThrow(/wal_autocheckpoint/)
    live.db.pragma('wal_autocheckpoint = 0')
    expect(await outcome(live.disk)).toBe(rows)
    live.fold()
    const early = new Database(join(root, 'early.sqlite3'))
    open.push(early)
    early.exec('PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (id)')
    expect(() => PageDigests.create(early.name).fold(early)).toThrow(/not in WAL mode/)
    early.exec('PRAGMA journal_mode = WAL; CREATE TABLE u (id)')
    expect(() => PageDigests.create(early.name).fold(early)).toThrow(/schema was not created in WAL mode/)
  })

  test('it does not copy frames that were damaged on disk', async () => {
    const live = new Live().insert(5)
    live.fold()
    const folded = live.rows
    live.insert(5)
    const { disk } = live
    writeFileSync(`${live.db.name}-wal`, flipped(disk[wal]!, 32 + frameBytes + 50))
    expect(() => live.digests.fold(live.db)).toThrow(/the log on disk has 0 of its/)
    expect(live.disk[main]!.equals(disk[main]!)).toBe(true)
    expect(await outcome(live.disk)).toBe(folded)
  })

  test('nothing to fold is no failure', () => {
    const live = new Live()
    expect(live.digests.walBytes()).toBe(0)
    expect(live.digests.fold(live.db)).toBe(true)
    live.insert(1)
    expect(live.digests.walBytes()).toBeGreaterThan(0)
  })
})
