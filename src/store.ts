import { existsSync, mkdirSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { certify, type Erasure } from './audit/certificate.ts'
import { Prover } from './audit/prover.ts'
import { type Outcome, Writer } from './commands/writer.ts'
import { type Env, systemEnv } from './env.ts'
import { AnnalsError, messageOf } from './errors.ts'
import { writeDurably } from './files.ts'
import { backupListName } from './format/backup-list.ts'
import { limits } from './limits.ts'
import { DiskMedium } from './log/disk-medium.ts'
import type { Medium } from './log/medium.ts'
import { MemoryMedium } from './log/memory-medium.ts'
import { OutdatedLog, openLog } from './log/open-log.ts'
import type { OperationLog, Recovery, RecoveryReport } from './log/operation-log.ts'
import { Pins } from './log/pins.ts'
import { Caretaker } from './maintenance/caretaker.ts'
import { Redactor } from './maintenance/redactor.ts'
import { Reindexer } from './maintenance/reindexer.ts'
import { type RepairOptions, type RepairResult, repair } from './maintenance/repair.ts'
import { Sealer } from './maintenance/sealer.ts'
import { type VerifyOptions, type VerifyParts, type VerifyResult, verify } from './maintenance/verify.ts'
import { WalFolder } from './maintenance/wal-folder.ts'
import { BackupList } from './portability/backup-list.ts'
import { erasedBackups } from './portability/erased-backups.ts'
import { finishSwap, migrateFolder } from './portability/migrate.ts'
import { Catalog } from './projections/metadata/catalog.ts'
import { Manifest } from './projections/metadata/manifest.ts'
import {
  type MetadataFile,
  openMetadataFile,
  openMetadataInMemory,
  removeMetadataFile,
} from './projections/metadata/metadata-file.ts'
import { MetadataProjection } from './projections/metadata/metadata-projection.ts'
import { RecordTable } from './projections/metadata/record-table.ts'
import { Projector } from './projections/projector.ts'
import { SegmentBuilders } from './projections/vectors/segment-builder.ts'
import { VectorStore } from './projections/vectors/vector-store.ts'
import { Reader } from './readers/reader.ts'
import { makeTemporaryFolder, removeTemporaryFolder } from './temporary-folders.ts'
import type { WriteOptions } from './types.ts'

/** What a store can be told when it is opened. */
export interface StoreOptions {
  /** What to do about damage found in the log; default `tolerate-tail`. */
  recovery?: Recovery
  /** Bytes that loaded collections may hold together; default: half of the machine's memory. */
  memoryBudgetBytes?: number
  /** Bytes of the disk that stay free, whatever is written; default 64 MiB. */
  diskReserveBytes?: number
  /** Told how far the log has been applied, when opening must derive something again. */
  onProgress?: (progress: { position: number; head: number }) => void
  /** Clock, chance and disk space; for tests. */
  env?: Env
}

/** What restore, replay and migrate tell a store that they open. */
export interface FolderOptions extends StoreOptions {
  /** Whose log it shall be, where there is none yet. */
  identity?: { storeId: string; epoch: number }
  /** Leave the building of indexes to `buildIndexes` or to the next opening; default false. */
  indexLater?: boolean
}

/** What opening had to mend. */
export interface OpeningReport extends RecoveryReport {
  /** Why the metadata was derived anew; `null` when it was not. */
  metadataReplaced: string | null
}

/** One place where a store lives. */
interface Site {
  medium: Medium
  metadata: () => Promise<MetadataFile>
  /** Removes the metadata file, after it was closed. */
  removeMetadata: () => void
  segments: string
  /** Where the list of backups stands; `null` in memory. */
  backups: string | null
  /** Runs when the store is closed. */
  cleanUp: () => void
}

/**
 * An open store: its log, what is derived from it, and who works on both. This file alone wires the floors.
 *
 * What holds:
 * - The log is locked before anything else of the folder is touched.
 * - Nothing is served before every projection has applied the whole log.
 * - Closing goes from the top down: no new writes, no new work, projections, log.
 */
export class Store {
  readonly log: OperationLog
  readonly metadata: MetadataFile
  readonly catalog: Catalog
  readonly records: RecordTable
  readonly manifest: Manifest
  readonly vectors: VectorStore
  readonly projector: Projector
  readonly writer: Writer
  readonly reader: Reader
  readonly prover: Prover
  readonly pins: Pins = new Pins()
  readonly backups: BackupList
  readonly caretaker: Caretaker
  readonly reindexer: Reindexer
  readonly report: OpeningReport
  readonly #sealer: Sealer
  readonly #walFolder: WalFolder
  readonly #cleanUp: () => void
  #closing: Promise<void> | null = null

  private constructor(parts: OpenedParts, site: Site, options: FolderOptions) {
    const { log, metadata, projection, report } = parts
    const env = options.env ?? systemEnv
    this.log = log
    this.metadata = metadata
    this.report = report
    this.catalog = new Catalog(metadata.db)
    this.records = new RecordTable(metadata.db)
    this.manifest = new Manifest(metadata.db)
    const { catalog, records, manifest } = this
    const memoryBudgetBytes = options.memoryBudgetBytes ?? availableMemory() / 2
    this.vectors = new VectorStore({ log, records, manifest, folder: site.segments, memoryBudgetBytes })
    this.projector = new Projector(log, projection, this.vectors)
    this.writer = new Writer({ log, catalog, records, projector: this.projector, env })
    this.reader = new Reader({ log, catalog, records, vectors: this.vectors })
    this.prover = new Prover(log)
    // What is restored or migrated begins its list when it is opened afterwards: its records are older than that.
    this.backups = BackupList.open(options.identity === undefined ? site.backups : null, log)
    const builders = new SegmentBuilders()
    this.#sealer = new Sealer({
      projector: this.projector,
      catalog,
      manifest,
      vectors: this.vectors,
      builders,
      transaction: (work) => metadata.db.transaction(work)(),
      rested: (row) => this.reindexer.mergeGathered(row),
      warn,
    })
    this.#walFolder = new WalFolder(this.projector, metadata, warn)
    this.#cleanUp = site.cleanUp
    const redactor = new Redactor({
      log,
      catalog,
      manifest,
      metadata,
      vectors: this.vectors,
      builders,
      exclusive: (job) => this.writer.exclusive(job),
      alone: (row, work) => this.#sealer.alone(row, work),
    })
    this.reindexer = new Reindexer({
      catalog,
      manifest,
      vectors: this.vectors,
      builders,
      writer: this.writer,
      sealer: this.#sealer,
      warn: (message) => this.isClosed || warn(message),
      transaction: (work) => metadata.db.transaction(work)(),
    })
    this.caretaker = new Caretaker({ log, catalog, records, pins: this.pins, env }, this.writer, redactor)
  }

  /** Opens the store in `folder`, creating it where there is none. */
  static async openFolder(folder: string, options: FolderOptions = {}): Promise<Store> {
    finishSwap(folder, 0)
    try {
      return await Store.#openFolder(folder, options)
    } catch (error) {
      if (!(error instanceof OutdatedLog)) throw error
      await Store.#migrate(folder, error.version, options)
      return Store.#openFolder(folder, options)
    }
  }

  /** Puts a store of today's format in the place of one in an older format. */
  static #migrate(folder: string, version: number, options: FolderOptions): Promise<void> {
    const { env = systemEnv, diskReserveBytes: reserveBytes = limits.diskReserveBytes } = options
    return migrateFolder(folder, version, {
      medium: new DiskMedium(join(folder, 'log'), { reserveBytes, env }),
      create: (copy, identity) => Store.#openFolder(copy, { ...options, identity, indexLater: true }),
      onProgress: options.onProgress,
    })
  }

  static #openFolder(folder: string, options: FolderOptions): Promise<Store> {
    const env = options.env ?? systemEnv
    const reserveBytes = options.diskReserveBytes ?? limits.diskReserveBytes
    const path = join(folder, 'metadata.sqlite3')
    try {
      mkdirSync(folder, { recursive: true })
    } catch (error) {
      const message = `The folder ${folder} cannot be created: ${messageOf(error)}.`
      return Promise.reject(new AnnalsError('log_unavailable', message, { cause: error }))
    }
    if (
      existsSync(path) &&
      !existsSync(join(folder, 'log')) &&
      (options.recovery ?? 'tolerate-tail') === 'tolerate-tail'
    )
      return Promise.reject(logMissing(folder))
    const site: Site = {
      medium: new DiskMedium(join(folder, 'log'), { reserveBytes, env }),
      metadata: () => openMetadataFile(path),
      removeMetadata: () => removeMetadataFile(path),
      segments: join(folder, 'segments'),
      backups: join(folder, backupListName),
      cleanUp: () => undefined,
    }
    return Store.#open(site, options, join(folder, 'recovery-report.json'))
  }

  /** Opens a store in memory; graphs of large collections pass through a temporary folder. */
  static openInMemory(options: StoreOptions = {}): Promise<Store> {
    const folder = makeTemporaryFolder()
    const site: Site = {
      medium: new MemoryMedium(),
      metadata: async () => openMetadataInMemory(),
      removeMetadata: () => undefined,
      segments: join(folder, 'segments'),
      backups: null,
      cleanUp: () => removeTemporaryFolder(folder),
    }
    return Store.#open(site, options, null)
  }

  static async #open(site: Site, options: FolderOptions, reportFile: string | null): Promise<Store> {
    const parts = await openParts(site, options)
    const store = new Store(parts, site, options)
    if (options.indexLater === true) store.#sealer.pause()
    try {
      if (reportFile !== null) store.#writeReport(reportFile)
      store.vectors.removeRubbish()
      await store.projector.catchUp((position, head) => options.onProgress?.({ position, head }))
      setImmediate(() => store.#sealer.lookAtAll())
      store.#resumeRedactions()
      return store
    } catch (error) {
      await store.close().catch(() => undefined)
      throw error
    }
  }

  #resumeRedactions(): void {
    if (this.catalog.openRedactions().length === 0) return
    this.caretaker.resume().catch((error: unknown) => {
      if (!this.isClosed) warn(`What was erased may still stand in files: ${messageOf(error)}`)
    })
  }

  // Before anything is derived from what is left: what was given up must not go unsaid.
  #writeReport(file: string): void {
    const { lost, truncatedTo } = this.report
    if (lost.length === 0 && truncatedTo === null) return
    writeDurably(file, Buffer.from(JSON.stringify({ at: new Date(), ...this.report }, null, 2)))
  }

  get isClosed(): boolean {
    return this.#closing !== null
  }

  /** Collections that are being sealed right now. */
  get sealing(): number {
    return this.#sealer.busy
  }

  /**
   * Makes a new collection with the live records of another one. Once it is there, it is there for good; that it
   * shares the source's segments is only for speed, and is made up for in the background where it fails.
   */
  async fork(what: { source: string; name: string }, write: WriteOptions): Promise<Outcome> {
    const outcome = await this.writer.submit({ command: { kind: 'fork', ...what }, options: write })
    const fork = outcome.collection === null ? undefined : this.catalog.collectionById(outcome.collection)
    if (fork !== undefined) await this.#sealer.share(fork).catch(() => undefined)
    return outcome
  }

  /** Takes records out of all of history, certifies it, and names the backups that still hold them. */
  async erase(
    what: { collection: string; ids: string[]; forks: boolean },
    write: WriteOptions,
  ): Promise<Erasure> {
    const { receipt, bytes } = await this.caretaker.erase(what, write)
    const { position, count } = receipt
    const record = count === 0 ? null : await this.log.read(position)
    if (record?.type !== 'erase')
      return { receipt, bytes, certificate: null, backups: [], backupsComplete: true }
    const facts = {
      collection: what.collection,
      ids: record.ids,
      payloads: record.payloads,
      forks: record.forks ?? [],
      lineage: this.catalog.ancestry([what.collection, ...(record.forks ?? []).map((one) => one.collection)]),
      before: position - count,
      position,
    }
    const certificate = await certify(this.prover, facts)
    const newestOf = (collection: string, id: string) => {
      const row = this.catalog.everById(collection)
      return row === undefined ? 0 : this.records.newestPosition(row.key, id)
    }
    return { receipt, bytes, certificate, ...(await erasedBackups({ ...this, newestOf }, record)) }
  }

  /** Waits for all writes handed in so far and all sealing, and folds the metadata's write-ahead log. */
  async flush(): Promise<void> {
    await this.writer.drained()
    // After opening, what was left unsealed is looked for in a later turn: perhaps not yet.
    this.#sealer.lookAtAll()
    await this.#sealer.idle()
    this.metadata.fold()
  }

  /** Lets indexes be built in the background, where `indexLater` put it off. */
  resumeIndexing(): void {
    this.#sealer.resume()
  }

  /** Builds the indexes that were put off by `indexLater`, and waits for them. */
  async buildIndexes(): Promise<void> {
    this.#sealer.resume()
    await this.flush()
  }

  /** Compares everything that the store holds with what it should hold. */
  verify(options?: VerifyOptions): Promise<VerifyResult> {
    return this.#whileOpen(verify(this.#verifyParts(), options))
  }

  /** Puts right whatever is derived from the log. */
  repair(options?: RepairOptions): Promise<RepairResult> {
    const idle = () => this.#sealer.idle()
    const forget = () => this.reader.forget()
    return this.#whileOpen(repair({ ...this.#verifyParts(), idle, forget }, options))
  }

  /** Waits for accepted writes, then releases everything; idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Whatever fails because the store was closed meanwhile fails for that reason. */
  #whileOpen<T>(work: Promise<T>): Promise<T> {
    return work.catch((cause: unknown) => {
      throw this.isClosed
        ? new AnnalsError('store_closed', 'The store was closed meanwhile.', { cause })
        : cause
    })
  }

  #verifyParts(): VerifyParts {
    const { log, metadata, manifest, vectors, report, projector } = this
    const isApplying = () => projector.isApplying
    const settled = (collection: string) => this.#sealer.settled(collection)
    const { metadataReplaced } = report
    return { log, metadata, manifest, vectors, settled, isApplying, metadataReplaced }
  }

  async #close(): Promise<void> {
    await this.writer.close()
    await this.reader.idle()
    await this.caretaker.settled()
    this.projector.close()
    this.#walFolder.stop()
    await this.#sealer.stop()
    this.vectors.close()
    try {
      this.metadata.close()
    } finally {
      await this.log.close()
      this.#cleanUp()
    }
  }
}

interface OpenedParts {
  log: OperationLog
  metadata: MetadataFile
  projection: MetadataProjection
  report: OpeningReport
}

/** Locks the log, then opens the metadata, then compares the two. */
async function openParts(site: Site, options: FolderOptions): Promise<OpenedParts> {
  const { env = systemEnv, recovery = 'tolerate-tail', identity } = options
  let metadata: MetadataFile | undefined
  let log: OperationLog | undefined
  const openMetadata = async (): Promise<MetadataProjection> => {
    metadata = await site.metadata()
    return new MetadataProjection(metadata.db)
  }
  try {
    let projection: MetadataProjection | undefined
    const mark = async () => {
      projection = await openMetadata()
      return projection.mark
    }
    const opened = await openLog(site.medium, { env, recovery, mark, identity })
    log = opened.log
    let metadataReplaced = metadata!.replaced
    if (wasReplaced(opened.report, log, projection!)) {
      metadataReplaced = 'the log was recovered, and is not the one that was applied'
      metadata!.close()
      site.removeMetadata()
      projection = await openMetadata()
    }
    return {
      log,
      metadata: metadata!,
      projection: projection!,
      report: { ...opened.report, metadataReplaced },
    }
  } catch (error) {
    metadata?.close()
    await log?.close()
    throw error
  }
}

function wasReplaced(report: RecoveryReport, log: OperationLog, { mark }: MetadataProjection): boolean {
  const recovered = report.lost.length > 0 || report.truncatedTo !== null
  return recovered || (mark !== null && mark.storeId !== log.storeId)
}

// A store that has lost its log, or a folder that is not a store: neither is to be begun anew over.
function logMissing(folder: string): AnnalsError {
  return new AnnalsError(
    'log_missing',
    `The folder ${folder} holds a metadata.sqlite3, but no operation log.`,
    {
      hint: 'If it is a store, it is its log: put the folder log back, or restore from a backup. Otherwise choose another folder.',
    },
  )
}

/** The machine's memory, or the part of it that this process may use. */
function availableMemory(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

function warn(message: string): void {
  process.emitWarning(message, { type: 'AnnalsWarning', code: 'ANNALS_MAINTENANCE' })
}
