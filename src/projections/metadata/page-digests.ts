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
 * - While there is a connection, its process opens the database file through SQLite alone. To close another
 *   descriptor would drop SQLite's locks, and the next viewer to leave would delete the log under our feet; see
 *   https://www.sqlite.org/howtocorrupt.html, 2.2. `fold` reads just the log, on which there are no locks.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { AnnalsError, messageOf } from '../../errors.ts'
import { fileBytes, writeDurably } from '../../files.ts'
import { FoldThread } from './fold-thread.ts'
import {
  type CheckTask,
  decodeSidecar,
  encodeSidecar,
  inspectPages,
  type PageFinding,
  revived,
  type Share,
  type Sidecar,
  sidecarOf,
  walOf,
} from './page-digests-worker.ts'
import { checkpointRow, digestLog, framesToFold, saltsOfLog } from './wal-fold.ts'

/** Up to here a check takes less time than the start of a thread for it. */
const inlineBytesMax = 1024 * 1024
/** A thread checks this in the time that it takes to start another one. */
const threadBytesMin = 32 * 1024 * 1024
const threadsMax = 4
/** Up to here a fold takes some milliseconds. */
const inlineFoldBytesMax = 256 * 1024
/** Folds that are tried one after the other while others write. */
const roundsMax = 4

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
  /** Started by the first log that is large. */
  #thread: FoldThread | null = null
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
      throw this.#failed(cause)
    }
  }

  /**
   * The same without blocking: a large log is folded in a thread. What is written meanwhile stays in the log; so
   * with one write after the other it may come to nothing, and whoever can wait for it should. One at a time.
   *
   * @returns false also when others wrote all the time
   * @throws as `fold`
   */
  async foldInTurns(db: Database.Database): Promise<boolean> {
    if (this.#sidecar === null || this.walBytes() <= inlineFoldBytesMax) return this.fold(db)
    if (this.#failure !== null) throw this.#failure
    try {
      return await this.#foldInThread(db)
    } catch (cause) {
      throw this.#failed(cause)
    }
  }

  /**
   * Folds and closes the connection. SQLite's own closing would run a checkpoint of which no digest knows, as
   * it does when a process ends with the connection open. When the fold fails, the connection is closed without
   * that checkpoint, and the failure is thrown; the next check then finds the log as it was.
   */
  close(db: Database.Database): void {
    if (this.#thread?.isBusy === true) {
      this.#leaveLog(db)
      return
    }
    try {
      this.fold(db)
    } catch (error) {
      this.#leaveLog(db)
      throw error
    }
    db.close()
  }

  /** Closes the connection without a checkpoint. */
  #leaveLog(db: Database.Database): void {
    const last = readerOf(db.name)
    db.close()
    // A thread that ends with its process closes a connection that can write, and must not be the last to leave.
    if (this.#thread === null) last?.close()
    else keptReaders.push(last)
  }

  #failed(cause: unknown): AnnalsError {
    const message = `Folding the log of ${this.#databasePath} failed: ${messageOf(cause)}`
    const failure = new AnnalsError('projection_failed', message, { cause })
    // Repeated, it would succeed: the kernel takes pages that it could not write for written.
    if (isFailedSync(cause)) this.#failure = failure
    return failure
  }

  #fold(db: Database.Database): boolean {
    const frames = framesToFold(db)
    if (frames === 0 && this.#sidecar !== null) return true
    const next = digestLog(this.#databasePath, this.#sidecar, frames)
    writeDurably(sidecarOf(this.#databasePath), encodeSidecar(next))
    this.#sidecar = next
    return this.#emptyLog(db, next)
  }

  async #foldInThread(db: Database.Database): Promise<boolean> {
    for (let round = 0; round < roundsMax; round++) {
      if (framesToFold(db) === 0) return true
      const next = await this.#foldOnce(this.#sidecar!)
      // What follows takes some milliseconds, and so does what waits for it.
      await nextTurn()
      // Else somebody has written meanwhile, of which the digests do not know: the log must stay.
      const isAll = framesToFold(db) === next.frames && saltsOfLog(this.#databasePath) === next.folded[0]
      if (!isAll) continue
      const isEmpty = this.#emptyLog(db, next)
      await nextTurn()
      return isEmpty
    }
    return false
  }

  async #foldOnce(sidecar: Sidecar): Promise<Sidecar> {
    this.#thread ??= new FoldThread(this.#databasePath)
    try {
      this.#sidecar = await this.#thread.fold(sidecar)
    } catch (error) {
      await this.endThread()
      // It may have come as far as to replace them.
      const onDisk = decodeSidecar(readFileSync(sidecarOf(this.#databasePath)))
      if (typeof onDisk !== 'string') this.#sidecar = onDisk
      throw error
    }
    return this.#sidecar
  }

  /** Closes the thread's connections; a later fold starts another. Before `close`, for only the last one to leave takes the log with it. */
  async endThread(): Promise<void> {
    const thread = this.#thread
    this.#thread = null
    await thread?.close()
  }

  /** The checkpoint that empties the log; whatever stands there must be described by the digests on disk. */
  #emptyLog(db: Database.Database, { pageSize, digests }: Sidecar): boolean {
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

function isFailedSync(error: unknown): boolean {
  const { syscall, code } = error as { syscall?: unknown; code?: unknown }
  return syscall === 'fsync' || (typeof code === 'string' && /^SQLITE_IOERR_(DIR_)?FSYNC$/.test(code))
}

/** Connections that stay open until the process is gone. */
const keptReaders: (Database.Database | null)[] = []

/**
 * A connection that can only read. Only the last one to leave runs a checkpoint and deletes the log, and one that
 * can only read does not. https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files
 */
function readerOf(databasePath: string): Database.Database | null {
  try {
    const reader = new Database(databasePath, { readonly: true, fileMustExist: true })
    // The lock that makes it a connection comes with the first read.
    reader.pragma('schema_version')
    return reader
  } catch {
    // Then there is a checkpoint: the next check finds damage, and the database is derived again.
    return null
  }
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
    worker.once('message', (finding: PageFinding) =>
      resolve(finding.state === 'sound' ? { ...finding, sidecar: revived(finding.sidecar) } : finding),
    )
    worker.once('error', fail)
    worker.once('exit', (code) => fail(`the thread ended with code ${code}`))
  })
}
