import { randomBytes } from 'node:crypto'
import fs, { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { sha256 } from '../../src/format/sha256.ts'
import { checkPages } from '../../src/projections/metadata/page-digests.ts'
import { decodeSidecar } from '../../src/projections/metadata/page-digests-worker.ts'
import { countTurns } from '../support/until.ts'
import {
  expectDamage,
  flipped,
  frameBytes,
  Live,
  main,
  open,
  outcome,
  pageBytes,
  pagesIn,
  partly,
  prepared,
  root,
  sidecar,
  wal,
  without,
} from './page-digests-support.ts'

describe('damage is found', () => {
  test('one flipped bit in any page, closed', async () => {
    const live = new Live().insert(30)
    live.digests.close(live.db)
    const { disk } = live
    expect(Object.keys(disk).sort()).toEqual([sidecar, main])
    for (const page of pagesIn(disk[main]!))
      for (const at of [0, 100, 255, 511])
        await expectDamage({ ...disk, [main]: flipped(disk[main]!, (page - 1) * pageBytes + at) })
  })

  test('one flipped bit in any page, unless the log lies over it', async () => {
    const live = new Live().insert(30)
    live.fold()
    live.insert(3)
    const { disk, rows } = live
    const outcomes = new Set<string>()
    for (const page of pagesIn(disk[main]!))
      outcomes.add(await outcome({ ...disk, [main]: flipped(disk[main]!, (page - 1) * pageBytes + 200) }))
    expect(outcomes).toEqual(new Set(['damaged', rows]))
    // Page 1 is in the log, so not even the database's header matters.
    for (let at = 0; at < 100; at++)
      expect(await outcome({ ...disk, [main]: flipped(disk[main]!, at) })).toBe(rows)
    const noise = Buffer.concat([randomBytes(pageBytes), disk[main]!.subarray(pageBytes)])
    expect(await outcome({ ...disk, [main]: noise })).toBe(rows)
  })

  test('a database file that was cut, extended, exchanged in part, or lost', async () => {
    const live = new Live().insert(30)
    live.fold()
    live.insert(3)
    const { disk } = live
    const bytes = disk[main]!
    for (const size of [0, 1, 100, pageBytes, bytes.length - pageBytes, bytes.length - 1])
      await expectDamage({ ...disk, [main]: bytes.subarray(0, size) })
    await expectDamage({ ...disk, [main]: Buffer.concat([bytes, Buffer.alloc(1)]) })
    await expectDamage({ ...disk, [main]: Buffer.concat([bytes, Buffer.alloc(pageBytes)]) })
    const pages = pagesIn(bytes).map((page) => bytes.subarray((page - 1) * pageBytes, page * pageBytes))
    const [tenth, eleventh] = pages.splice(9, 2)
    pages.splice(9, 0, eleventh!, tenth!)
    await expectDamage({ ...disk, [main]: Buffer.concat(pages) })
    await expectDamage(without(disk, main))
  })

  test('any flipped bit and any cut in the digests, and digests of another time', async () => {
    const live = new Live().insert(8)
    const { before, after } = live.fold()
    const bytes = after[sidecar]!
    for (let at = 0; at < bytes.length; at++) {
      await expectDamage({ ...after, [sidecar]: flipped(bytes, at) })
      await expectDamage({ ...after, [sidecar]: bytes.subarray(0, at) })
    }
    await expectDamage(without(after, sidecar))
    await expectDamage({ ...after, [sidecar]: before[sidecar]! })
  })

  test('digests that are sealed but mean nothing', () => {
    const valid = new Live().insert(8).disk[sidecar]!
    const changed = (at: number, value: number) => {
      const body = Buffer.from(valid.subarray(0, -32))
      body.writeUInt32BE(value, at)
      return Buffer.concat([body, sha256(body)])
    }
    expect(decodeSidecar(valid)).toMatchObject({ pageSize: pageBytes })
    expect(decodeSidecar(changed(0, 0))).toMatch(/no page digests/)
    expect(decodeSidecar(changed(8, 2))).toMatch(/version 2/)
    for (const at of [12, 16, 24]) expect(decodeSidecar(changed(at, 777))).toMatch(/contradict/)
  })

  test('a log that was damaged while it was being folded', async () => {
    const live = new Live().insert(10)
    live.fold()
    live.insert(5).insert(5)
    const { rows } = live
    const fold = live.fold()
    const half = partly(
      fold,
      pagesIn(fold.after[main]!).filter((page) => page % 2 === 0),
    )
    const bytes = fold.before[wal]!
    for (const copied of [fold.before[main]!, half, fold.after[main]!]) {
      const folding = { ...fold.before, [sidecar]: fold.after[sidecar]!, [main]: copied }
      expect(await outcome(folding)).toBe(rows)
      for (let frame = 32; frame < bytes.length; frame += frameBytes)
        await expectDamage({ ...folding, [wal]: flipped(bytes, frame + 30) })
      await expectDamage({ ...folding, [wal]: bytes.subarray(0, bytes.length - 1) })
      // SQLite takes no notice of a log without a header; it is not needed once all pages were copied.
      const expected = copied === fold.after[main] ? rows : 'damaged'
      expect(await outcome({ ...folding, [wal]: flipped(bytes, 17) })).toBe(expected)
      expect(await outcome(without(folding, wal))).toBe(expected)
    }
  })

  test('an old log that was put back, and a log of another database', async () => {
    const live = new Live().insert(10)
    const olds = Array.from({ length: 3 }, () => {
      live.insert(2)
      return live.fold().before[wal]!
    })
    expect(await outcome({ ...live.disk, [wal]: olds[2]! })).toBe(live.rows)
    for (const old of olds.slice(0, 2)) await expectDamage({ ...live.disk, [wal]: old })
    const db = new Database(join(root, 'other.sqlite3'))
    open.push(db)
    db.exec('PRAGMA page_size = 1024; PRAGMA journal_mode = WAL; CREATE TABLE t (id)')
    await expectDamage({ ...live.disk, [wal]: readFileSync(`${db.name}-wal`) })
  })

  test('a rollback journal that SQLite would play back', async () => {
    const live = new Live().insert(5)
    await expectDamage({ ...live.disk, [`${main}-journal`]: Buffer.alloc(600, 1) })
  })

  test('checkpoints that were not ours', async () => {
    const live = new Live().insert(5)
    live.fold()
    live.insert(5)
    live.db.pragma('wal_checkpoint(TRUNCATE)')
    await expectDamage(live.disk)
    const second = new Live('NONE', join(root, 'second')).insert(5)
    second.db.close()
    await expectDamage(second.disk)
  })

  test('in large files, in threads, while the event loop goes on', async () => {
    const live = new Live()
    live.db.exec('CREATE TABLE large (bytes)')
    const insert = live.db.prepare('INSERT INTO large VALUES (randomblob(1048576))')
    for (let row = 0; row < 68; row++) insert.run()
    live.digests.close(live.db)
    const path = live.db.name
    const counter = countTurns()
    expect((await checkPages(path)).state).toBe('sound')
    counter.stop()
    expect(counter.turns).toBeGreaterThan(100)
    const file = fs.openSync(path, 'r+')
    const byte = Buffer.alloc(1)
    for (const at of [600, 2 ** 20 + 5, 2 ** 21 + 5, 33 * 2 ** 20, fs.fstatSync(file).size - 1]) {
      fs.readSync(file, byte, 0, 1, at)
      fs.writeSync(file, flipped(byte, 0, 3), 0, 1, at)
      const page = Math.floor(at / pageBytes) + 1
      expect(await checkPages(path)).toEqual({
        state: 'damaged',
        reason: `page ${page} is not what was written`,
      })
      fs.writeSync(file, byte, 0, 1, at)
    }
    fs.closeSync(file)
    const check = await checkPages(path)
    if (check.state !== 'sound') throw new Error(check.state)
    const again = prepared(path)
    again.exec("INSERT INTO t (text) VALUES ('x')")
    check.digests.close(again)
    expect((await checkPages(path)).state).toBe('sound')
  })
})
