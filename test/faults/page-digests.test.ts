/**
 * The page digests under crashes and damage. A state of the disk is a set of files; it is laid down in a folder
 * of its own, checked as an opening store checks it, and when it is found sound SQLite must show the rows of a
 * commit that was made. Crashes must be found sound; damage must be found, or not matter.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import fs, { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sha256 } from '../../src/format/sha256.ts'
import { checkPages, databaseFiles, PageDigests } from '../../src/projections/metadata/page-digests.ts'
import { Digests, decodeSidecar } from '../../src/projections/metadata/page-digests-worker.ts'

/** Name of a file beside the database -> its bytes; a file that is not there is not named. */
type Disk = Readonly<Record<string, Buffer>>
const [main, wal, shm, sidecar] = [
  'metadata.sqlite3',
  'metadata.sqlite3-wal',
  'metadata.sqlite3-shm',
  'metadata.digests',
] as const
const pageBytes = 512
const frameBytes = 24 + pageBytes
const killCycles = Number(process.env.ANNALS_KILL_CYCLES ?? 12)

let root: string
let open: Database.Database[]

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'annals-pages-'))
  open = []
})

afterEach(() => {
  for (const db of open) db.close()
  rmSync(root, { recursive: true })
})

/** A live database with its digests. Pages are small, so that a few rows are many pages. */
class Live {
  readonly db: Database.Database
  readonly digests: PageDigests
  readonly #folder: string

  constructor(autoVacuum = 'NONE', folder = join(root, 'live')) {
    mkdirSync(folder)
    this.#folder = folder
    this.db = prepared(join(folder, main), autoVacuum)
    this.db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT); CREATE INDEX i ON t (text)')
    this.digests = PageDigests.create(this.db.name)
    this.digests.fold(this.db)
  }

  insert(rows: number, length = 300): this {
    const insert = this.db.prepare('INSERT INTO t (text) VALUES (hex(randomblob(?)))')
    this.db.transaction(() => {
      for (let row = 0; row < rows; row++) insert.run(length / 2)
    })()
    return this
  }

  get rows(): string {
    return rowsOf(this.db)
  }

  get disk(): Disk {
    return diskOf(this.#folder)
  }

  /** The files before a fold, and after it. */
  fold(): { before: Disk; after: Disk } {
    const before = this.disk
    expect(this.digests.fold(this.db)).toBe(true)
    return { before, after: this.disk }
  }
}

function prepared(path: string, autoVacuum = 'NONE'): Database.Database {
  const db = new Database(path)
  open.push(db)
  db.pragma(`page_size = ${pageBytes}`)
  db.pragma(`auto_vacuum = ${autoVacuum}`)
  db.pragma('journal_mode = WAL')
  db.pragma('wal_autocheckpoint = 0')
  db.pragma('synchronous = NORMAL')
  return db
}

function rowsOf(db: Database.Database): string {
  return JSON.stringify(db.prepare('SELECT id, text FROM t ORDER BY id').all())
}

/** The memory index is left out: a crash leaves it behind, and SQLite makes it anew. */
function diskOf(folder: string): Disk {
  const names = fs.readdirSync(folder).filter((name) => name !== shm)
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name))]))
}

let laid = 0

/** Checks a state of the disk: `damaged`, or the rows that SQLite then shows. */
async function outcome(disk: Disk): Promise<string> {
  laid += 1
  const folder = join(root, `disk-${laid}`)
  mkdirSync(folder)
  for (const [name, bytes] of Object.entries(disk)) writeFileSync(join(folder, name), bytes)
  const check = await checkPages(join(folder, main))
  let result = check.state === 'damaged' ? 'damaged' : 'fresh'
  if (check.state === 'sound') {
    const db = new Database(join(folder, main))
    db.pragma('wal_autocheckpoint = 0')
    result = db.pragma('integrity_check', { simple: true }) === 'ok' ? rowsOf(db) : 'served damage'
    // What was found sound must stay so: folded, written to, folded again, closed.
    check.digests.fold(db)
    db.exec("INSERT INTO t (text) VALUES ('after')")
    check.digests.close(db)
    expect((await checkPages(join(folder, main))).state).toBe('sound')
  }
  rmSync(folder, { recursive: true })
  return result
}

async function expectDamage(disk: Disk): Promise<void> {
  expect(await outcome(disk)).toBe('damaged')
}

function flipped(bytes: Buffer, at: number, bit = at % 8): Buffer {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1 << bit
  return copy
}

function without(disk: Disk, name: string): Disk {
  return Object.fromEntries(Object.entries(disk).filter(([other]) => other !== name))
}

function pagesIn(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / pageBytes }, (_, index) => index + 1)
}

/** The database file as a checkpoint leaves it that was cut off after copying these pages. */
function partly({ before, after }: { before: Disk; after: Disk }, pages: readonly number[]): Buffer {
  const copied = Buffer.alloc(Math.max(before[main]!.length, ...pages.map((page) => page * pageBytes)))
  before[main]!.copy(copied)
  for (const page of pages)
    after[main]!.copy(copied, (page - 1) * pageBytes, (page - 1) * pageBytes, page * pageBytes)
  return copied
}

/** Every state that a crash within a fold can leave, given the order in which pages reach the disk. */
function* crashes(fold: { before: Disk; after: Disk }, order: readonly number[]): Generator<[string, Disk]> {
  const { before, after } = fold
  const folding = { ...before, [sidecar]: after[sidecar]! }
  yield ['before', before]
  yield ['digests half written', { ...before, [`${sidecar}.tmp`]: after[sidecar]!.subarray(0, 40) }]
  yield ['digests not renamed', { ...before, [`${sidecar}.tmp`]: after[sidecar]! }]
  yield ['digests written', folding]
  for (let copied = 1; copied <= order.length; copied++)
    yield [`${copied} pages copied`, { ...folding, [main]: partly(fold, order.slice(0, copied)) }]
  const cut = Buffer.from(partly(fold, order).subarray(0, order.at(-1)! * pageBytes - 100))
  if (cut.length >= before[main]!.length) yield ['page copied in part', { ...folding, [main]: cut }]
  yield ['all copied and cut off', { ...folding, [main]: after[main]! }]
  yield ['log emptied', after]
  yield ['log removed', without(after, wal)]
}

describe('crashes are sound', () => {
  const orders: [string, (pages: number[]) => number[]][] = [
    ['ascending', (pages) => pages],
    ['descending', (pages) => pages.toReversed()],
    [
      'odd pages first',
      (pages) => [...pages.filter((page) => page % 2 === 1), ...pages.filter((page) => page % 2 === 0)],
    ],
  ]

  test.each(orders)('while the database grows: pages copied %s', async (_, ordered) => {
    const live = new Live().insert(10)
    live.fold()
    live.insert(8)
    live.db.exec("UPDATE t SET text = 'changed' WHERE id % 3 = 0")
    const { rows } = live
    const fold = live.fold()
    for (const [moment, disk] of crashes(fold, ordered(pagesIn(fold.after[main]!))))
      expect(await outcome(disk), moment).toBe(rows)
  })

  test.each(orders)('while it shrinks: pages copied %s', async (_, ordered) => {
    const live = new Live('FULL').insert(25)
    live.fold()
    live.db.exec('DELETE FROM t WHERE id > 6')
    const { rows } = live
    const fold = live.fold()
    expect(fold.after[main]!.length).toBeLessThan(fold.before[main]!.length)
    for (const [moment, disk] of crashes(fold, ordered(pagesIn(fold.after[main]!))))
      expect(await outcome(disk), moment).toBe(rows)
    const half = (fold.before[main]!.length + fold.after[main]!.length) / 2
    const cut = partly(fold, pagesIn(fold.after[main]!)).subarray(0, half)
    expect(await outcome({ ...fold.before, [sidecar]: fold.after[sidecar]!, [main]: cut })).toBe(rows)
  })

  test('while the pages at the end were taken and freed at once', async () => {
    const live = new Live().insert(5)
    live.fold()
    live.db.exec('BEGIN')
    live.insert(1, 20_000)
    live.db.exec('DELETE FROM t WHERE length(text) > 1000; COMMIT')
    const { rows } = live
    const fold = live.fold()
    for (const [moment, disk] of crashes(fold, pagesIn(fold.after[main]!)))
      expect(await outcome(disk), moment).toBe(rows)
  })

  test('after a fold that a viewer kept from ending, and after writing on', async () => {
    const live = new Live().insert(5)
    live.fold()
    const viewer = new Database(live.db.name, { readonly: true })
    open.push(viewer)
    live.insert(5)
    viewer.exec('BEGIN')
    const seen = rowsOf(viewer)
    live.insert(5)
    const before = live.disk
    const began = performance.now()
    expect(live.digests.fold(live.db)).toBe(false)
    expect(performance.now() - began).toBeLessThan(1000)
    expect(live.db.pragma('busy_timeout', { simple: true })).toBe(5000)
    expect(live.disk[main]!.equals(before[main]!)).toBe(false)
    expect(await outcome(live.disk)).toBe(live.rows)
    live.insert(5)
    expect(await outcome(live.disk)).toBe(live.rows)
    expect(rowsOf(viewer)).toBe(seen)
    viewer.close()
    const { rows } = live
    const fold = live.fold()
    for (const [moment, disk] of crashes(fold, pagesIn(fold.after[main]!)))
      expect(await outcome(disk), moment).toBe(rows)
  })

  test('whatever the memory index holds that the crash left behind', async () => {
    const live = new Live().insert(10)
    live.fold()
    live.insert(10)
    const index = readFileSync(`${live.db.name}-shm`)
    const places = [...index.keys()].filter((at) => index[at] !== 0)
    expect(places.length).toBeGreaterThan(100)
    for (const at of places)
      expect(await outcome({ ...live.disk, [shm]: flipped(index, at) })).toBe(live.rows)
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.alloc(32_768),
      Buffer.alloc(32_768, 255),
      index.subarray(0, 77),
    ])
      expect(await outcome({ ...live.disk, [shm]: bytes })).toBe(live.rows)
  })

  test('a log that lost its end, as after a power cut, is a shorter log', async () => {
    const live = new Live().insert(5)
    live.fold()
    const commits = new Set([live.rows])
    for (let round = 0; round < 4; round++) commits.add(live.insert(2).rows)
    for (let size = 0; size < live.disk[wal]!.length; size += 133)
      expect(commits).toContain(await outcome({ ...live.disk, [wal]: live.disk[wal]!.subarray(0, size) }))
    expect(commits).toContain(await outcome(without(live.disk, wal)))
  })

  test('nothing there is a fresh database', async () => {
    expect(await outcome({})).toBe('fresh')
  })
})

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
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    expect((await checkPages(path)).state).toBe('sound')
    clearInterval(timer)
    expect(turns).toBeGreaterThan(5)
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

describe('in any history of writes, folds and crashes', () => {
  type Step =
    | { do: 'insert'; rows: number; length: number }
    | { do: 'delete' | 'update'; nth: number }
    | { do: 'taken and freed'; length: number }
    | { do: 'vacuum' | 'fold' | 'reopen' | 'kill' | 'view' }
    | { do: 'crash'; copied: number[]; cut: number }
  const steps: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('insert' as const),
        rows: fc.integer({ min: 1, max: 8 }),
        length: fc.constantFrom(10, 300, 3000),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('delete' as const, 'update' as const),
        nth: fc.integer({ min: 1, max: 4 }),
      }),
    },
    fc.record({ do: fc.constant('taken and freed' as const), length: fc.constantFrom(2000, 9000) }),
    fc.record({
      do: fc.constantFrom(
        'vacuum' as const,
        'fold' as const,
        'reopen' as const,
        'kill' as const,
        'view' as const,
      ),
    }),
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('crash' as const),
        copied: fc.array(fc.nat({ max: 40 })),
        cut: fc.nat(),
      }),
    },
  )
  let run = 0

  /** Plays a history on a real database and keeps what its commits since the last fold showed. */
  class History {
    readonly folder: string
    db!: Database.Database
    digests!: PageDigests
    commits: string[] = []

    constructor(autoVacuum: string) {
      run += 1
      this.folder = join(root, `history-${run}`)
      const live = new Live(autoVacuum, this.folder)
      this.db = live.db
      this.digests = live.digests
      this.commits = [live.rows]
    }

    async play(step: Step): Promise<void> {
      if (step.do === 'fold') this.fold()
      else if (step.do === 'reopen') await this.reopen(() => this.digests.close(this.db))
      else if (step.do === 'kill') await this.reopen(() => this.restore(diskOf(this.folder)))
      else if (step.do === 'view') this.foldUnderView()
      else if (step.do === 'crash') await this.crash(step.copied, step.cut)
      else this.write(step)
      expect(rowsOf(this.db)).toBe(this.commits.at(-1))
    }

    write(step: Step): void {
      const insert = this.db.prepare('INSERT INTO t (text) VALUES (hex(randomblob(?)))')
      this.db.transaction(() => {
        if (step.do === 'insert') for (let row = 0; row < step.rows; row++) insert.run(step.length / 2)
        else if (step.do === 'delete') this.db.prepare('DELETE FROM t WHERE id % 4 < ?').run(step.nth)
        else if (step.do === 'update')
          this.db.prepare('UPDATE t SET text = text || ? WHERE id % 4 < ?').run('+', step.nth)
        else if (step.do === 'taken and freed') {
          const { lastInsertRowid } = insert.run(step.length / 2)
          this.db.prepare('DELETE FROM t WHERE id = ?').run(lastInsertRowid)
        }
      })()
      if (step.do === 'vacuum') this.db.exec('VACUUM')
      this.commits.push(rowsOf(this.db))
    }

    fold(): void {
      expect(this.digests.fold(this.db)).toBe(true)
      this.commits = this.commits.slice(-1)
    }

    /** Folds in part; the log stays, and so does every commit in it. */
    foldUnderView(): void {
      const viewer = new Database(this.db.name, { readonly: true })
      viewer.exec('BEGIN')
      rowsOf(viewer)
      this.write({ do: 'insert', rows: 1, length: 300 })
      this.digests.fold(this.db)
      viewer.close()
      this.commits = this.commits.slice(-1)
    }

    /** Leaves a fold after some pages, or without a fold cuts the log; both as a crash would. */
    async crash(copied: number[], cut: number): Promise<void> {
      const before = diskOf(this.folder)
      if (copied.length === 0) {
        const bytes = before[wal] ?? Buffer.alloc(0)
        await this.crashed({ ...before, [wal]: bytes.subarray(0, cut % (bytes.length + 1)) })
        return
      }
      this.fold()
      const after = diskOf(this.folder)
      if ((before[wal]?.length ?? 0) === 0) return
      const pages = copied.filter((page) => page > 0 && page * pageBytes <= after[main]!.length)
      const left: Disk = { ...before, [sidecar]: after[sidecar]!, [main]: partly({ before, after }, pages) }
      expect(await outcome(left)).toBe(this.commits.at(-1))
      const log = left[wal]!
      const lost = await outcome({ ...left, [wal]: log.subarray(0, cut % log.length) })
      expect(['damaged', this.commits.at(-1)]).toContain(lost)
      await this.reopen(() => this.restore(left))
    }

    /** A log that was folded in part may be cut below what was folded: then it is damaged, and not a crash. */
    async crashed(disk: Disk): Promise<void> {
      const found = await outcome(disk)
      if (found === 'damaged') return
      expect(this.commits).toContain(found)
      await this.reopen(() => this.restore(disk))
      this.commits = this.commits.slice(0, this.commits.indexOf(found) + 1)
    }

    /** Puts back what the disk held, as if the process had been killed then. */
    restore(disk: Disk): void {
      this.db.close()
      rmSync(this.folder, { recursive: true })
      mkdirSync(this.folder)
      for (const [name, bytes] of Object.entries(disk)) writeFileSync(join(this.folder, name), bytes)
    }

    async reopen(leave: () => void): Promise<void> {
      leave()
      const check = await checkPages(join(this.folder, main))
      if (check.state !== 'sound') throw new Error(JSON.stringify(check))
      this.db = prepared(join(this.folder, main))
      this.digests = check.digests
    }
  }

  test('SQLite shows a commit that was made, and the newest when nothing was lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('NONE', 'FULL'),
        fc.array(steps, { minLength: 3, maxLength: 25 }),
        async (autoVacuum, history) => {
          const played = new History(autoVacuum)
          for (const step of history) await played.play(step)
          played.digests.close(played.db)
          expect(await outcome(diskOf(played.folder))).toBe(played.commits.at(-1))
        },
      ),
      { numRuns: Number(process.env.ANNALS_HISTORIES ?? 60) },
    )
  })
})

test('digests of a resized database keep what was known and know nothing of the rest', () => {
  const image = Buffer.alloc(pageBytes, 7)
  const digests = new Digests(new Uint8Array()).resized(2)
  digests.set(2, image)
  const grown = digests.resized(3)
  expect([grown.pages, grown.agrees(2, image), grown.agrees(2, flipped(image, 9))]).toEqual([3, true, false])
  expect(grown.agrees(3, image)).toBe(true)
  expect(grown.resized(1).pages).toBe(1)
})
