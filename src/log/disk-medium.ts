import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Level } from 'level'
import type { Env } from '../env.ts'
import { AnnalsError, messageOf } from '../errors.ts'
import { fileBytes, syncFolder } from '../files.ts'
import { type BinaryLevel, binaryEncodings, LevelHandle } from './level-handle.ts'
import type { Entry, EntryRange, Handle, KeyRange, Medium } from './medium.ts'

/** Time stamps of a folder are this coarse: within it, two changes may look like one. */
const folderClockMs = 20

/** LevelDB's own logs and its tables. */
const dataFile = /^\d+\.(log|ldb|sst)$/

export interface DiskMediumOptions {
  /** Free bytes that must remain on the disk. */
  reserveBytes: number
  env: Env
}

/**
 * A folder that LevelDB keeps.
 *
 * What it adds to LevelDB:
 * - A folder that has lost its `CURRENT` is never opened as a new database: LevelDB would remove the rest.
 * - The folder is fsynced after LevelDB has begun a new file in it and before a write counts as durable.
 * - A reserve of disk space: LevelDB loses acknowledged writes once it has met a full disk.
 * - Errors in the store's own words, the lock's above all.
 */
export class DiskMedium implements Medium {
  readonly name: string
  readonly #folder: string
  readonly #options: DiskMediumOptions

  constructor(folder: string, options: DiskMediumOptions) {
    this.#folder = folder
    this.name = folder
    this.#options = options
  }

  async open(options: { repair?: boolean } = {}): Promise<Handle> {
    try {
      return await this.#open(options)
    } catch (error) {
      throw error instanceof AnnalsError ? error : this.#openError(error)
    }
  }

  async #open({ repair = false }: { repair?: boolean }): Promise<Handle> {
    mkdirSync(this.#folder, { recursive: true })
    syncFolder(dirname(this.#folder))
    const present = readdirSync(this.#folder)
    if (!repair) this.#refuseBeheaded(present)
    else if (present.some((file) => dataFile.test(file))) await repairLevel(this.#folder)
    const recoveredBytes = this.#walBytes()
    const db = new Level<Buffer, Buffer>(this.#folder, { ...binaryEncodings })
    await db.open()
    syncFolder(this.#folder)
    return new DiskHandle(db as unknown as BinaryLevel, this.#folder, recoveredBytes)
  }

  admit(bytes: number): void {
    const free = this.#freeBytes()
    const { reserveBytes } = this.#options
    // LevelDB writes everything twice before it can drop the first copy: its own log, then a table.
    if (free - 2 * bytes >= reserveBytes) return
    throw new AnnalsError(
      'disk_full',
      `The disk of ${this.#folder} has ${free} bytes free; a write of ${bytes} bytes would eat into the reserve of ${reserveBytes}.`,
      { fate: 'not_written', hint: 'Free some space and repeat the write; reading goes on.' },
    )
  }

  #freeBytes(): number {
    try {
      return this.#options.env.freeBytes(this.#folder)
    } catch (error) {
      const message = `The free space of ${this.#folder} cannot be told: ${messageOf(error)}.`
      throw new AnnalsError('log_unavailable', message, { fate: 'not_written', cause: error })
    }
  }

  #walBytes(): number {
    const logs = readdirSync(this.#folder).filter((file) => /^\d+\.log$/.test(file))
    return logs.reduce((sum, file) => sum + (fileBytes(join(this.#folder, file)) ?? 0), 0)
  }

  #refuseBeheaded(present: string[]): void {
    // A MANIFEST alone is what a process leaves that was killed while LevelDB created the database.
    if (!present.some((file) => dataFile.test(file)) || present.includes('CURRENT')) return
    throw new AnnalsError('log_damaged', `The operation log in ${this.#folder} has lost its file CURRENT.`, {
      hint: 'Restore from a backup, or open with recovery "salvage", which rebuilds what LevelDB needs.',
    })
  }

  /** Whether there are tables, but no MANIFEST that says what they are. */
  #lacksManifest(): boolean {
    const present = existsSync(this.#folder) ? readdirSync(this.#folder) : []
    return (
      present.some((file) => dataFile.test(file)) && !present.some((file) => file.startsWith('MANIFEST-'))
    )
  }

  #openError(error: unknown): AnnalsError {
    const code = causeCode(error)
    if (code === 'LEVEL_LOCKED')
      return new AnnalsError(
        'store_locked',
        `The store in ${dirname(this.#folder)} is open in another process.`,
        {
          hint: 'One process at a time: close the other one. A process that died holds no lock.',
          cause: error,
        },
      )
    if (code === 'LEVEL_CORRUPTION' || code === 'LEVEL_INVALID_ARGUMENT' || this.#lacksManifest())
      return new AnnalsError('log_damaged', `LevelDB cannot open ${this.#folder}: ${deepMessage(error)}.`, {
        hint: 'Restore from a backup, or open with recovery "salvage".',
        cause: error,
      })
    return new AnnalsError('log_unavailable', `LevelDB cannot open ${this.#folder}: ${deepMessage(error)}.`, {
      hint: 'Check that the folder exists, is writable and that its disk is not full.',
      cause: error,
    })
  }
}

/** `LevelHandle` that makes new files in the folder durable before a write counts. */
class DiskHandle implements Handle {
  readonly #level: LevelHandle
  readonly #folder: string
  #syncedAtMs: number
  #folderChangedMs: number

  constructor(db: BinaryLevel, folder: string, recoveredBytes: number) {
    this.#level = new LevelHandle(db, recoveredBytes)
    this.#folder = folder
    this.#folderChangedMs = statSync(folder).mtimeMs
    this.#syncedAtMs = Date.now()
  }

  get recoveredBytes(): number {
    return this.#level.recoveredBytes
  }

  get(key: Buffer): Promise<Buffer | undefined> {
    return this.#level.get(key)
  }

  getMany(keys: Buffer[]): Promise<(Buffer | undefined)[]> {
    return this.#level.getMany(keys)
  }

  entries(range: EntryRange): Promise<Entry[]> {
    return this.#level.entries(range)
  }

  async write(puts: readonly Entry[], removals?: readonly Buffer[]): Promise<void> {
    await this.#level.write(puts, removals)
    this.#syncNewFiles()
  }

  async compact(range: KeyRange): Promise<void> {
    await this.#level.compact(range)
    this.#syncNewFiles()
  }

  close(): Promise<void> {
    return this.#level.close()
  }

  // LevelDB fsyncs the file it begins, but not the folder that names it: after a power cut the file, and the
  // writes in it, may be gone. A changed folder shows in its modification time, up to that clock's coarseness.
  #syncNewFiles(): void {
    const changedMs = statSync(this.#folder).mtimeMs
    const unchanged = changedMs === this.#folderChangedMs && this.#syncedAtMs - changedMs > folderClockMs
    if (unchanged) return
    this.#syncedAtMs = Date.now()
    syncFolder(this.#folder)
    this.#folderChangedMs = changedMs
  }
}

// LevelDB's own repair: it writes a new MANIFEST from the tables and logs it can read. Missing from level's types.
function repairLevel(folder: string): Promise<void> {
  return (Level as unknown as { repair(location: string): Promise<void> }).repair(folder)
}

function causeCode(error: unknown): string | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: string }
    if (code !== undefined && code !== 'LEVEL_DATABASE_NOT_OPEN') return code
  }
  return undefined
}

function deepMessage(error: unknown): string {
  return error instanceof Error && error.cause !== undefined ? deepMessage(error.cause) : messageOf(error)
}
