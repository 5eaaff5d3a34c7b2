import { type RecordVersion, recordHistory } from '../audit/history.ts'
import type { EmbeddingFunction } from '../embedding/embedding-function.ts'
import { parseReadLevel, parseSearches } from '../readers/parse-search.ts'
import { validateGet, validateLimit, validateQuery } from '../readers/read-request.ts'
import type { GetResult, QueryResult } from '../readers/results.ts'
import type { SearchResult } from '../readers/search-result.ts'
import type { CollectionInfo, Metadata } from '../types.ts'
import { checkId, checkKeys, checkObject } from '../validation/values.ts'
import { getAnswer, queryAnswer, searchAnswer, versionAnswer } from './answers.ts'
import type {
  GetOptions,
  HistoryOptions,
  QueryOptions,
  ReadableCollection,
  SearchOptions,
} from './collection-api.ts'
import { CollectionHandle } from './collection-handle.ts'
import { checkHistoryOptions } from './history-options.ts'
import { type SearchLike, searchPayloads } from './search/search.ts'
import { exactSession, type ReadPoint, type Session } from './session.ts'

/** Reads of one collection, now or as of a point of the past. */
export class CollectionView extends CollectionHandle implements ReadableCollection {
  protected readonly session: Session
  readonly #point: ReadPoint

  constructor(
    session: Session,
    info: CollectionInfo,
    embeddingFunction: EmbeddingFunction | null,
    point: ReadPoint,
  ) {
    super(info, embeddingFunction)
    this.session = session
    this.#point = point
  }

  override get metadata(): Metadata | null {
    return this.session.form(this.info.metadata)
  }

  /** The same collection at the same point, answering exact metadata. Not part of the public API. */
  withExactNumbers(): CollectionView {
    return new CollectionView(exactSession(this.session), this.info, this.embeddingFunction, this.#point)
  }

  async get(options?: GetOptions): Promise<GetResult> {
    const request = validateGet(options)
    const store = await this.session.store()
    const result = await store.reader.get(this.id, request, await this.#point.resolve(store))
    return getAnswer(result, this.session.form)
  }

  async query(options: QueryOptions): Promise<QueryResult> {
    const request = validateQuery(options)
    const store = await this.session.store()
    const queries = await this.queryVectors(request)
    const result = await store.reader.query(this.id, queries, request, await this.#point.resolve(store))
    return queryAnswer(result, this.session.form)
  }

  async search(
    searches: SearchLike | readonly SearchLike[],
    options: SearchOptions = {},
  ): Promise<SearchResult> {
    checkKeys(checkObject(options, 'search'), ['readLevel'], 'search')
    parseReadLevel(options.readLevel)
    const requests = parseSearches(searchPayloads(searches))
    const store = await this.session.store()
    await this.embedSearches(requests)
    const result = await store.reader.search(this.id, requests, await this.#point.resolve(store))
    return searchAnswer(result, this.session.form)
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
    const order = checkHistoryOptions(options)
    const store = await this.session.store()
    const at = await this.#point.resolve(store)
    const { key } = store.reader.collection(this.id, at)
    const newest = store.records.newestPosition(key, checked)
    for await (const version of recordHistory(store.log, newest, at ?? store.projector.position, order))
      yield versionAnswer(version, this.session.form)
  }
}
