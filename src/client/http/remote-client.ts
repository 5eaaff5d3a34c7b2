import type { KeyObject } from 'node:crypto'
import type { Erasure } from '../../audit/certificate.ts'
import type { IssuedCheckpoint } from '../../audit/checkpoint.ts'
import { Diff } from '../../audit/diff.ts'
import type { LogLine } from '../../audit/log-entries.ts'
import type { ConsistencyProof, InclusionProof } from '../../audit/proofs.ts'
import type { ProofOptions } from '../../audit/prover.ts'
import { validateWriteOptions } from '../../commands/validate.ts'
import { limits } from '../../limits.ts'
import type { VacuumOptions, VacuumReport } from '../../maintenance/caretaker.ts'
import type { ReindexOptions, ReindexReport } from '../../maintenance/reindexer.ts'
import type { RepairOptions, RepairResult } from '../../maintenance/repair.ts'
import type { VerifyOptions, VerifyResult } from '../../maintenance/verify.ts'
import { collectionNotFound, tagNotFound } from '../../not-found.ts'
import type { BackupOptions, BackupReport } from '../../portability/backup.ts'
import { ChangeFeed, type ChangeOptions } from '../../readers/changes.ts'
import { checkPoint } from '../../readers/read-request.ts'
import type { CollectionInfo, Point, Retention, WriteOptions, WriteReceipt } from '../../types.ts'
import { checkRetention } from '../../validation/retention.ts'
import { checkInteger, checkName, checkText } from '../../validation/values.ts'
import { formatPoint } from '../../wire/point.ts'
import { decodeCollection } from '../../wire/records.ts'
import { decodeLogLine, shaped } from '../../wire/results.ts'
import { versionHeader } from '../../wire/write-headers.ts'
import type {
  Client,
  CreateCollectionOptions,
  Database,
  EraseOptions,
  GetCollectionOptions,
  ListOptions,
  LogOptions,
  RetentionSettings,
  StoreStats,
  Tag,
  Tenant,
} from '../api.ts'
import { checkProofOptions, checkRepairOptions, checkVerifyOptions } from '../audit-options.ts'
import { CallOrder } from '../call-order.ts'
import { changeOptions, validateChangeOptions } from '../change-options.ts'
import {
  checkDatabase,
  checkErasure,
  checkNamed,
  checkRetentionScope,
  checkSought,
  checkVacuum,
} from '../client-requests.ts'
import { type ClientScope, scopeOf, scopeWithin } from '../client-scope.ts'
import { chooseFor, type GivenFunction } from '../embedding-choice.ts'
import { checkLogOptions } from '../log-options.ts'
import { checkReindexOptions } from '../reindex-options.ts'
import { encodeCreation } from './encode-creation.ts'
import { answerInvalid } from './failure.ts'
import { apiRoot, databasePath, databasesPath, fitsPath, withQuery } from './paths.ts'
import {
  backupStore,
  compactStore,
  eraseRecords,
  readCheckpoint,
  readStats,
  repairStore,
  vacuumStore,
  verifyStore,
} from './remote-care.ts'
import { RemoteCatalog } from './remote-catalog.ts'
import { remoteChanges } from './remote-changes.ts'
import { RemoteClientView } from './remote-client-view.ts'
import { RemoteCollection, span } from './remote-collection.ts'
import { openRemoteDiff } from './remote-diff.ts'
import { RemotePoint, type RemoteSession, sendWrite, type Written } from './remote-session.ts'
import { lines } from './streams.ts'
import { type Call, clientClosed, type Transport } from './transport.ts'

/** A client of a store behind a server. */
export class RemoteClient implements Client, RemoteSession {
  readonly tenant: string
  readonly database: string
  /** Only its answer says that a write has taken its place. */
  readonly order: CallOrder = new CallOrder({ untilAnswered: true })
  readonly #transport: Transport
  /** Whether the connections end with it. */
  readonly #isOwner: boolean
  readonly #catalog: RemoteCatalog
  #closing: Promise<void> | null = null

  constructor(transport: Transport, scope: ClientScope, isOwner: boolean) {
    const { tenant, database } = scopeOf(scope)
    this.#transport = transport
    this.tenant = tenant
    this.database = database
    this.#isOwner = isOwner
    this.#catalog = new RemoteCatalog(this, new RemotePoint(null))
  }

  transport(): Transport {
    if (this.#closing !== null) throw clientClosed()
    return this.#transport
  }

  async open(): Promise<void> {
    await this.version()
    await this.heartbeat()
  }

  scope(scope: ClientScope): RemoteClient {
    return new RemoteClient(this.#transport, scopeWithin(this, scope), false)
  }

  async flush(): Promise<void> {
    const transport = this.transport()
    await this.order.passed()
    await transport.json({ method: 'POST', path: `${apiRoot}/flush`, body: {}, timeoutMs: null })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async stats(): Promise<StoreStats> {
    return readStats(this.transport())
  }

  async backup(target: string, options: BackupOptions = {}): Promise<BackupReport> {
    return backupStore(this.transport(), target, options)
  }

  async heartbeat(): Promise<number> {
    const beat = shaped<{ 'nanosecond heartbeat': number | bigint }>(
      await this.#get('/heartbeat'),
      'a heartbeat',
    )
    // Nanoseconds have more digits than a number; who measures with them wants no more than it has.
    return Number(beat['nanosecond heartbeat'])
  }

  async version(): Promise<string> {
    const { header } = await this.transport().json({ method: 'GET', path: `${apiRoot}/version` })
    const version = header(versionHeader)
    if (version !== null) return version
    throw answerInvalid(this.#transport.origin, 'does not come from an annals server')
  }

  async getMaxBatchSize(): Promise<number> {
    const checks = await this.#get('/pre-flight-checks')
    return shaped<{ max_batch_size: number }>(checks, 'a checklist').max_batch_size
  }

  createCollection(options: CreateCollectionOptions, write?: WriteOptions): Promise<RemoteCollection> {
    return this.#create(options, write, false)
  }

  getOrCreateCollection(options: CreateCollectionOptions, write?: WriteOptions): Promise<RemoteCollection> {
    return this.#create(options, write, true)
  }

  async getCollection(options: GetCollectionOptions): Promise<RemoteCollection> {
    return this.#collection(await this.#catalog.collection(options), options.embeddingFunction)
  }

  async getCollectionById(options: {
    id: string
    embeddingFunction?: GivenFunction
  }): Promise<RemoteCollection> {
    return this.#collection(await this.#catalog.collectionById(options), options.embeddingFunction)
  }

  async listCollections(options?: ListOptions): Promise<RemoteCollection[]> {
    return (await this.#catalog.collections(options)).map((info) => this.#collection(info, undefined))
  }

  countCollections(): Promise<number> {
    return this.#catalog.countCollections()
  }

  deleteCollection(options: { name: string }, write?: WriteOptions): Promise<WriteReceipt> {
    return this.#receipt(() => {
      const name = checkSought(options, 'deleteCollection')
      if (!fitsPath(name)) throw collectionNotFound(name, { fate: 'not_written' })
      return { method: 'DELETE', path: `${databasePath(this)}/collections/${encodeURIComponent(name)}` }
    }, write)
  }

  createTenant(options: { name: string }, write?: WriteOptions): Promise<WriteReceipt> {
    return this.#receipt(() => {
      const name = checkName(checkNamed(options, 'createTenant').name, 'name')
      return { method: 'POST', path: `${apiRoot}/tenants`, body: { name } }
    }, write)
  }

  getTenant(options: { name: string }): Promise<Tenant> {
    return this.#catalog.tenant(options)
  }

  listTenants(options?: ListOptions): Promise<Tenant[]> {
    return this.#catalog.tenants(options)
  }

  createDatabase(options: { name: string; tenant?: string }, write?: WriteOptions): Promise<WriteReceipt> {
    return this.#receipt(() => {
      const { tenant, database: name } = checkDatabase(options, this.tenant)
      // Chroma's clients expect a missing tenant to be created.
      const path = withQuery(databasesPath(tenant), { create_tenant: false })
      return { method: 'POST', path, body: { name } }
    }, write)
  }

  getDatabase(options: { name: string; tenant?: string }): Promise<Database> {
    return this.#catalog.database(options)
  }

  listDatabases(options?: ListOptions & { tenant?: string }): Promise<Database[]> {
    return this.#catalog.databases(options ?? {})
  }

  deleteDatabase(options: { name: string; tenant?: string }, write?: WriteOptions): Promise<WriteReceipt> {
    return this.#receipt(() => {
      return { method: 'DELETE', path: databasePath(checkDatabase(options, this.tenant)) }
    }, write)
  }

  tag(name: string, point: Point, write?: WriteOptions): Promise<WriteReceipt> {
    return this.#receipt(() => {
      const body = { name: checkName(name, 'tag'), point: formatPoint(checkPoint(point)) }
      return { method: 'POST', path: `${apiRoot}/tags`, body }
    }, write)
  }

  async listTags(): Promise<Tag[]> {
    return (await this.#get('/tags')) as Tag[]
  }

  deleteTag(name: string, write?: WriteOptions): Promise<WriteReceipt> {
    return this.#receipt(() => {
      checkText(name, 'tag', limits.nameLengthMax)
      if (!fitsPath(name)) throw tagNotFound(name, { fate: 'not_written' })
      return { method: 'DELETE', path: `${apiRoot}/tags/${encodeURIComponent(name)}` }
    }, write)
  }

  setRetention(
    retention: Retention,
    options: { collection?: string } = {},
    write?: WriteOptions,
  ): Promise<WriteReceipt> {
    return this.#receipt(() => {
      const body = { retention: checkRetention(retention), collection: checkRetentionScope(options) }
      return { method: 'PUT', path: `${databasePath(this)}/retention`, body }
    }, write)
  }

  getRetention(): Promise<RetentionSettings> {
    return this.#catalog.retention()
  }

  async vacuum(options: VacuumOptions = {}, write?: WriteOptions): Promise<VacuumReport> {
    return vacuumStore(this.transport(), options, checkVacuum(options, write))
  }

  async erase(options: EraseOptions, write?: WriteOptions): Promise<Erasure> {
    return eraseRecords(this, checkErasure(options), validateWriteOptions(write))
  }

  async compact(options: ReindexOptions = {}): Promise<Record<string, ReindexReport>> {
    return compactStore(this.transport(), checkReindexOptions(options, []))
  }

  asOf(point: Point): RemoteClientView {
    return new RemoteClientView(this, new RemotePoint(checkPoint(point)))
  }

  changes(options: ChangeOptions & { collection?: string } = {}): ChangeFeed {
    validateChangeOptions(options, [...changeOptions, 'collection'])
    const { collection } = options
    const path = `${databasePath(this)}/changes`
    return new ChangeFeed(
      (signal) => remoteChanges(() => this.transport(), path, { collection }, options, signal),
      options.signal,
    )
  }

  diff(from: Point, to: Point): Diff {
    const path = withQuery(`${databasePath(this)}/diff`, span(from, to))
    return new Diff(() => openRemoteDiff(this.transport(), path))
  }

  log(options?: LogOptions): AsyncIterable<LogLine> {
    const { after, until, types, ...rest } = checkLogOptions(options)
    const path = withQuery(`${databasePath(this)}/log`, {
      ...rest,
      ...(after !== undefined && { after: formatPoint(after) }),
      ...(until !== undefined && { until: formatPoint(until) }),
      ...(types !== null && { type: [...types] }),
    })
    const open = async function* (this: RemoteClient): AsyncGenerator<LogLine, void, undefined> {
      const opened = await this.transport().stream({ method: 'GET', path, timeoutMs: null })
      for await (const line of lines(opened)) yield decodeLogLine(line)
    }
    return { [Symbol.asyncIterator]: () => open.call(this) }
  }

  async proof(position: number, options?: ProofOptions): Promise<InclusionProof> {
    const { size, content } = checkProofOptions(options)
    const parameters = { position: checkInteger(position, 'position', 1), size, content }
    return shaped(await this.#get(withQuery('/proof', parameters)), 'a proof')
  }

  async consistency(from: number, to?: number): Promise<ConsistencyProof> {
    const parameters = {
      from: checkInteger(from, 'from', 0),
      to: to === undefined ? undefined : checkInteger(to, 'to', 0),
    }
    return shaped(await this.#get(withQuery('/consistency', parameters)), 'a proof')
  }

  async checkpoint(privateKey?: KeyObject | string): Promise<IssuedCheckpoint> {
    return readCheckpoint(this.transport(), privateKey)
  }

  async verify(options?: VerifyOptions): Promise<VerifyResult> {
    checkVerifyOptions(options)
    return verifyStore(this.transport(), options)
  }

  async repair(options?: RepairOptions): Promise<RepairResult> {
    checkRepairOptions(options)
    return repairStore(this.transport(), options)
  }

  async #close(): Promise<void> {
    await this.order.passed()
    if (this.#isOwner) await this.#transport.close()
  }

  async #get(path: string): Promise<unknown> {
    return (await this.transport().json({ method: 'GET', path: apiRoot + path })).body
  }

  async #create(
    options: CreateCollectionOptions,
    write: unknown,
    getOrCreate: boolean,
  ): Promise<RemoteCollection> {
    const { body } = await this.#submit(() => {
      const wanted = { ...encodeCreation(options), get_or_create: getOrCreate }
      return { method: 'POST', path: `${databasePath(this)}/collections`, body: wanted }
    }, write)
    return this.#collection(decodeCollection(body), options.embeddingFunction)
  }

  #collection(info: CollectionInfo, given: GivenFunction): RemoteCollection {
    const chosen = chooseFor(info.name, info.configuration.embedding_function, given)
    return new RemoteCollection(this, info, chosen)
  }

  async #receipt(call: () => Call, write: unknown): Promise<WriteReceipt> {
    return (await this.#submit(call, write)).receipt
  }

  #submit(call: () => Call, write: unknown): Promise<Written> {
    return this.order.run(
      async () => ({ call: call(), options: validateWriteOptions(write), transport: this.transport() }),
      ({ call: made, options, transport }) => sendWrite(transport, made, options),
    )
  }
}
