import type { RecordVersion } from '../../audit/history.ts'
import type { EmbeddingFunction } from '../../embedding/embedding-function.ts'
import { parseReadLevel, parseSearches } from '../../readers/parse-search.ts'
import { validateGet, validateLimit, validateQuery } from '../../readers/read-request.ts'
import type { GetResult, QueryResult } from '../../readers/results.ts'
import type { SearchResult } from '../../readers/search-result.ts'
import type { CollectionInfo } from '../../types.ts'
import { checkId, checkKeys, checkObject } from '../../validation/values.ts'
import { plainCopy } from '../../wire/plain-copy.ts'
import { decodeGet, decodeQuery, decodeSearch, encodeGet, encodeQuery } from '../../wire/records.ts'
import { decodeRecordVersion } from '../../wire/results.ts'
import type {
  GetOptions,
  HistoryOptions,
  QueryOptions,
  ReadableCollection,
  SearchOptions,
} from '../collection-api.ts'
import { CollectionHandle } from '../collection-handle.ts'
import { checkHistoryOptions } from '../history-options.ts'
import { embeddedPayloads } from '../search/embedded-payloads.ts'
import { type SearchLike, searchPayloads } from '../search/search.ts'
import { collectionPath, type Parameters, withQuery } from './paths.ts'
import type { RemotePoint, RemoteSession } from './remote-session.ts'
import { lines } from './streams.ts'

/** Reads of one collection behind a server, now or as of a point of the past. */
export class RemoteCollectionView extends CollectionHandle implements ReadableCollection {
  protected readonly session: RemoteSession
  readonly #point: RemotePoint

  constructor(
    session: RemoteSession,
    info: CollectionInfo,
    embeddingFunction: EmbeddingFunction | null,
    point: RemotePoint,
  ) {
    super(info, embeddingFunction)
    this.session = session
    this.#point = point
  }

  async get(options?: GetOptions): Promise<GetResult> {
    const request = validateGet(options)
    const body = encodeGet(request, options ?? {})
    return decodeGet(await this.#read('POST', 'get', body), request.include)
  }

  async query(options: QueryOptions): Promise<QueryResult> {
    const request = validateQuery(options)
    const rest = encodeQuery(request, options)
    const body = { query_embeddings: await this.queryVectors(request), ...rest }
    return decodeQuery(await this.#read('POST', 'query', body), request.include)
  }

  async search(
    searches: SearchLike | readonly SearchLike[],
    options: SearchOptions = {},
  ): Promise<SearchResult> {
    checkKeys(checkObject(options, 'search'), ['readLevel'], 'search')
    const readLevel = parseReadLevel(options.readLevel)
    const payloads = plainCopy(searchPayloads(searches)) as unknown[]
    const requests = parseSearches(payloads)
    await this.embedSearches(requests)
    const body = { searches: embeddedPayloads(payloads, requests), read_level: readLevel }
    return decodeSearch(await this.#read('POST', 'search', body))
  }

  async count(): Promise<number> {
    return (await this.#read('GET', 'count')) as number
  }

  async peek(options?: { limit?: number }): Promise<GetResult> {
    const limit = validateLimit(options, 'peek', 10)
    return this.get({ limit, include: ['embeddings', 'documents', 'metadatas'] })
  }

  async *history(id: string, options: HistoryOptions = {}): AsyncGenerator<RecordVersion, void, undefined> {
    const checked = checkId(id, 'id')
    const order = checkHistoryOptions(options)
    const path = this.path('history', { id: checked, order, ...this.#point.parameters })
    const opened = await this.session.transport().stream({ method: 'GET', path, timeoutMs: null })
    this.#point.note(opened.header)
    for await (const version of lines(opened)) yield decodeRecordVersion(version)
  }

  /** Of a route below this collection. */
  protected path(route: string, parameters: Parameters = {}): string {
    return withQuery(`${collectionPath(this.info)}/${route}`, parameters)
  }

  async #read(method: 'GET' | 'POST', route: string, body?: object): Promise<unknown> {
    const path = this.path(route, this.#point.parameters)
    const answer = await this.session.transport().json({ method, path, ...(body !== undefined && { body }) })
    this.#point.note(answer.header)
    return answer.body
  }
}
