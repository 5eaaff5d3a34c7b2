/**
 * The page digests under crashes and damage. A state of the disk is a set of files; it is laid down in a folder
 * of its own, checked as an opening store checks it, and when it is found sound SQLite must show the rows of a
 * commit that was made. Crashes must be found sound; damage must be found, or not matter.
 */
import fs, { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect } from 'vitest'
import { checkPages, PageDigests } from '../../src/projections/metadata/page-digests.ts'

/** Name of a file beside the database -> its bytes; a file that is not there is not named. */
export type Disk = Readonly<Record<string, Buffer>>
export const [main, wal, shm, sidecar] = [
  'metadata.sqlite3',
  'metadata.sqlite3-wal',
  'metadata.sqlite3-shm',
  'metadata.digests',
] as const
export const pageBytes = 512
export const frameBytes = 24 + pageBytes

export let root: string
export let open: Database.Database[]

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'annals-pages-'))
  open = []
})

afterEach(() => {
  for (const db of open) db.close()
  rmSync(root, { recursive: true })
})

/** A live database with its digests. Pages are small, so that a few rows are many pages. */
export class Live {
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

export function prepared(path: string, autoVacuum = 'NONE'): Database.Database {
  const db = new Database(path)
  open.push(db)
  db.pragma(`page_size = ${pageBytes}`)
  db.pragma(`auto_vacuum = ${autoVacuum}`)
  db.pragma('journal_mode = WAL')
  db.pragma('wal_autocheckpoint = 0')
  db.pragma('synchronous = NORMAL')
  return db
}

export function rowsOf(db: Database.Database): string {
  return JSON.stringify(db.prepare('SELECT id, text FROM t ORDER BY id').all())
}

/** The memory index is left out: a crash leaves it behind, and SQLite makes it anew. */
export function diskOf(folder: string): Disk {
  const names = fs.readdirSync(folder).filter((name) => name !== shm)
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name))]))
}

let laid = 0

/** Checks a state of the disk: `damaged`, or the rows that SQLite then shows. */
export async function outcome(disk: Disk): Promise<string> {
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

export async function expectDamage(disk: Disk): Promise<void> {
  expect(await outcome(disk)).toBe('damaged')
}

export function flipped(bytes: Buffer, at: number, bit = at % 8): Buffer {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1 << bit
  return copy
}

export function without(disk: Disk, name: string): Disk {
  return Object.fromEntries(Object.entries(disk).filter(([other]) => other !== name))
}

export function pagesIn(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / pageBytes }, (_, index) => index + 1)
}

/** The database file as a checkpoint leaves it that was cut off after copying these pages. */
export function partly({ before, after }: { before: Disk; after: Disk }, pages: readonly number[]): Buffer {
  const copied = Buffer.alloc(Math.max(before[main]!.length, ...pages.map((page) => page * pageBytes)))
  before[main]!.copy(copied)
  for (const page of pages)
    after[main]!.copy(copied, (page - 1) * pageBytes, (page - 1) * pageBytes, page * pageBytes)
  return copied
}

/** Every state that a crash within a fold can leave, given the order in which pages reach the disk. */
export function* crashes(
  fold: { before: Disk; after: Disk },
  order: readonly number[],
): Generator<[string, Disk]> {
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
