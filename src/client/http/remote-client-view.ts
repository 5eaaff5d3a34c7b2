import type { CollectionInfo } from '../../types.ts'
import type { GetCollectionOptions, ListOptions, ReadableClient } from '../api.ts'
import { chooseFor, type GivenFunction } from '../embedding-choice.ts'
import { RemoteCatalog } from './remote-catalog.ts'
import { RemoteCollectionView } from './remote-collection-view.ts'
import type { RemotePoint, RemoteSession } from './remote-session.ts'

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
    return this.#view(await this.#catalog.collection(options), options.embeddingFunction)
  }

  async getCollectionById(options: {
    id: string
    embeddingFunction?: GivenFunction
  }): Promise<RemoteCollectionView> {
    return this.#view(await this.#catalog.collectionById(options), options.embeddingFunction)
  }

  async listCollections(options?: ListOptions): Promise<RemoteCollectionView[]> {
    return (await this.#catalog.collections(options)).map((info) => this.#view(info, undefined))
  }

  countCollections(): Promise<number> {
    return this.#catalog.countCollections()
  }

  #view(info: CollectionInfo, given: GivenFunction): RemoteCollectionView {
    const chosen = chooseFor(info.name, info.configuration.embedding_function, given)
    return new RemoteCollectionView(this.#session, info, chosen, this.#point)
  }
}
