/**
 * The digests that SQLite's pages lack: outside the write-ahead log its format has no checksum, and a flipped
 * bit is a wrong row (https://www.sqlite.org/fileformat2.html). They stand in `metadata.digests`.
 *
 * What holds, for one connection in WAL mode with `wal_autocheckpoint=0`:
 * - The database file changes in `fold` alone. Between folds all that is new stands in the write-ahead log.
 * - The digests on disk describe the database file once the first `frames` frames of the log with the salts
 *   `folded[0]` are copied into it; they are durable before the first of these frames is.
 * - The log is durable before the digests are, and stays until the database file is durable. So a crash at any
 *   moment leaves one image of every page that something vouches for: the log's checksums or the digest.
 * - While there is a connection, its process opens the database file in no other way. To close that descriptor
 *   would drop SQLite's locks, and the next viewer to leave would delete the log under our feet; see
 *   https://www.sqlite.org/howtocorrupt.html, 2.2. `fold` reads just the log, on which there are no locks.
 */
import { closeSync, fsyncSync, openSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { AnnalsError, messageOf } from '../../errors.ts'
import { fileBytes, readFully, writeDurably } from '../../files.ts'
import {
  type CheckTask,
  Digests,
  encodeSidecar,
  inspectPages,
  type PageFinding,
  type Share,
  type Sidecar,
  scanFile,
  sidecarOf,
  walOf,
} from './page-digests-worker.ts'
import { imageOffset, type WalScan } from './sqlite-wal.ts'

/** Up to here a check takes less time than the start of a thread for it. */
const inlineBytesMax = 1024 * 1024
/** A thread checks this in the time that it takes to start another one. */
const threadBytesMin = 32 * 1024 * 1024
const threadsMax = 4
/** Folded logs that are remembered, so that none of them is believed when it comes back. */
const foldedMax = 256

export type PageCheck =
  | { state: 'fresh' }
  | { state: 'sound'; digests: PageDigests }
  | { state: 'damaged'; reason: string }

/**
 * Checks a database page by page, before SQLite opens it; never while this process has a connection to it.
 * Reads the whole file, in a worker thread when it is large.
 *
 * - `fresh`: there is nothing yet.
 * - `sound`: SQLite will show the rows of some commit, all of them as written. It need not be the last commit:
 *   a log that is damaged from some frame on is a shorter log.
 * - `damaged`: nothing here can be relied on. Remove `databaseFiles` and derive them again.
 *
 * What keeps it from reading (a missing permission) is thrown.
 *
 * @example
 * const check = await checkPages('/data/metadata.sqlite3')
 * if (check.state === 'damaged') for (const file of databaseFiles('/data/metadata.sqlite3')) rmSync(file, { force: true })
 */
export async function checkPages(databasePath: string): Promise<PageCheck> {
  const size = (fileBytes(databasePath) ?? 0) + (fileBytes(walOf(databasePath)) ?? 0)
  const finding =
    size > inlineBytesMax ? await inspectInThreads(databasePath, size) : inspectPages(databasePath)
  if (finding.state !== 'sound') return finding
  return { state: 'sound', digests: new PageDigests(databasePath, finding.sidecar) }
}

/** Every file that belongs to a database. The digests come first: without them the rest is not believed. */
export function databaseFiles(databasePath: string): string[] {
  const sidecar = sidecarOf(databasePath)
  const suffixes = ['-wal', '-shm', '-journal', '']
  return [sidecar, `${sidecar}.tmp`, ...suffixes.map((suffix) => databasePath + suffix)]
}

/** The digests of one open database; it alone runs the checkpoints. */
export class PageDigests {
  readonly #databasePath: string
  /** As it is on disk; `null` before the first fold. */
  #sidecar: Sidecar | null
  /** What keeps it from folding for good. */
  #failure: AnnalsError | null = null

  /** For `checkPages`. A new database begins with `create`. */
  constructor(databasePath: string, sidecar: Sidecar | null) {
    this.#databasePath = databasePath
    this.#sidecar = sidecar
  }

  /**
   * For a database that was created just now: empty, switched to WAL mode, then given its schema. Fold it at
   * once; before its first fold it counts as damaged.
   */
  static create(databasePath: string): PageDigests {
    return new PageDigests(databasePath, null)
  }

  /** Size of the write-ahead log's file: what the caller decides by when to fold. */
  walBytes(): number {
    return fileBytes(walOf(this.#databasePath)) ?? 0
  }

  /**
   * Copies the write-ahead log into the database file and empties it. Not within a transaction, nor while rows
   * are being iterated. Blocks for some 5 ms for each MB of log, most of it waiting for the disk, and 5 ms for
   * each 100 MB of database, whose digests are all written.
   *
   * @returns false when another process still reads, such as a viewer: the log stays, everything is sound, and
   *   a later fold does it
   * @throws `projection_failed`; everything is sound then too, unless a sync has failed. After that nobody
   *   knows what is on disk, and no later fold is tried
   */
  fold(db: Database.Database): boolean {
    if (this.#failure !== null) throw this.#failure
    try {
      return this.#fold(db)
    } catch (cause) {
      const message = `Folding the log of ${this.#databasePath} failed: ${messageOf(cause)}`
      const failure = new AnnalsError('projection_failed', message, { cause })
      // Repeated, it would succeed: the kernel takes pages that it could not write for written.
      if (isFailedSync(cause)) this.#failure = failure
      throw failure
    }
  }

  /**
   * Folds and closes the connection. SQLite's own closing would run a checkpoint of which no digest knows, as
   * it does when a process ends with the connection open. When the fold fails, the connection is closed without
   * that checkpoint, and the failure is thrown; the next check then finds the log as it was.
   */
  close(db: Database.Database): void {
    try {
      this.fold(db)
    } catch (error) {
      closeKeepingLog(db)
      throw error
    }
    db.close()
  }

  #fold(db: Database.Database): boolean {
    const frames = framesToFold(db)
    if (frames === 0 && this.#sidecar !== null) return true
    const next = this.#readLog(frames)
    writeDurably(sidecarOf(this.#databasePath), encodeSidecar(next))
    this.#sidecar = next
    return this.#checkpoint(db, next)
  }

  /** Makes the log durable and answers the digests that follow from it. */
  #readLog(frames: number): Sidecar {
    // Not read-only: Windows syncs only what is open for writing.
    const wal = openSync(walOf(this.#databasePath), 'r+')
    try {
      const scan = scanFile(wal, this.walBytes())
      // SQLite copies its frames without another look at their checksums.
      if (scan.header === null || scan.frames !== frames)
        throw new Error(`the log on disk has ${scan.frames} of its ${frames} frames`)
      fsyncSync(wal)
      const { pageSize, salts } = scan.header
      const earlier = this.#sidecar?.folded.filter((other) => other !== salts) ?? []
      const digests = this.#digestsAfter(scan, wal, pageSize)
      return { pageSize, frames, folded: [salts, ...earlier].slice(0, foldedMax), digests }
    } finally {
      closeSync(wal)
    }
  }

  #digestsAfter({ lastFrames, databasePages }: WalScan, wal: number, pageSize: number): Digests {
    if (this.#sidecar === null) requireNew(fileBytes(this.#databasePath), lastFrames, pageSize)
    const digests = (this.#sidecar?.digests ?? new Digests(new Uint8Array())).resized(databasePages)
    const image = Buffer.alloc(pageSize)
    for (const [page, frame] of lastFrames) {
      if (page > databasePages) continue
      if (readFully(wal, image, imageOffset(pageSize, frame)) < pageSize)
        throw new Error('the log was cut off')
      digests.set(page, image)
    }
    return digests
  }

  #checkpoint(db: Database.Database, { pageSize, digests }: Sidecar): boolean {
    // Or a viewer that reads would stop the event loop for the five seconds that better-sqlite3 is patient.
    const timeout = db.pragma('busy_timeout', { simple: true })
    db.pragma('busy_timeout = 0')
    try {
      if (checkpointRow(db, 'TRUNCATE').busy !== 0) return false
    } finally {
      db.pragma(`busy_timeout = ${timeout}`)
    }
    const [size, expected] = [fileBytes(this.#databasePath), digests.pages * pageSize]
    if (size !== expected) throw new Error(`the database file has ${size} bytes instead of ${expected}`)
    return true
  }
}

/** Frames in the log as SQLite's index has it. Refuses what would break the invariants. */
function framesToFold(db: Database.Database): number {
  if (db.inTransaction) throw new Error('a transaction is open')
  if (db.pragma('wal_autocheckpoint', { simple: true }) !== 0) throw new Error('wal_autocheckpoint is not 0')
  const { log } = checkpointRow(db, 'NOOP')
  if (log < 0) throw new Error('the database is not in WAL mode')
  return log
}

/** `NOOP` came with SQLite 3.51; before, it would be a checkpoint. https://www.sqlite.org/pragma.html#pragma_wal_checkpoint */
function checkpointRow(db: Database.Database, mode: 'NOOP' | 'TRUNCATE'): { busy: number; log: number } {
  const [row] = db.pragma(`wal_checkpoint(${mode})`) as { busy: number; log: number }[]
  return row!
}

/**
 * Before the first fold there are no digests, and the database file cannot be read: so nothing may stand in it
 * but the page that switching to WAL mode has made, and that page must have been written again since.
 */
function requireNew(size: number | null, lastFrames: Map<number, number>, pageSize: number): void {
  if (size === null || size > pageSize || !lastFrames.has(1))
    throw new Error('its schema was not created in WAL mode')
}

function isFailedSync(error: unknown): boolean {
  const { syscall, code } = error as { syscall?: unknown; code?: unknown }
  return syscall === 'fsync' || (typeof code === 'string' && /^SQLITE_IOERR_(DIR_)?FSYNC$/.test(code))
}

/**
 * Only the last connection to leave runs a checkpoint and deletes the log, and one that can only read does not.
 * https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files
 */
function closeKeepingLog(db: Database.Database): void {
  let last: Database.Database | null = null
  try {
    last = new Database(db.name, { readonly: true, fileMustExist: true })
    // The lock that makes it a connection comes with the first read.
    last.pragma('schema_version')
  } catch {
    // Then there is a checkpoint: the next check finds damage, and the database is derived again.
  }
  db.close()
  last?.close()
}

/** Several threads check one part each; the files are sound when all parts are. */
async function inspectInThreads(databasePath: string, size: number): Promise<PageFinding> {
  const of = Math.max(1, Math.min(threadsMax, availableParallelism(), Math.floor(size / threadBytesMin)))
  const shares = Array.from({ length: of }, (_, index) => ({ index, of }))
  const findings = await Promise.all(shares.map((share) => inspectInThread(databasePath, share)))
  return findings.find(({ state }) => state !== 'sound') ?? findings[0]!
}

function inspectInThread(databasePath: string, share: Share): Promise<PageFinding> {
  const workerData: CheckTask = { task: 'annals:check-pages', databasePath, share }
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(
        new AnnalsError('projection_failed', `Checking ${databasePath} failed: ${messageOf(cause)}`, {
          cause,
        }),
      )
    // Without the options of the process: some, like `--input-type`, do not suit a file.
    const worker = new Worker(new URL('./page-digests-worker.js', import.meta.url), {
      workerData,
      execArgv: [],
    })
    worker.once('message', (finding: PageFinding) => resolve(revived(finding)))
    worker.once('error', fail)
    worker.once('exit', (code) => fail(`the thread ended with code ${code}`))
  })
}

/** What came from a thread has lost its class. */
function revived(finding: PageFinding): PageFinding {
  if (finding.state !== 'sound') return finding
  const { sidecar } = finding
  return { state: 'sound', sidecar: { ...sidecar, digests: new Digests(sidecar.digests.bytes) } }
}
