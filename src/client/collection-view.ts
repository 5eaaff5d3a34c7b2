import { type RecordVersion, recordHistory } from '../audit/history.ts'
import { type EmbeddingFunction, embed } from '../embedding/embedding-function.ts'
import { AnnalsError, show } from '../errors.ts'
import { type QueryRequest, validateGet, validateLimit, validateQuery } from '../readers/read-request.ts'
import type { GetResult, QueryResult } from '../readers/results.ts'
import type { CollectionConfiguration, CollectionInfo, Metadata } from '../types.ts'
import { checkId, checkKeys, checkObject, invalid } from '../validation/values.ts'
import type { GetOptions, HistoryOptions, QueryOptions, ReadableCollection } from './api.ts'
import type { ReadPoint, Session } from './session.ts'

/** Reads of one collection, now or as of a point of the past. */
export class CollectionView implements ReadableCollection {
  protected readonly session: Session
  protected readonly embeddingFunction: EmbeddingFunction | null
  protected info: CollectionInfo
  readonly #point: ReadPoint

  constructor(
    session: Session,
    info: CollectionInfo,
    embeddingFunction: EmbeddingFunction | null,
    point: ReadPoint,
  ) {
    this.session = session
    this.info = info
    this.embeddingFunction = embeddingFunction
    this.#point = point
  }

  get id(): string {
    return this.info.id
  }

  get name(): string {
    return this.info.name
  }

  get tenant(): string {
    return this.info.tenant
  }

  get database(): string {
    return this.info.database
  }

  get metadata(): Metadata | null {
    return this.info.metadata
  }

  get configuration(): CollectionConfiguration {
    return this.info.configuration
  }

  async get(options?: GetOptions): Promise<GetResult> {
    const request = validateGet(options)
    const store = await this.session.store()
    return store.reader.get(this.id, request, await this.#point.resolve(store))
  }

  async query(options: QueryOptions): Promise<QueryResult> {
    const request = validateQuery(options)
    const store = await this.session.store()
    const queries = await this.queryVectors(request)
    return store.reader.query(this.id, queries, request, await this.#point.resolve(store))
  }

  async count(): Promise<number> {
    const store = await this.session.store()
    return store.reader.count(this.id, await this.#point.resolve(store))
  }

  async peek(options?: { limit?: number }): Promise<GetResult> {
    const limit = validateLimit(options, 'peek', 10)
    return this.get({ limit, include: ['embeddings', 'documents', 'metadatas'] })
  }

  async *history(id: string, options: HistoryOptions = {}): AsyncGenerator<RecordVersion, void, undefined> {
    const checked = checkId(id, 'id')
    checkKeys(checkObject(options, 'history'), ['order'], 'history')
    const { order = 'asc' } = options
    if (order !== 'asc' && order !== 'desc') throw invalid('history.order', "must be 'asc' or 'desc'", order)
    const store = await this.session.store()
    const at = await this.#point.resolve(store)
    const { key } = store.reader.collection(this.id, at)
    const newest = store.records.newestPosition(key, checked)
    yield* recordHistory(store.log, newest, at ?? store.projector.position, order)
  }

  /** The vectors of a query's texts, or those that were given. */
  protected async queryVectors({ vectors, texts }: QueryRequest): Promise<readonly Float32Array[]> {
    return vectors ?? embed(this.requireEmbeddingFunction('queryTexts'), texts ?? [], true)
  }

  /** The embedding function, or an error that says what to do without one. */
  protected requireEmbeddingFunction(place: string): EmbeddingFunction {
    if (this.embeddingFunction !== null) return this.embeddingFunction
    const stored = this.configuration.embedding_function
    const message =
      stored === null
        ? `${place}: the collection ${show(this.name)} has no embedding function.`
        : `${place}: the collection ${show(this.name)} was created with the embedding function ${show(stored.name)}, which was not given here.`
    throw new AnnalsError('embedding_function_missing', message, {
      fate: 'not_written',
      hint:
        stored === null
          ? 'Give vectors instead, or get the collection with an embeddingFunction.'
          : 'Hand it in: getCollection({ name, embeddingFunction }).',
    })
  }
}
