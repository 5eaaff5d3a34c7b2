import type { CollectionInfo } from '../../types.ts'
import { decodeCollection, encodeCount } from '../../wire/records.ts'
import type { GetCollectionOptions, ListOptions, ReadableClient } from '../api.ts'
import { checkSoughtCollection, checkSoughtId } from '../client-requests.ts'
import { checkPage, collectionMissing } from '../client-view.ts'
import { chooseFor, type GivenFunction } from '../embedding-choice.ts'
import { databasePath, fitsPath, withQuery } from './paths.ts'
import { RemoteCollectionView } from './remote-collection-view.ts'
import type { RemotePoint, RemoteSession } from './remote-session.ts'

/** What is read of the collections of a database, now or as of a point of the past. */
export class RemoteCatalog {
  readonly #session: RemoteSession
  readonly #point: RemotePoint

  constructor(session: RemoteSession, point: RemotePoint) {
    this.#session = session
    this.#point = point
  }

  async named(options: unknown): Promise<CollectionInfo> {
    const name = checkSoughtCollection(options)
    if (!fitsPath(name)) throw collectionMissing(name)
    return decodeCollection(await this.#read(`collections/${encodeURIComponent(name)}`))
  }

  async withId(options: unknown): Promise<CollectionInfo> {
    return decodeCollection(await this.#read(`collections/by-id/${checkSoughtId(options)}`))
  }

  async list(options: ListOptions | undefined): Promise<CollectionInfo[]> {
    const { limit, offset } = checkPage(options, 'listCollections')
    const page = { limit: encodeCount(limit), offset: encodeCount(offset) }
    return ((await this.#read('collections', page)) as unknown[]).map(decodeCollection)
  }

  async count(): Promise<number> {
    return (await this.#read('collections_count')) as number
  }

  async #read(route: string, page: Record<string, number> = {}): Promise<unknown> {
    const path = withQuery(`${databasePath(this.#session)}/${route}`, { ...page, ...this.#point.parameters })
    const { header, body } = await this.#session.transport().json({ method: 'GET', path })
    this.#point.note(header)
    return body
  }
}

/** Reads of a whole store behind a server as of one point of the past; all of its collections stand at the same. */
export class RemoteClientView implements ReadableClient {
  readonly #session: RemoteSession
  readonly #point: RemotePoint
  readonly #catalog: RemoteCatalog

  constructor(session: RemoteSession, point: RemotePoint) {
    this.#session = session
    this.#point = point
    this.#catalog = new RemoteCatalog(session, point)
  }

  get tenant(): string {
    return this.#session.tenant
  }

  get database(): string {
    return this.#session.database
  }

  async getCollection(options: GetCollectionOptions): Promise<RemoteCollectionView> {
    return this.#view(await this.#catalog.named(options), options.embeddingFunction)
  }

  async getCollectionById(options: {
    id: string
    embeddingFunction?: GivenFunction
  }): Promise<RemoteCollectionView> {
    return this.#view(await this.#catalog.withId(options), options.embeddingFunction)
  }

  async listCollections(options?: ListOptions): Promise<RemoteCollectionView[]> {
    return (await this.#catalog.list(options)).map((info) => this.#view(info, undefined))
  }

  countCollections(): Promise<number> {
    return this.#catalog.count()
  }

  #view(info: CollectionInfo, given: GivenFunction): RemoteCollectionView {
    const chosen = chooseFor(info.name, info.configuration.embedding_function, given)
    return new RemoteCollectionView(this.#session, info, chosen, this.#point)
  }
}
