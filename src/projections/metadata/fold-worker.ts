/**
 * The thread that folds a large write-ahead log, while writes and reads go on in the main thread. It is started
 * by `fold-thread.ts`, for one database.
 *
 * What holds: a reader pins the log before its frames are counted, and until they are copied. No checkpoint goes
 * beyond what a reader sees, so no frame is copied of which the digests do not know, whoever writes meanwhile.
 * https://www.sqlite.org/wal.html#concurrency
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import Database from 'better-sqlite3'
import { messageOf } from '../../errors.ts'
import { writeDurably } from '../../files.ts'
import { encodeSidecar, revived, type Sidecar, sidecarOf } from './page-digests-worker.ts'
import { checkpointRow, digestLog, framesToFold } from './wal-fold.ts'

/** What the thread is started with. */
export interface FoldTask {
  task: 'annals:fold'
  databasePath: string
}

/** What it is asked: to fold on top of these digests, or to close its connections and end. */
export type FoldRequest = { sidecar: Sidecar } | 'end'

/** What it answers: the digests that stand on disk now, or what went wrong. */
export type FoldAnswer =
  | { sidecar: Sidecar }
  | { failure: { message: string; code: string | undefined; syscall: string | undefined } }

class Folder {
  readonly #databasePath: string
  readonly #db: Database.Database
  readonly #pin: Database.Database

  constructor(databasePath: string) {
    this.#databasePath = databasePath
    this.#db = new Database(databasePath, { fileMustExist: true, timeout: 0 })
    this.#db.pragma('wal_autocheckpoint = 0')
    // As the main thread's connection: the database file is durable before the log is written over.
    this.#db.pragma('synchronous = NORMAL')
    this.#pin = new Database(databasePath, { readonly: true, fileMustExist: true })
  }

  fold(before: Sidecar): Sidecar {
    this.#pin.exec('BEGIN')
    try {
      // The first read is what pins.
      this.#pin.pragma('schema_version')
      const frames = framesToFold(this.#db)
      const next = digestLog(this.#databasePath, before, frames)
      writeDurably(sidecarOf(this.#databasePath), encodeSidecar(next))
      checkpointRow(this.#db, 'PASSIVE')
      return next
    } finally {
      this.#pin.exec('COMMIT')
    }
  }

  close(): void {
    this.#pin.close()
    this.#db.close()
  }
}

function answer(folder: Folder, before: Sidecar): FoldAnswer {
  try {
    return { sidecar: folder.fold(revived(before)) }
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    return { failure: { message: messageOf(error), code, syscall } }
  }
}

const task = workerData as FoldTask | null
if (!isMainThread && task?.task === 'annals:fold' && parentPort !== null) {
  const port = parentPort
  let folder: Folder | null = null
  port.on('message', (request: FoldRequest) => {
    if (request === 'end') {
      folder?.close()
      port.close()
    } else {
      folder ??= new Folder(task.databasePath)
      port.postMessage(answer(folder, request.sidecar))
    }
  })
}
