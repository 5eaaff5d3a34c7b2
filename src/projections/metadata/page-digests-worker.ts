/**
 * The check of a database file against its page digests, and the file that they stand in. `page-digests.ts`
 * calls it for small databases, and starts this very file as a worker thread for large ones; so nothing here
 * may import SQLite.
 *
 * The sidecar, integers big-endian:
 *
 *     magic 8 | format version 4 | page size 4 | pages 4 | frames 4 | number of salts 4 | zero 4
 *     salts 8 each, newest first | digests 8 each, page 1 first | SHA-256 of all before 32
 *
 * A page's digest is the first 8 bytes of its SHA-256. Zeros mark a page that no transaction ever wrote though
 * the database has grown beyond it: the page of the lock bytes at 1 GiB, whose bytes are never looked at.
 * https://www.sqlite.org/fileformat2.html#the_lock_byte_page
 */
import { hash } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { messageOf } from '../../errors.ts'
import { fileBytes, readFully } from '../../files.ts'
import { sha256 } from '../../format/sha256.ts'
import { isPageSize, isUnsupported, scanWal, type WalScan } from './sqlite-wal.ts'

const magic = Buffer.from('annalsPD')
/** 1: the first. Raised with every change of the layout above; a file of another version counts as damaged. */
const formatVersion = 1
const headerBytes = 32
const saltsBytes = 8
const digestBytes = 8
const sealBytes = 32
/** Pages read at a time: large enough that the calls do not count, small enough for the processor's cache. */
const chunkBytes = 1024 * 1024
const unwritten = '\0'.repeat(digestBytes)

/** What the sidecar holds. */
export interface Sidecar {
  pageSize: number
  /** Frames that the newest fold copies: those of the log with the salts `folded[0]`. */
  frames: number
  /** Salts of the logs that were folded, newest first. */
  folded: readonly string[]
  digests: Digests
}

/** What came from another thread has lost its class: the same with the digests that it stands for. */
export function revived(sidecar: Sidecar): Sidecar {
  return { ...sidecar, digests: new Digests(sidecar.digests.bytes) }
}

/** What a check found, and when it is sound, what the pages were checked against. */
export type PageFinding =
  | { state: 'fresh' }
  | { state: 'sound'; sidecar: Sidecar }
  | { state: 'damaged'; reason: string }

/** What a thread is started with: it tells our threads from those of an application that imports us. */
export interface CheckTask {
  task: 'annals:check-pages'
  databasePath: string
  share: Share
}

/** The part of the pages that one of several threads checks: of every `of` chunks the one at `index`. */
export interface Share {
  index: number
  of: number
}

const whole: Share = { index: 0, of: 1 }

/** The digest of each page of a database, in one piece of memory. Pages count from 1. */
export class Digests {
  readonly bytes: Buffer

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get pages(): number {
    return this.bytes.length / digestBytes
  }

  /** A copy for a database of so many pages; those that come with it have never been written. */
  resized(pages: number): Digests {
    const bytes = Buffer.alloc(pages * digestBytes)
    this.bytes.copy(bytes)
    return new Digests(bytes)
  }

  set(page: number, image: Uint8Array): void {
    this.bytes.write(digestOf(image), (page - 1) * digestBytes, 'latin1')
  }

  /** True when the page is what was digested, or was never written by anyone. */
  agrees(page: number, image: Uint8Array): boolean {
    const expected = this.bytes.toString('latin1', (page - 1) * digestBytes, page * digestBytes)
    return expected === digestOf(image) || expected === unwritten
  }
}

/** As text of one character per byte: Node makes that faster than a `Buffer`. */
function digestOf(image: Uint8Array): string {
  return hash('sha256', image, 'binary').slice(0, digestBytes)
}

/** Where the digests of a database stand. */
export function sidecarOf(databasePath: string): string {
  return databasePath.replace(/(\.sqlite3)?$/, '.digests')
}

/** Where SQLite keeps the write-ahead log of a database. */
export function walOf(databasePath: string): string {
  return `${databasePath}-wal`
}

/** The bytes of the file. */
export function encodeSidecar({ pageSize, frames, folded, digests }: Sidecar): Buffer {
  const header = Buffer.alloc(headerBytes)
  magic.copy(header)
  for (const [index, value] of [formatVersion, pageSize, digests.pages, frames, folded.length].entries())
    header.writeUInt32BE(value, magic.length + 4 * index)
  const body = Buffer.concat([header, Buffer.from(folded.join(''), 'hex'), digests.bytes])
  return Buffer.concat([body, sha256(body)])
}

/** The sidecar that these bytes are, or why they are none. Never throws. */
export function decodeSidecar(bytes: Buffer): Sidecar | string {
  const end = bytes.length - sealBytes
  if (end < headerBytes) return 'the page digests are cut off'
  if (!sha256(bytes.subarray(0, end)).equals(bytes.subarray(end))) return 'the page digests are damaged'
  if (!bytes.subarray(0, magic.length).equals(magic)) return 'the page digests are no page digests'
  const field = (index: number) => bytes.readUInt32BE(magic.length + 4 * index)
  if (field(0) !== formatVersion) return `the page digests have version ${field(0)}`
  const [pageSize, pages, frames, logs] = [field(1), field(2), field(3), field(4)]
  const digestsAt = headerBytes + logs * saltsBytes
  if (!isPageSize(pageSize) || logs === 0 || digestsAt + pages * digestBytes !== end)
    return 'the page digests contradict themselves'
  const folded = Array.from({ length: logs }, (_, index) =>
    bytes.toString('hex', headerBytes + index * saltsBytes, headerBytes + (index + 1) * saltsBytes),
  )
  return { pageSize, frames, folded, digests: new Digests(bytes.subarray(digestsAt, end)) }
}

/** Scans a log that is open. */
export function scanFile(file: number, size: number): WalScan {
  return scanWal(size, (target, offset) => readFully(file, target, offset))
}

/**
 * Checks the files in this thread. `checkPages` says what the findings mean.
 *
 * Each page is checked where SQLite will read it. For those in the log that is the log, and its checksums vouch
 * for them; what the database file holds of them does not matter, be it page 1 with the database's header.
 */
export function inspectPages(databasePath: string, share: Share = whole): PageFinding {
  try {
    return inspect(databasePath, share)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EIO')
      return damaged(`the disk failed: ${messageOf(error)}`)
    throw error
  }
}

function inspect(databasePath: string, share: Share): PageFinding {
  const size = fileBytes(databasePath)
  const beside = [walOf(databasePath), `${databasePath}-journal`, sidecarOf(databasePath)] as const
  const [hasWal, hasJournal, hasSidecar] = beside.map((path) => existsSync(path))
  if (size === null && !hasWal && !hasJournal && !hasSidecar) return { state: 'fresh' }
  if (size === null) return damaged('the database file is missing')
  if (!hasSidecar) return damaged('the page digests are missing')
  // SQLite would roll it back into the database file. Since there are digests, no transaction makes one.
  if (hasJournal) return damaged('a rollback journal stands beside the database')
  const sidecar = decodeSidecar(readFileSync(beside[2]))
  if (typeof sidecar === 'string') return damaged(sidecar)
  const scan = scanPath(beside[0], hasWal === true)
  const reason =
    objectionToWal(scan, sidecar) ??
    objectionToSize(size, scan, sidecar) ??
    objectionToPages(databasePath, scan, sidecar, share)
  return reason === null ? { state: 'sound', sidecar } : damaged(reason)
}

function damaged(reason: string): PageFinding {
  return { state: 'damaged', reason }
}

function scanPath(path: string, exists: boolean): WalScan {
  if (!exists) return scanWal(0, () => 0)
  const file = openSync(path, 'r')
  try {
    return scanFile(file, fileBytes(path) ?? 0)
  } finally {
    closeSync(file)
  }
}

/** Why this log cannot be the one that belongs on top of these pages. */
function objectionToWal({ header, frames }: WalScan, sidecar: Sidecar): string | null {
  if (header === null) return null
  if (isUnsupported(header)) return `SQLite does not know version ${header.version} of the log`
  const age = sidecar.folded.indexOf(header.salts)
  // Its checkpoint may have copied pages already whose older images the cut log would put on top.
  if (age === 0 && frames < sidecar.frames)
    return `the log has ${frames} of the ${sidecar.frames} frames that were being folded`
  if (frames === 0) return null
  // SQLite has no way to know: it would put pages of the past on top of newer ones.
  if (age > 0) return 'the log is an old one, which was folded long ago'
  if (header.pageSize !== sidecar.pageSize) return `the log has pages of ${header.pageSize} bytes`
  return null
}

/**
 * The end of the file is moved by checkpoints alone, and each leaves it where its digests say before its log
 * goes. While the log stands, the file may end anywhere between the old place and the new.
 */
function objectionToSize(size: number, { header, frames }: WalScan, sidecar: Sidecar): string | null {
  const expected = sidecar.digests.pages * sidecar.pageSize
  const folding = frames > 0 && header?.salts === sidecar.folded[0]
  // A file without a byte has no log for SQLite: it would delete it.
  if (size === expected || (folding && size > 0)) return null
  return `the database file has ${size} bytes instead of ${expected}`
}

function objectionToPages(
  databasePath: string,
  { lastFrames }: WalScan,
  { pageSize, digests }: Sidecar,
  { index, of }: Share,
): string | null {
  const pagesPerChunk = Math.max(1, Math.floor(chunkBytes / pageSize))
  const chunk = Buffer.alloc(pagesPerChunk * pageSize)
  const file = openSync(databasePath, 'r')
  try {
    for (let first = 1 + index * pagesPerChunk; first <= digests.pages; first += of * pagesPerChunk) {
      // What is missing at the end of the file are zeros for SQLite.
      chunk.fill(0, readFully(file, chunk, (first - 1) * pageSize))
      for (let page = first; page < first + pagesPerChunk && page <= digests.pages; page++) {
        const at = (page - first) * pageSize
        if (!lastFrames.has(page) && !digests.agrees(page, chunk.subarray(at, at + pageSize)))
          return `page ${page} is not what was written`
      }
    }
    return null
  } finally {
    closeSync(file)
  }
}

const task = workerData as CheckTask | null
if (!isMainThread && task?.task === 'annals:check-pages') {
  const finding = inspectPages(task.databasePath, task.share)
  parentPort?.postMessage(finding)
}
