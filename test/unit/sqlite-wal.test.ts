/**
 * The parser of the write-ahead log is right when it sees what SQLite sees: on whole, cut, damaged, restarted
 * and byte-swapped logs. SQLite is asked by opening a copy of the files.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  imageOffset,
  isUnsupported,
  scanWal,
  type WalScan,
} from '../../src/projections/metadata/sqlite-wal.ts'

let folder: string
let open: Database.Database[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'annals-wal-'))
  open = []
})

afterEach(() => {
  for (const db of open) db.close()
  rmSync(folder, { recursive: true })
})

/** A database whose log is never folded unless a test does it. */
function create(pageSize = 512): Database.Database {
  const db = new Database(join(folder, 'live.sqlite3'))
  open.push(db)
  db.pragma(`page_size = ${pageSize}`)
  db.pragma('journal_mode = WAL')
  db.pragma('wal_autocheckpoint = 0')
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT); CREATE INDEX i ON t (text)')
  return db
}

function fill(db: Database.Database, rows: number, length = 200): void {
  const insert = db.prepare("INSERT INTO t (text) VALUES (hex(randomblob(? / 2)) || '.')")
  db.transaction(() => {
    for (let row = 0; row < rows; row++) insert.run(length)
  })()
}

function scan(bytes: Buffer): WalScan {
  return scanWal(bytes.length, (target, offset) => bytes.copy(target, 0, offset))
}

function walOf(db: Database.Database): Buffer {
  return readFileSync(`${db.name}-wal`)
}

/** What SQLite makes of these very bytes beside the database file as it is now. */
function seenBySqlite(db: Database.Database, wal: Buffer): { frames: number; pages: number } {
  const copy = join(folder, 'copy.sqlite3')
  copyFileSync(db.name, copy)
  writeFileSync(`${copy}-wal`, wal)
  rmSync(`${copy}-shm`, { force: true })
  const reader = new Database(copy)
  try {
    const pages = reader.pragma('page_count', { simple: true }) as number
    const [row] = reader.pragma('wal_checkpoint(NOOP)') as { log: number }[]
    return { frames: row!.log, pages }
  } finally {
    reader.close()
  }
}

function expectAgreement(db: Database.Database, wal: Buffer): void {
  const ours = scan(wal)
  const theirs = seenBySqlite(db, wal)
  expect(ours.frames).toBe(theirs.frames)
  if (ours.frames > 0) expect(ours.databasePages).toBe(theirs.pages)
  else expect(ours.lastFrames.size).toBe(0)
}

function flipped(bytes: Buffer, at: number, bit = at % 8): Buffer {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1 << bit
  return copy
}

describe('a whole log', () => {
  test.each([512, 1024, 4096, 8192, 32_768, 65_536])('with pages of %i bytes', (pageSize) => {
    const db = create(pageSize)
    for (let round = 0; round < 5; round++) fill(db, 20)
    const wal = walOf(db)
    const { header, lastFrames, databasePages } = scan(wal)
    expect(header).toMatchObject({ pageSize, bigEndian: false })
    expectAgreement(db, wal)
    db.pragma('wal_checkpoint(FULL)')
    const main = readFileSync(db.name)
    expect(main.length).toBe(databasePages * pageSize)
    for (const [page, frame] of lastFrames) {
      const image = wal.subarray(imageOffset(pageSize, frame), imageOffset(pageSize, frame) + pageSize)
      expect(image.equals(main.subarray((page - 1) * pageSize, page * pageSize))).toBe(true)
    }
  })

  test('longer than what is read at once', () => {
    const db = create()
    for (let round = 0; round < 12; round++) fill(db, 500)
    const wal = walOf(db)
    expect(wal.length).toBeGreaterThan(3 * 1024 * 1024)
    expect(scan(wal).frames).toBe((wal.length - 32) / (24 + 512))
    expectAgreement(db, wal)
  })

  test('none, empty, or only a header', () => {
    const db = create()
    expect(scan(Buffer.alloc(0))).toEqual({
      header: null,
      frames: 0,
      databasePages: 0,
      lastFrames: new Map(),
    })
    expectAgreement(db, walOf(db).subarray(0, 32))
    expectAgreement(db, walOf(db).subarray(0, 33))
  })
})

describe('what follows the last commit', () => {
  test('frames from before a restart do not count', () => {
    const db = create()
    fill(db, 200)
    const before = scan(walOf(db))
    db.pragma('wal_checkpoint(RESTART)')
    fill(db, 3)
    const wal = walOf(db)
    const after = scan(wal)
    expect(after.header!.salts).not.toBe(before.header!.salts)
    expect(after.frames).toBeLessThan(before.frames)
    expect(wal.length).toBe(32 + before.frames * (24 + 512))
    expectAgreement(db, wal)
  })

  test('nor do frames of a transaction that was not committed', () => {
    const db = create()
    fill(db, 50)
    db.pragma('cache_size = 10')
    db.pragma('cache_spill = 1')
    const { frames } = scan(walOf(db))
    db.exec('BEGIN')
    const insert = db.prepare('INSERT INTO t (text) VALUES (hex(randomblob(100)))')
    for (let row = 0; row < 500; row++) insert.run()
    const during = walOf(db)
    expect((during.length - 32) / (24 + 512)).toBeGreaterThan(frames + 100)
    expect(scan(during).frames).toBe(frames)
    expectAgreement(db, during)
    db.exec('ROLLBACK')
    expectAgreement(db, walOf(db))
    fill(db, 2)
    expect(scan(walOf(db)).frames).toBeGreaterThan(frames)
    expectAgreement(db, walOf(db))
  })
})

describe('a damaged log ends where SQLite ends it', () => {
  test('cut at any frame and beside it', () => {
    const db = create()
    for (let round = 0; round < 3; round++) fill(db, 4)
    const wal = walOf(db)
    for (let end = 32; end <= wal.length; end += 24 + 512)
      for (const cut of [end - 1, end, end + 1, end + 24, end + 300])
        expectAgreement(db, wal.subarray(0, cut))
  })

  test('a bit flipped in the header and in frames', () => {
    const db = create()
    for (let round = 0; round < 3; round++) fill(db, 2)
    const wal = walOf(db)
    for (let at = 0; at < 32; at++) for (const bit of [0, 3, 7]) expectAgreement(db, flipped(wal, at, bit))
    for (let frame = 32; frame < wal.length; frame += 24 + 512)
      for (const at of [0, 3, 4, 7, 8, 15, 16, 23, 24, 200, 535])
        expectAgreement(db, flipped(wal, frame + at))
  })

  test('a frame of zeros, two frames exchanged, one repeated', () => {
    const db = create()
    for (let round = 0; round < 4; round++) fill(db, 4)
    const wal = walOf(db)
    const frameAt = (frame: number) => 32 + (frame - 1) * (24 + 512)
    const frame = (number: number) => wal.subarray(frameAt(number), frameAt(number + 1))
    const [zeroed, exchanged, repeated] = [Buffer.from(wal), Buffer.from(wal), Buffer.from(wal)]
    zeroed.fill(0, frameAt(9), frameAt(10))
    exchanged.set(frame(7), frameAt(8))
    exchanged.set(frame(8), frameAt(7))
    repeated.set(frame(6), frameAt(7))
    for (const bytes of [zeroed, exchanged, repeated]) expectAgreement(db, bytes)
  })

  test('any transactions, cut or flipped anywhere', () => {
    const db = create()
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.tuple(fc.constantFrom('cut', 'flip'), fc.nat()), { maxLength: 3 }),
        (transactions, damages) => {
          if (transactions.length % 3 === 0) db.pragma('wal_checkpoint(RESTART)')
          for (const rows of transactions) fill(db, rows)
          let wal = walOf(db)
          for (const [damage, where] of damages) {
            const at = where % wal.length
            wal = damage === 'cut' ? wal.subarray(0, at + 1) : flipped(wal, at)
          }
          expectAgreement(db, wal)
        },
      ),
      { numRuns: 60 },
    )
  })
})

describe('forms that SQLite does not write on this machine', () => {
  test('checksums over big-endian words', () => {
    const db = create()
    for (let round = 0; round < 4; round++) fill(db, 10)
    const little = walOf(db)
    const big = resealed(little, (header) => header.writeUInt32BE(0x377f0683, 0))
    expect(scan(big)).toMatchObject({ frames: scan(little).frames, header: { bigEndian: true } })
    expectAgreement(db, big)
    expectAgreement(db, flipped(big, 3000))
    expectAgreement(db, big.subarray(0, 5000))
  })

  test('a frame that names no page, though its checksum is right', () => {
    const db = create()
    for (let round = 0; round < 4; round++) fill(db, 10)
    const wal = resealed(walOf(db), (bytes) => bytes.writeUInt32BE(0, 32 + 12 * (24 + 512)))
    expect(scan(wal).frames).toBeLessThanOrEqual(12)
    expectAgreement(db, wal)
  })

  test('a version that it does not know keeps it from opening', () => {
    const db = create()
    fill(db, 10)
    const newer = resealed(walOf(db), (header) => header.writeUInt32BE(3_007_001, 4))
    expect(isUnsupported(scan(newer).header!)).toBe(true)
    expect(scan(newer).frames).toBe(0)
    expect(() => seenBySqlite(db, newer)).toThrow(/unable to open/)
  })
})

/** The log with a changed header and all checksums anew, over big-endian words when its magic number says so. */
function resealed(wal: Buffer, change: (header: Buffer) => void): Buffer {
  const bytes = Buffer.from(wal)
  change(bytes)
  const big = bytes.readUInt32BE(0) === 0x377f0683
  let sum: [number, number] = [0, 0]
  const add = (from: number, to: number) => {
    for (let at = from; at < to; at += 8) {
      const [x, y] = big
        ? [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)]
        : [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)]
      const first = (sum[0] + x + sum[1]) % 2 ** 32
      sum = [first, (sum[1] + y + first) % 2 ** 32]
    }
  }
  const store = (at: number) => {
    bytes.writeUInt32BE(sum[0], at)
    bytes.writeUInt32BE(sum[1], at + 4)
  }
  add(0, 24)
  store(24)
  const frameBytes = 24 + bytes.readUInt32BE(8)
  for (let frame = 32; frame + frameBytes <= bytes.length; frame += frameBytes) {
    add(frame, frame + 8)
    add(frame + 24, frame + frameBytes)
    store(frame + 16)
  }
  return bytes
}
