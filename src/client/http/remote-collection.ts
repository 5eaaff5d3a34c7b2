import { Diff, type RecordDifference } from '../../audit/diff.ts'
import type { QueryExplanation } from '../../audit/explain-query.ts'
import type { PutCommand, RecordInput } from '../../commands/command.ts'
import {
  validateDelete,
  validateFork,
  validateModify,
  validateWriteOptions,
} from '../../commands/validate.ts'
import type { EmbeddingFunction } from '../../embedding/embedding-function.ts'
import type { ReindexOptions, ReindexReport } from '../../maintenance/reindexer.ts'
import { ChangeFeed, type ChangeOptions } from '../../readers/changes.ts'
import { checkPoint, validateQuery } from '../../readers/read-request.ts'
import type { CollectionInfo, HnswConfiguration, Point, WriteOptions, WriteReceipt } from '../../types.ts'
import {
  checkConfigurationUpdate,
  checkGivenHnsw,
  checkReindexConfiguration,
} from '../../validation/configuration.ts'
import { formatPoint } from '../../wire/point.ts'
import { decodeCollection, encodeFilters, encodeQuery, encodeRecords } from '../../wire/records.ts'
import { decodeExplanation, shaped } from '../../wire/results.ts'
import { encodeWriteOptions } from '../../wire/write-headers.ts'
import { BufferedTransaction, type TransactionOwner } from '../buffered-transaction.ts'
import { changeOptions, validateChangeOptions } from '../change-options.ts'
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
} from '../collection-api.ts'
import { checkReindexOptions } from '../reindex-options.ts'
import { collectionPath, databasePath, type Parameters } from './paths.ts'
import { remoteChanges } from './remote-changes.ts'
import { RemoteCollectionView } from './remote-collection-view.ts'
import { openRemoteDiff } from './remote-diff.ts'
import { RemotePoint, type RemoteSession, sendWrite } from './remote-session.ts'
import { RemoteTransactions } from './remote-transactions.ts'
import { runJob } from './streams.ts'
import type { Call } from './transport.ts'

/** A collection behind a server. */
export class RemoteCollection extends RemoteCollectionView implements Collection {
  constructor(session: RemoteSession, info: CollectionInfo, embeddingFunction: EmbeddingFunction | null) {
    super(session, info, embeddingFunction, new RemotePoint(null))
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
    return this.#write(async () => {
      const { ids, limit } = validateDelete(selection)
      const body = { ids: ids ?? undefined, limit: limit ?? undefined, ...encodeFilters(selection) }
      return { method: 'POST', path: this.path('delete'), body }
    }, options)
  }

  async modify(changes: ModifyOptions, options?: WriteOptions): Promise<WriteReceipt> {
    const receipt = await this.#write(async () => {
      const { name, metadata, configuration } = validateModify(changes)
      const hnsw = configuration === undefined ? undefined : this.#changeable(configuration)
      return {
        method: 'PUT',
        path: collectionPath(this.info),
        body: {
          new_name: name,
          new_metadata: metadata,
          ...(hnsw !== undefined && { new_configuration: { hnsw } }),
        },
      }
    }, options)
    await this.#refresh()
    return receipt
  }

  fork(options: ForkOptions, write?: WriteOptions): Promise<Collection> {
    return this.session.order.run(
      async () => {
        const call = {
          method: 'POST' as const,
          path: this.path('fork'),
          body: { new_name: validateFork(options) },
        }
        return { call, checked: validateWriteOptions(write), transport: this.session.transport() }
      },
      async ({ call, checked, transport }) => {
        const { body } = await sendWrite(transport, call, checked)
        return new RemoteCollection(this.session, decodeCollection(body), this.embeddingFunction)
      },
    )
  }

  async forkCount(): Promise<number> {
    return shaped<{ count: number }>(await this.#get('fork_count'), 'a number of forks').count
  }

  async getIndexingStatus(): Promise<IndexingStatus> {
    return shaped<IndexingStatus>(await this.#get('indexing_status'), 'an indexing status')
  }

  async reindex(
    options: ReindexOptions & { hnsw?: Record<string, unknown> } = {},
    write?: WriteOptions,
  ): Promise<ReindexReport> {
    const { hnsw: given = {}, signal, onProgress, ...rest } = checkReindexOptions(options, ['hnsw'])
    checkReindexConfiguration(this.configuration, { hnsw: given })
    const call: Call = {
      method: 'POST',
      path: this.path('reindex'),
      body: { ...rest, hnsw: checkGivenHnsw({ hnsw: given }) },
      headers: encodeWriteOptions(validateWriteOptions(write)),
      isWrite: true,
      signal,
    }
    const report = await runJob<ReindexReport>(this.session.transport(), call, { onProgress })
    await this.#refresh()
    return report
  }

  conditional(): ConditionalTransaction {
    const path = collectionPath(this.info)
    const owner: TransactionOwner = {
      prepare: (kind, args) => this.prepareRecords(kind, args),
      written: (records, receipt) => this.learnDimension(records, receipt),
    }
    return new BufferedTransaction(new RemoteTransactions(this.session, path, owner))
  }

  asOf(point: Point): ReadableCollection {
    const at = new RemotePoint(checkPoint(point))
    return new RemoteCollectionView(this.session, this.info, this.embeddingFunction, at)
  }

  changes(options: ChangeOptions = {}): ChangeFeed {
    validateChangeOptions(options, changeOptions)
    const { session } = this
    const path = this.path('changes')
    return new ChangeFeed(
      (signal) => remoteChanges(() => session.transport(), path, {}, options, signal),
      options.signal,
    )
  }

  diff(from: Point, to: Point): Diff<RecordDifference> {
    const path = this.path('diff', span(from, to))
    return new Diff(() => openRemoteDiff<RecordDifference>(this.session.transport(), path))
  }

  async explainQuery(query: QueryOptions, from: Point, to: Point): Promise<QueryExplanation> {
    const request = validateQuery(query)
    const rest = encodeQuery(request, query)
    const path = this.path('explain_query', span(from, to))
    const body = { query_embeddings: await this.queryVectors(request), ...rest }
    const answer = await this.session.transport().json({ method: 'POST', path, body })
    return decodeExplanation(answer.body)
  }

  async #put(kind: PutCommand['kind'], args: unknown, options: unknown): Promise<WriteReceipt> {
    let records: RecordInput[] = []
    const receipt = await this.#write(async () => {
      records = await this.prepareRecords(kind, args)
      // An upsert may leave the vectors of what exists as they are, which Chroma's cannot.
      const path = this.path(kind, kind === 'upsert' ? { partial: true } : {})
      return { method: 'POST', path, body: encodeRecords(records) }
    }, options)
    this.learnDimension(records, receipt)
    return receipt
  }

  async #get(route: string): Promise<unknown> {
    return (await this.session.transport().json({ method: 'GET', path: this.path(route) })).body
  }

  /** Makes the call at once, and sends it in its turn. */
  #write(prepare: () => Promise<Call>, options: unknown): Promise<WriteReceipt> {
    return this.session.order.run(
      async () => {
        const write = validateWriteOptions(options)
        const transport = this.session.transport()
        return { call: await prepare(), write, transport }
      },
      async ({ call, write, transport }) => (await sendWrite(transport, call, write)).receipt,
    )
  }

  /** The part of a configuration that can change; the rest may be named as it is. */
  #changeable(configuration: unknown): Partial<HnswConfiguration> {
    checkConfigurationUpdate(this.configuration, configuration)
    const { space, ef_construction, max_neighbors, ...changeable } = checkGivenHnsw(configuration)
    return changeable
  }

  /** Reads its state anew after a change of it. */
  async #refresh(): Promise<void> {
    const path = `${databasePath(this.info)}/collections/by-id/${this.id}`
    this.info = decodeCollection((await this.session.transport().json({ method: 'GET', path })).body)
  }
}

/** Two points as the parameters of a route. */
export function span(from: Point, to: Point): Parameters {
  return { from: formatPoint(checkPoint(from)), to: formatPoint(checkPoint(to)) }
}
