import { totalmem } from 'node:os'
import { certify, type Erasure } from './audit/certificate.ts'
import { Prover } from './audit/prover.ts'
import type { Outcome } from './commands/command.ts'
import { Writer } from './commands/writer.ts'
import { systemEnv } from './env.ts'
import { AnnalsError, messageOf } from './errors.ts'
import { OutdatedLog } from './log/open-log.ts'
import type { OperationLog } from './log/operation-log.ts'
import { Pins } from './log/pins.ts'
import { Caretaker } from './maintenance/caretaker.ts'
import { Redactor } from './maintenance/redactor.ts'
import { Reindexer } from './maintenance/reindexer.ts'
import { type RepairOptions, type RepairResult, repair } from './maintenance/repair.ts'
import { Sealer } from './maintenance/sealer.ts'
import { type VerifyOptions, type VerifyParts, type VerifyResult, verify } from './maintenance/verify.ts'
import { WalFolder } from './maintenance/wal-folder.ts'
import {
  type FolderOptions,
  folderMedium,
  folderSite,
  memorySite,
  type OpenedSite,
  type OpeningReport,
  openSite,
  type Site,
  type StoreOptions,
  saveReport,
} from './opening.ts'
import { BackupList } from './portability/backup-list.ts'
import { erasedBackups } from './portability/erased-backups.ts'
import { finishSwap, migrateFolder } from './portability/migrate.ts'
import { Catalog } from './projections/metadata/catalog.ts'
import { Manifest } from './projections/metadata/manifest.ts'
import type { MetadataFile } from './projections/metadata/metadata-file.ts'
import { RecordTable } from './projections/metadata/record-table.ts'
import { Projector } from './projections/projector.ts'
import { SegmentBuilders } from './projections/vectors/segment-builders.ts'
import { VectorStore } from './projections/vectors/vector-store.ts'
import { Reader } from './readers/reader.ts'
import type { WriteOptions } from './types.ts'

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

  private constructor(opened: OpenedSite, site: Site, options: FolderOptions) {
    const { log, metadata, projection, report } = opened
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
    this.projector = new Projector(log, projection, this.vectors, () => metadata.settled())
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
    return migrateFolder(folder, version, {
      medium: folderMedium(folder, options),
      create: (copy, identity) => Store.#openFolder(copy, { ...options, identity, indexLater: true }),
      onProgress: options.onProgress,
    })
  }

  static async #openFolder(folder: string, options: FolderOptions): Promise<Store> {
    return Store.#open(folderSite(folder, options), options)
  }

  /** Opens a store in memory; graphs of large collections pass through a temporary folder. */
  static openInMemory(options: StoreOptions = {}): Promise<Store> {
    return Store.#open(memorySite(), options)
  }

  static async #open(site: Site, options: FolderOptions): Promise<Store> {
    const store = new Store(await openSite(site, options), site, options)
    if (options.indexLater === true) store.#sealer.pause()
    try {
      // Before anything is derived from what is left: what was given up must not go unsaid.
      saveReport(site, store.report)
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
    await this.metadata.fold()
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
    const catchUp = () => this.writer.exclusive(() => this.projector.catchUp())
    return this.#whileOpen(repair({ ...this.#verifyParts(), idle, forget, catchUp }, options))
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
    const applied = () => projector.settled()
    const settled = (collection: string) => this.#sealer.settled(collection)
    const { metadataReplaced } = report
    return { log, metadata, manifest, vectors, settled, isApplying, applied, metadataReplaced }
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
      await this.metadata.close()
    } finally {
      await this.log.close()
      this.#cleanUp()
    }
  }
}

/** The machine's memory, or the part of it that this process may use. */
function availableMemory(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

function warn(message: string): void {
  process.emitWarning(message, { type: 'AnnalsWarning', code: 'ANNALS_MAINTENANCE' })
}
