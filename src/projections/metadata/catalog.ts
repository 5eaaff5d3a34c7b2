import type Database from 'better-sqlite3'
import type { Retention } from '../../types.ts'
import type { CollectionRow } from './rows.ts'

/** Where a read stands: a position of the past, or `null` for now. */
export type At = number | null

/** A database that was not deleted. */
export interface DatabaseRow {
  /** Position of its creation; 0 for the default database, which is always there. */
  key: number
  id: string
  tenant: string
  name: string
}

/** A collection with a rule of its own for its history. */
export interface RetentionRow {
  id: string
  name: string
  died: number | null
}

/** A named position. */
export interface TagRow {
  name: string
  position: number
  /** The operation record that gave the name. */
  born: number
}

/** Where an idempotency key counts; empty for what belongs to no database, or to no tenant either. */
export interface KeyPlace {
  tenant: string
  database: string
}

/** What an idempotency key stands for. */
export interface RememberedKey {
  /** UUID of the collection that its commit was about; `null` for none. */
  collection: string | null
  first: number
  count: number
  committed_at: number
}

/** Which part of a list is read; what is `undefined` does not restrict. */
export interface Page {
  limit?: number | undefined
  offset?: number | undefined
}

/** Chroma's default tenant and database exist in every store, without an operation record. */
export const defaultTenant = 'default_tenant'
export const defaultDatabase = 'default_database'
const defaultDatabaseRow: DatabaseRow = {
  key: 0,
  id: '00000000-0000-0000-0000-000000000000',
  tenant: defaultTenant,
  name: defaultDatabase,
}

// A collection at position S is the row it has now, unless it was changed since: then the first version that
// was superseded after S.
const collectionsAt = `
  SELECT c.key, c.id, c.tenant, c.database, c.died, c.last_position, c.next_label, c.live_records, c.horizon,
         CASE WHEN c.changed <= @at THEN c.name ELSE v.name END AS name,
         CASE WHEN c.changed <= @at THEN c.metadata ELSE v.metadata END AS metadata,
         CASE WHEN c.changed <= @at THEN c.configuration ELSE v.configuration END AS configuration,
         c.dimension, c.changed, c.forked_from, c.inherited
    FROM collections c
    LEFT JOIN collection_versions v ON c.changed > @at
     AND v.died = (SELECT min(died) FROM collection_versions WHERE collection = c.key AND died > @at)
   WHERE c.key <= @at AND (c.died IS NULL OR c.died > @at)`

/** Tenants, databases and collections, as they are and as they were. */
export class Catalog {
  readonly #db: Database.Database
  readonly #statements = new Map<string, Database.Statement<unknown[]>>()

  constructor(db: Database.Database) {
    this.#db = db
  }

  hasTenant(name: string, at: At = null): boolean {
    if (name === defaultTenant) return true
    return this.#get('SELECT 1 FROM tenants WHERE name = ? AND born <= ?', name, bound(at)) !== undefined
  }

  /** By name. */
  tenants({ limit = -1, offset = 0 }: Page = {}): { name: string }[] {
    const sql =
      'SELECT name FROM (SELECT ? AS name UNION SELECT name FROM tenants) ORDER BY name LIMIT ? OFFSET ?'
    return this.#all(sql, defaultTenant, limit, offset)
  }

  database(tenant: string, name: string, at: At = null): DatabaseRow | undefined {
    if (tenant === defaultTenant && name === defaultDatabase) return defaultDatabaseRow
    return this.#get<DatabaseRow>(
      `SELECT key, id, tenant, name FROM databases
        WHERE tenant = ? AND name = ? AND key <= ? AND (died IS NULL OR died > ?)`,
      tenant,
      name,
      bound(at),
      bound(at),
    )
  }

  databases(tenant: string, at: At = null, page: Page = {}): DatabaseRow[] {
    const rows = this.#all<DatabaseRow>(
      `SELECT key, id, tenant, name FROM databases
        WHERE tenant = ? AND key <= ? AND (died IS NULL OR died > ?)`,
      tenant,
      bound(at),
      bound(at),
    )
    if (tenant === defaultTenant) rows.push(defaultDatabaseRow)
    rows.sort((a, b) => (a.name < b.name ? -1 : 1))
    const { limit = rows.length, offset = 0 } = page
    return rows.slice(offset, offset + limit)
  }

  /** The databases of every tenant, as they are now. */
  allDatabases(): DatabaseRow[] {
    const sql = 'SELECT key, id, tenant, name FROM databases WHERE died IS NULL ORDER BY key'
    return [defaultDatabaseRow, ...this.#all<DatabaseRow>(sql)]
  }

  collection(tenant: string, database: string, name: string, at: At = null): CollectionRow | undefined {
    if (at === null)
      return this.#get<CollectionRow>(
        'SELECT * FROM collections WHERE tenant = ? AND database = ? AND name = ? AND died IS NULL',
        tenant,
        database,
        name,
      )
    return this.#get<CollectionRow>(
      `SELECT * FROM (${collectionsAt}) WHERE tenant = @tenant AND database = @database AND name = @name`,
      { at, tenant, database, name },
    )
  }

  collectionById(id: string, at: At = null): CollectionRow | undefined {
    if (at === null)
      return this.#get<CollectionRow>('SELECT * FROM collections WHERE id = ? AND died IS NULL', id)
    return this.#get<CollectionRow>(`${collectionsAt} AND c.id = @id`, { at, id })
  }

  /** A collection as it is now or was when it was deleted. */
  newestById(id: string): CollectionRow | undefined {
    return this.#get<CollectionRow>('SELECT * FROM collections WHERE id = ?', id)
  }

  /** In the order of their creation. */
  collections(
    tenant: string,
    database: string,
    at: At = null,
    { limit = -1, offset = 0 }: Page = {},
  ): CollectionRow[] {
    return this.#all<CollectionRow>(
      `SELECT * FROM (${collectionsAt}) WHERE tenant = @tenant AND database = @database
        ORDER BY key LIMIT @limit OFFSET @offset`,
      { at: bound(at), tenant, database, limit, offset },
    )
  }

  countCollections(tenant: string, database: string, at: At = null): number {
    return this.#get<{ count: number }>(
      `SELECT count(*) AS count FROM collections
        WHERE tenant = ? AND database = ? AND key <= ? AND (died IS NULL OR died > ?)`,
      tenant,
      database,
      bound(at),
      bound(at),
    )!.count
  }

  /** Whether a collection, live or deleted, belongs to a tenant and database. */
  isIn(id: string, tenant: string, database: string): boolean {
    const sql = 'SELECT 1 FROM collections WHERE id = ? AND tenant = ? AND database = ?'
    return this.#get(sql, id, tenant, database) !== undefined
  }

  /** A collection as it is, or as it was when it was deleted. */
  everById(id: string): CollectionRow | undefined {
    return this.#get<CollectionRow>('SELECT * FROM collections WHERE id = ?', id)
  }

  /** UUIDs of the collections, live or deleted, that ever bore a name. */
  everNamed(tenant: string, database: string, name: string): string[] {
    return this.#all<{ id: string }>(
      `SELECT id FROM collections c WHERE tenant = ? AND database = ? AND (name = ? OR EXISTS (
         SELECT 1 FROM collection_versions v WHERE v.collection = c.key AND v.name = ?)) ORDER BY key`,
      tenant,
      database,
      name,
      name,
    ).map(({ id }) => id)
  }

  /**
   * The other collections of a fork family, live or deleted: whatever it is a fork of, and all forks of that.
   * Empty for a collection that is no fork and has none.
   */
  family(id: string): CollectionRow[] {
    return this.#all<CollectionRow>(
      `WITH RECURSIVE
         above (id) AS (
           SELECT ? UNION SELECT c.forked_from FROM collections c JOIN above USING (id)
            WHERE c.forked_from IS NOT NULL),
         family (id) AS (
           SELECT id FROM above
           UNION SELECT c.id FROM collections c JOIN family f ON c.forked_from = f.id)
       SELECT * FROM collections WHERE id IN (SELECT id FROM family) AND id <> ? ORDER BY key`,
      id,
      id,
    )
  }

  /** The forks among these collections and all that they were taken of: the positions of their creation. */
  ancestry(ids: readonly string[]): number[] {
    return this.#all<{ key: number }>(
      `WITH RECURSIVE above (id) AS (
         SELECT value FROM json_each(?) UNION
         SELECT c.forked_from FROM collections c JOIN above USING (id) WHERE c.forked_from IS NOT NULL)
       SELECT key FROM collections WHERE id IN (SELECT id FROM above) AND forked_from IS NOT NULL ORDER BY key`,
      JSON.stringify(ids),
    ).map(({ key }) => key)
  }

  /** Forks that were taken of a collection while it had given out a label: there it names the same vector. */
  forksWithLabel(id: string, label: number): CollectionRow[] {
    return this.#all<CollectionRow>(
      'SELECT * FROM collections WHERE forked_from = ? AND inherited > ? ORDER BY key',
      id,
      label,
    )
  }

  /** Every collection that ever was, deleted ones included. */
  allCollections(): CollectionRow[] {
    return this.#all<CollectionRow>('SELECT * FROM collections ORDER BY key')
  }

  /** Every collection of every tenant that is live now. */
  liveCollections(): CollectionRow[] {
    return this.#all<CollectionRow>('SELECT * FROM collections WHERE died IS NULL ORDER BY key')
  }

  tag(name: string): TagRow | undefined {
    return this.#get('SELECT name, position, born FROM tags WHERE name = ?', name)
  }

  /** Oldest position first. */
  tags(): TagRow[] {
    return this.#all('SELECT name, position, born FROM tags ORDER BY position, name')
  }

  /**
   * How long a collection's history is kept: by its own rule, else by the store's, else for ever. `null`: the rule
   * of the store.
   */
  retention(collection: number | null): Retention {
    const sql = 'SELECT retention FROM retentions WHERE collection IN (0, ?) ORDER BY collection DESC LIMIT 1'
    const row = this.#get<{ retention: string }>(sql, collection ?? 0)
    return row === undefined ? { history: 'forever' } : (JSON.parse(row.retention) as Retention)
  }

  /** Collections of a database that have a rule of their own, oldest first, deleted ones included. */
  ownRetentions(tenant: string, database: string): (RetentionRow & { retention: Retention })[] {
    const sql = `SELECT c.id, c.name, c.died, r.retention
                   FROM retentions r JOIN collections c ON c.key = r.collection
                  WHERE c.tenant = ? AND c.database = ? ORDER BY c.key`
    const rows = this.#all<RetentionRow & { retention: string }>(sql, tenant, database)
    return rows.map(({ retention, ...row }) => ({ ...row, retention: JSON.parse(retention) as Retention }))
  }

  /** Positions of vacuums and erasures whose work on the files is not known to be done. */
  openRedactions(): number[] {
    return this.#all<{ position: number }>('SELECT position FROM redactions ORDER BY position').map(
      ({ position }) => position,
    )
  }

  /** Notes that a redaction's bytes are gone from all files. */
  closeRedaction(position: number): void {
    this.#prepared('DELETE FROM redactions WHERE position = ?').run(position)
  }

  /** The commit that a key was first used for in its place. */
  rememberedKey({ tenant, database }: KeyPlace, key: string): RememberedKey | undefined {
    return this.#get(
      'SELECT collection, first, count, committed_at FROM idempotency_keys WHERE tenant = ? AND database = ? AND key = ?',
      tenant,
      database,
      key,
    )
  }

  #get<R>(sql: string, ...parameters: unknown[]): R | undefined {
    return this.#prepared(sql).get(...parameters) as R | undefined
  }

  #all<R>(sql: string, ...parameters: unknown[]): R[] {
    return this.#prepared(sql).all(...parameters) as R[]
  }

  #prepared(sql: string): Database.Statement<unknown[]> {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = this.#db.prepare<unknown[]>(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}

function bound(at: At): number {
  return at ?? Number.MAX_SAFE_INTEGER
}
