import { collectionNotFound } from '../not-found.ts'
import { type CollectionRow, collectionInfo } from '../projections/metadata/rows.ts'
import type { Store } from '../store.ts'
import { checkInteger, checkKeys, checkObject } from '../validation/values.ts'
import type { GetCollectionOptions, ListOptions, ReadableClient } from './api.ts'
import { checkSoughtCollection, checkSoughtId } from './client-requests.ts'
import type { ReadableCollection } from './collection-api.ts'
import { CollectionView } from './collection-view.ts'
import { chooseFor, type GivenFunction } from './embedding-choice.ts'
import type { ReadPoint, Session } from './session.ts'

/** How many collections a list holds when nothing is said: Chroma's default. */
const listLimit = 100

/** Reads of a whole store as of one point of the past; all of its collections stand at the same point. */
export class ClientView implements ReadableClient {
  readonly #session: Session
  readonly #point: ReadPoint

  constructor(session: Session, point: ReadPoint) {
    this.#session = session
    this.#point = point
  }

  get tenant(): string {
    return this.#session.tenant
  }

  get database(): string {
    return this.#session.database
  }

  async getCollection(options: GetCollectionOptions): Promise<ReadableCollection> {
    const { store, at } = await this.#open()
    return this.#view(collectionNamed(store, this.#session, options, at), options.embeddingFunction)
  }

  async getCollectionById(options: {
    id: string
    embeddingFunction?: GivenFunction
  }): Promise<ReadableCollection> {
    const id = checkSoughtId(options)
    const { store, at } = await this.#open()
    return this.#view(collectionWithId(store, this.#session, id, at), options.embeddingFunction)
  }

  async listCollections(options?: ListOptions): Promise<ReadableCollection[]> {
    const page = checkPage(options, 'listCollections')
    const { store, at } = await this.#open()
    return store.catalog
      .collections(this.tenant, this.database, at, page)
      .map((row) => this.#view(row, undefined))
  }

  async countCollections(): Promise<number> {
    const { store, at } = await this.#open()
    return store.catalog.countCollections(this.tenant, this.database, at)
  }

  #view(row: CollectionRow, given: GivenFunction): CollectionView {
    const info = collectionInfo(row)
    const chosen = chooseFor(info.name, info.configuration.embedding_function, given)
    return new CollectionView(this.#session, info, chosen, this.#point)
  }

  async #open(): Promise<{ store: Store; at: number | null }> {
    const store = await this.#session.store()
    return { store, at: await this.#point.resolve(store) }
  }
}

/** The collection of that name, or `collection_not_found`. */
export function collectionNamed(
  store: Store,
  { tenant, database }: Session,
  options: unknown,
  at: number | null,
): CollectionRow {
  const name = checkSoughtCollection(options)
  const row = store.catalog.collection(tenant, database, name, at)
  if (row !== undefined) return row
  throw collectionNotFound(name, { at })
}

/** The collection with that UUID in the session's tenant and database, or `collection_not_found`. */
export function collectionWithId(
  store: Store,
  { tenant, database }: Session,
  id: string,
  at: number | null,
): CollectionRow {
  const row = store.catalog.collectionById(id, at)
  if (row !== undefined && row.tenant === tenant && row.database === database)
    return store.reader.collection(id, at)
  throw collectionNotFound(id)
}

/** `limit` and `offset` of a list. */
export function checkPage(
  options: unknown,
  place: string,
  more: readonly string[] = [],
): Required<ListOptions> {
  const given = checkObject(options ?? {}, place)
  checkKeys(given, ['limit', 'offset', ...more], place)
  return {
    limit: given.limit == null ? listLimit : checkInteger(given.limit, `${place}.limit`, 0),
    offset: given.offset == null ? 0 : checkInteger(given.offset, `${place}.offset`, 0),
  }
}
