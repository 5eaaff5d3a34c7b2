import { rmSync } from 'node:fs'
import Database from 'better-sqlite3'
import { AnnalsError, messageOf } from '../../errors.ts'
import { registerFilterFunctions } from './filter-functions.ts'
import { checkPages, databaseFiles, PageDigests } from './page-digests.ts'
import { schema, schemaVersion } from './schema.ts'

/** An open metadata database. */
export interface MetadataFile {
  readonly db: Database.Database
  /** Why it had to be begun anew; `null` when it was sound, or when there was none. */
  readonly replaced: string | null
  /** Bytes in SQLite's write-ahead log. */
  walBytes(): number
  /**
   * Folds the write-ahead log into the database, without blocking; false when another process is just reading, or
   * when somebody wrote all the time instead of waiting until it is `settled`.
   */
  fold(): Promise<boolean>
  /** Settles once no fold is under way. */
  settled(): Promise<void>
  /** Folds and closes it; afterwards it cannot be used, also when that fails. */
  close(): Promise<void>
}

/**
 * Opens the metadata database, every page of it checked. A damaged one, or one of another schema, is removed
 * and begun anew: it is derived, so the log fills it again.
 */
export async function openMetadataFile(path: string): Promise<MetadataFile> {
  const check = await checkPages(path)
  if (check.state === 'fresh') return create(path, null)
  if (check.state === 'damaged') return replace(path, check.reason)
  let db: Database.Database
  try {
    db = connect(path)
  } catch (error) {
    return replace(path, messageOf(error))
  }
  const version = db.pragma('user_version', { simple: true })
  if (version === schemaVersion) return opened(db, check.digests, null)
  db.close()
  return replace(path, `its schema has version ${version}, not ${schemaVersion}`)
}

/** The same in memory, for stores that are not kept. */
export function openMetadataInMemory(): MetadataFile {
  const db = new Database(':memory:')
  registerFilterFunctions(db)
  db.exec(schema)
  return {
    db,
    replaced: null,
    walBytes: () => 0,
    fold: async () => true,
    settled: async () => undefined,
    close: async () => void db.close(),
  }
}

/** Removes the database with all that belongs to it. */
export function removeMetadataFile(path: string): void {
  for (const file of databaseFiles(path)) rmSync(file, { force: true })
}

function replace(path: string, reason: string): MetadataFile {
  removeMetadataFile(path)
  return create(path, reason)
}

function create(path: string, replaced: string | null): MetadataFile {
  let db: Database.Database | undefined
  try {
    db = connect(path)
    const digests = PageDigests.create(path)
    db.exec(`BEGIN; ${schema}; PRAGMA user_version = ${schemaVersion}; COMMIT`)
    digests.fold(db)
    return opened(db, digests, replaced)
  } catch (error) {
    db?.close()
    if (error instanceof AnnalsError) throw error
    throw new AnnalsError(
      'projection_failed',
      `The metadata in ${path} cannot be created: ${messageOf(error)}.`,
      {
        hint: 'Check that the folder is writable and that its disk is not full. The log is not concerned.',
        cause: error,
      },
    )
  }
}

function connect(path: string): Database.Database {
  const db = new Database(path)
  // NORMAL may lose the newest transactions in a power cut, but never breaks: the log has them, and the
  // checkpoint row, which goes with them, says from where to apply it again.
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = NORMAL')
  // Folding is ours alone: see page-digests.ts.
  db.pragma('wal_autocheckpoint = 0')
  db.pragma('temp_store = MEMORY')
  db.pragma('cache_size = -32000')
  registerFilterFunctions(db)
  return db
}

function opened(db: Database.Database, digests: PageDigests, replaced: string | null): MetadataFile {
  const file = new DiskMetadataFile(db, digests, replaced)
  if (openFiles.size === 0) process.on('exit', closeAll)
  openFiles.add(file)
  return file
}

class DiskMetadataFile implements MetadataFile {
  readonly db: Database.Database
  readonly replaced: string | null
  readonly #digests: PageDigests
  #folding: Promise<boolean> | null = null
  #isClosing = false

  constructor(db: Database.Database, digests: PageDigests, replaced: string | null) {
    this.db = db
    this.#digests = digests
    this.replaced = replaced
  }

  walBytes(): number {
    return this.#digests.walBytes()
  }

  async fold(): Promise<boolean> {
    // Not `settled`: between its end and the next line another fold could begin.
    while (this.#folding !== null) await this.#folding.catch(() => undefined)
    if (this.#isClosing) return false
    const folding = this.#digests.foldInTurns(this.db)
    this.#folding = folding
    try {
      return await folding
    } finally {
      this.#folding = null
    }
  }

  async settled(): Promise<void> {
    while (this.#folding !== null) await this.#folding.catch(() => undefined)
  }

  async close(): Promise<void> {
    this.#isClosing = true
    await this.settled()
    // What fails here fails again in the last fold.
    await this.#digests.foldInTurns(this.db).catch(() => undefined)
    await this.#digests.endThread()
    this.closeNow()
  }

  /** For a process that ends and cannot wait. */
  closeNow(): void {
    openFiles.delete(this)
    if (openFiles.size === 0) process.off('exit', closeAll)
    this.#digests.close(this.db)
  }
}

// A process that ends without closing its stores: SQLite would fold its log by itself, of which no digest
// would know, and the next opening would have to derive everything anew.
const openFiles = new Set<DiskMetadataFile>()

function closeAll(): void {
  for (const file of openFiles) {
    try {
      file.closeNow()
    } catch (error) {
      process.emitWarning(messageOf(error), { type: 'AnnalsWarning', code: 'ANNALS_MAINTENANCE' })
    }
  }
}
