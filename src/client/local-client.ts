import type { KeyObject } from 'node:crypto'
import type { Erasure } from '../audit/certificate.ts'
import { type IssuedCheckpoint, issueCheckpoint, originOf } from '../audit/checkpoint.ts'
import { Diff, type Difference, openDiff } from '../audit/diff.ts'
import { type LogLine, logLines } from '../audit/log-entries.ts'
import type { ConsistencyProof, InclusionProof } from '../audit/proofs.ts'
import type { ProofOptions } from '../audit/prover.ts'
import type { CareCommand, CatalogCommand, Outcome } from '../commands/command.ts'
import { validateWriteOptions } from '../commands/validate.ts'
import { limits } from '../limits.ts'
import type { VacuumOptions, VacuumReport } from '../maintenance/caretaker.ts'
import type { ReindexOptions, ReindexReport } from '../maintenance/reindexer.ts'
import type { RepairOptions, RepairResult } from '../maintenance/repair.ts'
import type { VerifyOptions, VerifyResult } from '../maintenance/verify.ts'
import { exactMetadata, type MetadataForm, plainMetadata } from '../metadata-form.ts'
import { databaseNotFound, tenantNotFound } from '../not-found.ts'
import { packageVersion } from '../package-version.ts'
import type { BackupOptions, BackupReport } from '../portability/backup.ts'
import { type CollectionRow, collectionInfo } from '../projections/metadata/rows.ts'
import { type ChangeFeed, type ChangeOptions, changeFeed } from '../readers/changes.ts'
import { checkPoint } from '../readers/read-request.ts'
import type { Store } from '../store.ts'
import type { Point, Retention, WriteOptions, WriteReceipt } from '../types.ts'
import { checkRetention } from '../validation/retention.ts'
import { checkInteger, checkName, checkText } from '../validation/values.ts'
import { changeAnswer, differenceAnswer } from './answers.ts'
import type {
  Client,
  CreateCollectionOptions,
  Database,
  EraseOptions,
  GetCollectionOptions,
  ListOptions,
  LogOptions,
  ReadableClient,
  RetentionSettings,
  StoreStats,
  Tag,
  Tenant,
} from './api.ts'
import { checkProofOptions, checkRepairOptions, checkVerifyOptions } from './audit-options.ts'
import { backupStore } from './backup-store.ts'
import { CallOrder } from './call-order.ts'
import { changeOptions, validateChangeOptions } from './change-options.ts'
import {
  checkCreation,
  checkDatabase,
  checkErasure,
  checkNamed,
  checkRetentionScope,
  checkSought,
  checkSoughtId,
  checkVacuum,
} from './client-requests.ts'
import { type ClientScope, scopeOf, scopeWithin } from './client-scope.ts'
import { ClientView, checkPage, collectionNamed, collectionWithId } from './client-view.ts'
import type { Collection } from './collection-api.ts'
import { chooseFor, type GivenFunction } from './embedding-choice.ts'
import { LeasedStore, type StoreLease } from './leased-store.ts'
import { LocalCollection } from './local-collection.ts'
import { checkLogOptions, logSelection } from './log-options.ts'
import { collectionMeant, operationsIn, operationsMeant } from './operation-scope.ts'
import { checkReindexOptions } from './reindex-options.ts'
import { retentionSettings } from './retention-settings.ts'
import { positionOf, ReadPoint, resolveBoth, type Session } from './session.ts'
import { storeStats } from './stats.ts'

/** A client of a store in this process: everything that needs no network. */
export class LocalClient implements Client, Session {
  readonly tenant: string
  readonly database: string
  readonly order: CallOrder = new CallOrder()
  readonly form: MetadataForm
  readonly #leased: LeasedStore

  constructor(lease: StoreLease, scope: ClientScope, form: MetadataForm = plainMetadata) {
    const { tenant, database } = scopeOf(scope)
    this.#leased = new LeasedStore(lease)
    this.form = form
    this.tenant = tenant
    this.database = database
  }

  store(): Promise<Store> {
    return this.#leased.store()
  }

  async open(): Promise<void> {
    await this.store()
  }

  scope(scope: ClientScope): LocalClient {
    return new LocalClient(this.#leased.lend(), scopeWithin(this, scope), this.form)
  }

  /**
   * The same store, tenant and database, answering exact metadata: `2.0` as a `WholeFloat`, from every read. This
   * switches the server to exact numbers; its scopes and collections answer them, too. (Every client accepts them.)
   * Not part of the public API. Closing it leaves this client open.
   */
  withExactNumbers(): LocalClient {
    return new LocalClient(this.#leased.lend(), this, exactMetadata)
  }

  async flush(): Promise<void> {
    const store = await this.store()
    await this.order.passed()
    await store.flush()
  }

  close(): Promise<void> {
    return this.#leased.close(() => this.order.passed())
  }

  async stats(): Promise<StoreStats> {
    const store = await this.store()
    // What is being applied could not be read yet.
    await store.projector.settled()
    return storeStats(store, this.#leased.path)
  }

  async backup(target: string, options: BackupOptions = {}): Promise<BackupReport> {
    return backupStore(await this.store(), target, options)
  }

  async heartbeat(): Promise<number> {
    return Date.now() * 1_000_000
  }

  async version(): Promise<string> {
    return packageVersion()
  }

  async getMaxBatchSize(): Promise<number> {
    return limits.recordsPerWriteMax
  }

  createCollection(options: CreateCollectionOptions, write?: WriteOptions): Promise<Collection> {
    return this.#create(options, write, false)
  }

  getOrCreateCollection(options: CreateCollectionOptions, write?: WriteOptions): Promise<Collection> {
    return this.#create(options, write, true)
  }

  async getCollection(options: GetCollectionOptions): Promise<Collection> {
    const store = await this.store()
    return this.#collection(collectionNamed(store, this, options, null), options.embeddingFunction)
  }

  async getCollectionById(options: { id: string; embeddingFunction?: GivenFunction }): Promise<Collection> {
    const id = checkSoughtId(options)
    const store = await this.store()
    return this.#collection(collectionWithId(store, this, id, null), options.embeddingFunction)
  }

  async listCollections(options?: ListOptions): Promise<Collection[]> {
    const page = checkPage(options, 'listCollections')
    const { catalog } = await this.store()
    const rows = catalog.collections(this.tenant, this.database, null, page)
    return rows.map((row) => this.#collection(row, undefined))
  }

  async countCollections(): Promise<number> {
    return (await this.store()).catalog.countCollections(this.tenant, this.database)
  }

  deleteCollection(options: { name: string }, write?: WriteOptions): Promise<WriteReceipt> {
    return this.#receipt(() => {
      const name = checkSought(options, 'deleteCollection')
      return { kind: 'delete-collection', tenant: this.tenant, database: this.database, name }
    }, write)
  }

  createTenant(options: { name: string }, write?: WriteOptions): Promise<WriteReceipt> {
    return this.#receipt(
      () => ({ kind: 'create-tenant', tenant: checkName(checkNamed(options, 'createTenant').name, 'name') }),
      write,
    )
  }

  async getTenant(options: { name: string }): Promise<Tenant> {
    const name = checkSought(options, 'getTenant')
    if ((await this.store()).catalog.hasTenant(name)) return { name }
    throw tenantNotFound(name)
  }

  async listTenants(options?: ListOptions): Promise<Tenant[]> {
    const page = checkPage(options, 'listTenants')
    return (await this.store()).catalog.tenants(page)
  }

  createDatabase(options: { name: string; tenant?: string }, write?: WriteOptions): Promise<WriteReceipt> {
    return this.#receipt(() => ({ kind: 'create-database', ...checkDatabase(options, this.tenant) }), write)
  }

  async getDatabase(options: { name: string; tenant?: string }): Promise<Database> {
    const { tenant, database } = checkDatabase(options, this.tenant)
    const row = (await this.store()).catalog.database(tenant, database)
    if (row !== undefined) return { id: row.id, name: row.name, tenant: row.tenant }
    throw databaseNotFound(tenant, database)
  }

  async listDatabases(given?: ListOptions & { tenant?: string }): Promise<Database[]> {
    const options = given ?? {}
    const page = checkPage(options, 'listDatabases', ['tenant'])
    const tenant = checkName(options.tenant ?? this.tenant, 'tenant')
    const rows = (await this.store()).catalog.databases(tenant, null, page)
    return rows.map(({ id, name }) => ({ id, name, tenant }))
  }

  deleteDatabase(options: { name: string; tenant?: string }, write?: WriteOptions): Promise<WriteReceipt> {
    return this.#receipt(() => ({ kind: 'delete-database', ...checkDatabase(options, this.tenant) }), write)
  }

  async tag(name: string, point: Point, write?: WriteOptions): Promise<WriteReceipt> {
    const checked = checkName(name, 'tag')
    const at = await positionOf(await this.store(), checkPoint(point))
    return this.#receipt(() => ({ kind: 'create-tag', name: checked, at }), write)
  }

  async listTags(): Promise<Tag[]> {
    return (await this.store()).catalog.tags().map(({ name, position }) => ({ name, position }))
  }

  deleteTag(name: string, write?: WriteOptions): Promise<WriteReceipt> {
    return this.#receipt(
      () => ({ kind: 'delete-tag', name: checkText(name, 'tag', limits.nameLengthMax) }),
      write,
    )
  }

  async setRetention(
    retention: Retention,
    options: { collection?: string } = {},
    write?: WriteOptions,
  ): Promise<WriteReceipt> {
    const checked = checkRetention(retention)
    const named = checkRetentionScope(options)
    const { catalog } = await this.store()
    const collection = named === undefined ? null : collectionMeant(catalog, this, named)
    return this.#receipt(() => ({ kind: 'set-retention', collection, retention: checked }), write)
  }

  async getRetention(): Promise<RetentionSettings> {
    return retentionSettings(await this.store(), this)
  }

  async vacuum(options: VacuumOptions = {}, write?: WriteOptions): Promise<VacuumReport> {
    const who = checkVacuum(options, write)
    return (await this.store()).caretaker.vacuum(options, who)
  }

  async erase(options: EraseOptions, write?: WriteOptions): Promise<Erasure> {
    const { collection: named, ids, forks } = checkErasure(options)
    const store = await this.store()
    const collection = collectionMeant(store.catalog, this, named)
    return store.erase({ collection, ids, forks }, validateWriteOptions(write))
  }

  async compact(options: ReindexOptions = {}): Promise<Record<string, ReindexReport>> {
    const checked = checkReindexOptions(options, [])
    const { catalog, reindexer } = await this.store()
    const reports: Record<string, ReindexReport> = {}
    for (const { id } of catalog.liveCollections()) reports[id] = await reindexer.compact(id, checked)
    return reports
  }

  asOf(point: Point): ReadableClient {
    return new ClientView(this, new ReadPoint(checkPoint(point)))
  }

  changes(options: ChangeOptions & { collection?: string } = {}): ChangeFeed {
    validateChangeOptions(options, [...changeOptions, 'collection'])
    return changeFeed(async () => {
      const store = await this.store()
      return {
        log: store.log,
        projector: store.projector,
        selects: operationsMeant(store.catalog, this, options.collection),
        tells: (change) => changeAnswer(change, this.form),
      }
    }, options)
  }

  diff(from: Point, to: Point): Diff {
    const points = [checkPoint(from), checkPoint(to)] as const
    return new Diff(async () => {
      const store = await this.store()
      const selects = operationsIn(store.catalog, this)
      const request = { ...(await resolveBoth(store, points)), selects }
      return openDiff(
        store,
        request,
        (difference): difference is Difference => difference !== null,
        (difference) => differenceAnswer(difference, this.form),
      )
    })
  }

  log(options?: LogOptions): AsyncIterable<LogLine> {
    const checked = checkLogOptions(options)
    const open = async function* (this: LocalClient): AsyncGenerator<LogLine, void, undefined> {
      const store = await this.store()
      yield* logLines(store, await logSelection(store, this, checked))
    }
    return { [Symbol.asyncIterator]: () => open.call(this) }
  }

  async proof(position: number, options?: ProofOptions): Promise<InclusionProof> {
    const checked = checkProofOptions(options)
    return (await this.store()).prover.inclusion(checkInteger(position, 'position', 1), checked)
  }

  async consistency(from: number, to?: number): Promise<ConsistencyProof> {
    const first = checkInteger(from, 'from', 0)
    const second = to === undefined ? undefined : checkInteger(to, 'to', 0)
    const { prover, log } = await this.store()
    return prover.consistency(first, second ?? log.head)
  }

  async checkpoint(privateKey?: KeyObject | string): Promise<IssuedCheckpoint> {
    const { log, prover } = await this.store()
    return issueCheckpoint(originOf(log), await prover.head(log.head), privateKey)
  }

  async verify(options?: VerifyOptions): Promise<VerifyResult> {
    checkVerifyOptions(options)
    return (await this.store()).verify(options)
  }

  async repair(options?: RepairOptions): Promise<RepairResult> {
    checkRepairOptions(options)
    return (await this.store()).repair(options)
  }

  async #create(options: CreateCollectionOptions, write: unknown, getOrCreate: boolean): Promise<Collection> {
    const { outcome, store } = await this.#submit(() => {
      const { tenant, database } = this
      return { kind: 'create-collection', tenant, database, ...checkCreation(options), getOrCreate }
    }, write)
    const row =
      outcome.collection === null
        ? collectionNamed(store, this, { name: options.name }, null)
        : store.reader.collection(outcome.collection, null)
    return this.#collection(row, options.embeddingFunction)
  }

  #collection(row: CollectionRow, given: GivenFunction): LocalCollection {
    const info = collectionInfo(row)
    return new LocalCollection(this, info, chooseFor(info.name, info.configuration.embedding_function, given))
  }

  async #receipt(command: () => CatalogCommand | CareCommand, write: unknown): Promise<WriteReceipt> {
    return (await this.#submit(command, write)).outcome.receipt
  }

  #submit(
    command: () => CatalogCommand | CareCommand,
    write: unknown,
  ): Promise<{ outcome: Outcome; store: Store }> {
    return this.order.run(
      async () => ({ command: command(), options: validateWriteOptions(write), store: await this.store() }),
      async ({ store, ...request }) => ({ outcome: await store.writer.submit(request), store }),
    )
  }
}
