import { Diff, type Difference, openDiff, type RecordDifference } from '../audit/diff.ts'
import { explainQuery, type QueryExplanation } from '../audit/explain-query.ts'
import { collectionOf } from '../audit/operation.ts'
import type { DeleteCommand, PutCommand } from '../commands/command.ts'
import {
  validateDelete,
  validateFork,
  validateModify,
  validateRecords,
  validateWriteOptions,
} from '../commands/validate.ts'
import type { EmbeddingFunction } from '../embedding/embedding-function.ts'
import type { ReindexOptions, ReindexReport } from '../maintenance/reindexer.ts'
import { collectionInfo } from '../projections/metadata/rows.ts'
import { type ChangeFeed, type ChangeOptions, changeFeed } from '../readers/changes.ts'
import { checkPoint, validateQuery } from '../readers/read-request.ts'
import type {
  CollectionConfiguration,
  CollectionInfo,
  OperationRecord,
  Point,
  WriteOptions,
  WriteReceipt,
} from '../types.ts'
import { checkConfigurationUpdate, checkReindexConfiguration } from '../validation/configuration.ts'
import { changeAnswer, differenceAnswer } from './answers.ts'
import { BufferedTransaction } from './buffered-transaction.ts'
import { changeOptions, validateChangeOptions } from './change-options.ts'
import type {
  AddRecords,
  Collection,
  ConditionalTransaction,
  DeleteOptions,
  ForkOptions,
  IndexingStatus,
  ModifyOptions,
  PutRecords,
  QueryOptions,
  ReadableCollection,
} from './collection-api.ts'
import { CollectionView } from './collection-view.ts'
import { indexingStatus } from './indexing-status.ts'
import { LocalTransactions } from './local-transactions.ts'
import { checkReindexOptions } from './reindex-options.ts'
import { ReadPoint, resolveBoth, type Session } from './session.ts'

/** A collection of a store in this process. */
export class LocalCollection extends CollectionView implements Collection {
  /** Where its transactions read and commit. */
  readonly transactions: LocalTransactions

  constructor(session: Session, info: CollectionInfo, embeddingFunction: EmbeddingFunction | null) {
    super(session, info, embeddingFunction, new ReadPoint(null))
    this.transactions = new LocalTransactions(session, info.id, {
      prepare: (kind, args) => this.prepareRecords(kind, args),
      written: (records, receipt) => this.learnDimension(records, receipt),
    })
  }

  add(records: AddRecords, options?: WriteOptions): Promise<WriteReceipt> {
    return this.#put('add', records, options)
  }

  update(records: PutRecords, options?: WriteOptions): Promise<WriteReceipt> {
    return this.#put('update', records, options)
  }

  upsert(records: PutRecords, options?: WriteOptions): Promise<WriteReceipt> {
    return this.#put('upsert', records, options)
  }

  delete(selection: DeleteOptions, options?: WriteOptions): Promise<WriteReceipt> {
    return this.session.order.run(
      async () => ({
        command: { ...validateDelete(selection), collection: this.id } satisfies DeleteCommand,
        options: validateWriteOptions(options),
        store: await this.session.store(),
      }),
      async ({ store, ...request }) => (await store.writer.submit(request)).receipt,
    )
  }

  conditional(): ConditionalTransaction {
    return new BufferedTransaction(this.transactions)
  }

  async modify(changes: ModifyOptions, options?: WriteOptions): Promise<WriteReceipt> {
    const outcome = await this.session.order.run(
      async () => {
        const { name, metadata, configuration } = validateModify(changes)
        const update =
          configuration === undefined
            ? undefined
            : (old: CollectionInfo['configuration']) => checkConfigurationUpdate(old, configuration)
        return {
          command: {
            kind: 'modify-collection' as const,
            collection: this.id,
            name,
            metadata,
            configuration: update,
          },
          options: validateWriteOptions(options),
          store: await this.session.store(),
        }
      },
      async ({ store, ...request }) => {
        const { receipt } = await store.writer.submit(request)
        return { receipt, row: store.reader.collection(this.id, null) }
      },
    )
    this.info = collectionInfo(outcome.row)
    return outcome.receipt
  }

  fork(options: ForkOptions, write?: WriteOptions): Promise<Collection> {
    return this.session.order.run(
      async () => {
        const name = validateFork(options)
        return { name, options: validateWriteOptions(write), store: await this.session.store() }
      },
      async ({ name, options: checked, store }) => {
        const { collection } = await store.fork({ source: this.id, name }, checked)
        const info = collectionInfo(store.reader.collection(collection!, null))
        return new LocalCollection(this.session, info, this.embeddingFunction)
      },
    )
  }

  async forkCount(): Promise<number> {
    const { catalog, reader } = await this.session.store()
    const family = [reader.collection(this.id, null), ...catalog.family(this.id)]
    return family.filter(({ forked_from, died }) => forked_from !== null && died === null).length
  }

  async getIndexingStatus(): Promise<IndexingStatus> {
    return indexingStatus(await this.session.store(), this.id)
  }

  async reindex(
    options: ReindexOptions & { hnsw?: Record<string, unknown> } = {},
    write?: WriteOptions,
  ): Promise<ReindexReport> {
    const { hnsw = {}, ...rest } = checkReindexOptions(options, ['hnsw'])
    const configure = (old: CollectionConfiguration) => checkReindexConfiguration(old, { hnsw })
    configure(this.configuration)
    const { reindexer, reader } = await this.session.store()
    const report = await reindexer.reindex(this.id, configure, rest, validateWriteOptions(write))
    this.info = collectionInfo(reader.collection(this.id, null))
    return report
  }

  asOf(point: Point): ReadableCollection {
    return new CollectionView(
      this.session,
      this.info,
      this.embeddingFunction,
      new ReadPoint(checkPoint(point)),
    )
  }

  changes(options: ChangeOptions = {}): ChangeFeed {
    validateChangeOptions(options, changeOptions)
    return changeFeed(async () => {
      const { log, projector } = await this.session.store()
      const selects = (record: OperationRecord) => collectionOf(record) === this.id
      return { log, projector, selects, tells: (change) => changeAnswer(change, this.session.form) }
    }, options)
  }

  diff(from: Point, to: Point): Diff<RecordDifference> {
    const points = [checkPoint(from), checkPoint(to)] as const
    return new Diff(async () => {
      const store = await this.session.store()
      const selects = (record: OperationRecord) => 'collection' in record && record.collection === this.id
      const request = { ...(await resolveBoth(store, points)), selects }
      return openDiff(store, request, isRecordDifference, (told) => differenceAnswer(told, this.session.form))
    })
  }

  async explainQuery(query: QueryOptions, from: Point, to: Point): Promise<QueryExplanation> {
    const request = validateQuery(query)
    const points = [checkPoint(from), checkPoint(to)] as const
    const store = await this.session.store()
    const vectors = await this.queryVectors(request)
    return explainQuery(store, this.id, vectors, request, await resolveBoth(store, points))
  }

  #put(kind: PutCommand['kind'], args: unknown, options: unknown): Promise<WriteReceipt> {
    return this.session.order.run(
      async () => {
        const records = validateRecords(kind, args)
        const checked = validateWriteOptions(options)
        const store = await this.session.store()
        await this.embedDocuments(kind, records)
        return { store, command: { kind, collection: this.id, records }, options: checked }
      },
      async ({ store, ...request }) => {
        const { receipt } = await store.writer.submit(request)
        this.learnDimension(request.command.records, receipt)
        return receipt
      },
    )
  }
}

function isRecordDifference(difference: Difference): difference is RecordDifference {
  return difference.subject === 'record'
}
