import { collectionNotFound, tenantNotFound } from '../../not-found.ts'
import type { CollectionInfo } from '../../types.ts'
import { checkName } from '../../validation/values.ts'
import { decodeCollection, encodeCount } from '../../wire/records.ts'
import { shaped } from '../../wire/results.ts'
import type { Database, ListOptions, RetentionSettings, Tenant } from '../api.ts'
import { checkDatabase, checkSought, checkSoughtCollection, checkSoughtId } from '../client-requests.ts'
import { checkPage } from '../client-view.ts'
import { apiRoot, databasePath, databasesPath, fitsPath, withQuery } from './paths.ts'
import type { RemotePoint, RemoteSession } from './remote-session.ts'

/**
 * What is read of tenants, databases and the collections of the session's database: the latter now or as of a
 * point of the past, all else now.
 */
export class RemoteCatalog {
  readonly #session: RemoteSession
  readonly #point: RemotePoint

  constructor(session: RemoteSession, point: RemotePoint) {
    this.#session = session
    this.#point = point
  }

  async collection(options: unknown): Promise<CollectionInfo> {
    const name = checkSoughtCollection(options)
    if (!fitsPath(name)) throw collectionNotFound(name)
    return decodeCollection(await this.#read(`collections/${encodeURIComponent(name)}`))
  }

  async collectionById(options: unknown): Promise<CollectionInfo> {
    return decodeCollection(await this.#read(`collections/by-id/${checkSoughtId(options)}`))
  }

  async collections(options: ListOptions | undefined): Promise<CollectionInfo[]> {
    const { limit, offset } = checkPage(options, 'listCollections')
    const page = { limit: encodeCount(limit), offset: encodeCount(offset) }
    return ((await this.#read('collections', page)) as unknown[]).map(decodeCollection)
  }

  async countCollections(): Promise<number> {
    return (await this.#read('collections_count')) as number
  }

  async tenant(options: unknown): Promise<Tenant> {
    const name = checkSought(options, 'getTenant')
    if (!fitsPath(name)) throw tenantNotFound(name)
    const found = await this.#get(`${apiRoot}/tenants/${encodeURIComponent(name)}`)
    return { name: shaped<Tenant>(found, 'a tenant').name }
  }

  async tenants(options: ListOptions | undefined): Promise<Tenant[]> {
    const { limit, offset } = checkPage(options, 'listTenants')
    const page = { limit: encodeCount(limit), offset: encodeCount(offset) }
    return (await this.#get(withQuery(`${apiRoot}/tenants`, page))) as Tenant[]
  }

  async retention(): Promise<RetentionSettings> {
    return shaped(await this.#get(`${databasePath(this.#session)}/retention`), 'a retention')
  }

  async database(options: unknown): Promise<Database> {
    return databaseOf(await this.#get(databasePath(checkDatabase(options, this.#session.tenant))))
  }

  async databases(options: ListOptions & { tenant?: string }): Promise<Database[]> {
    const { limit, offset } = checkPage(options, 'listDatabases', ['tenant'])
    const tenant = checkName(options.tenant ?? this.#session.tenant, 'tenant')
    const page = { limit: encodeCount(limit), offset: encodeCount(offset) }
    return ((await this.#get(withQuery(databasesPath(tenant), page))) as unknown[]).map(databaseOf)
  }

  async #get(path: string): Promise<unknown> {
    return (await this.#session.transport().json({ method: 'GET', path })).body
  }

  async #read(route: string, page: Record<string, number> = {}): Promise<unknown> {
    const path = withQuery(`${databasePath(this.#session)}/${route}`, { ...page, ...this.#point.parameters })
    const { header, body } = await this.#session.transport().json({ method: 'GET', path })
    this.#point.note(header)
    return body
  }
}

function databaseOf(body: unknown): Database {
  const { id, name, tenant } = shaped<Database>(body, 'a database')
  return { id, name, tenant }
}
