import type Database from 'better-sqlite3'
import type { Filter } from '../../filter/filter.ts'
import { filterToSql, type SqlValue } from './filter-to-sql.ts'
import { standsOn, type VersionRow } from './rows.ts'

/** Which live records of a collection a read is about. */
export interface Selection {
  collection: number
  ids?: readonly string[] | null
  filter?: Filter | null
  /** Only records whose live version was made at or before this position. */
  unchangedSince?: number | null
}

/** One version of a vector: where it was born and where it died. */
export interface LabelRow {
  label: number
  born: number
  /** 0 while it is live. */
  died: number
}

/** A superseded version, and the position that superseded it. */
export interface SupersededRow extends VersionRow {
  died: number
}

const columns = 'r.added, r.id, r.label, r.position, r.vector_at, r.document_at, r.uri, r.metadata'
const versionColumns = 'added, id, label, born AS position, vector_at, document_at, uri, metadata'

/** Which of the selected records are read, and how much of them. */
export interface Window {
  /** `null`: all. */
  limit: number | null
  /** Default 0. */
  offset?: number
  /** Default false. */
  withDocument?: boolean
}

/** Live records and superseded versions, selected by id, filter, label and position. Reads only. */
export class RecordTable {
  readonly #db: Database.Database
  readonly #fixed = new Map<string, Database.Statement<unknown[]>>()

  constructor(db: Database.Database) {
    this.#db = db
  }

  /** Live records in insertion order. */
  select(selection: Selection, { limit, offset = 0, withDocument = false }: Window): VersionRow[] {
    const { condition, parameters } = where(selection)
    const document = withDocument ? ', r.document' : ''
    return this.#db
      .prepare<unknown[], VersionRow>(
        `SELECT ${columns}${document} FROM records r WHERE ${condition} ORDER BY r.added LIMIT ? OFFSET ?`,
      )
      .all(...parameters, limit ?? -1, offset)
  }

  count(selection: Selection): number {
    const { condition, parameters } = where(selection)
    return this.#db
      .prepare<unknown[], { count: number }>(`SELECT count(*) AS count FROM records r WHERE ${condition}`)
      .get(...parameters)!.count
  }

  /** The labels of the selected live records, in no order. */
  labels(selection: Selection): number[] {
    const { condition, parameters } = where(selection)
    return this.#db
      .prepare<unknown[], number>(`SELECT r.label FROM records r WHERE ${condition}`)
      .pluck()
      .all(...parameters)
  }

  live(collection: number, id: string): VersionRow | undefined {
    return this.#prepared('SELECT * FROM records WHERE collection = ? AND id = ?').get(collection, id) as
      | VersionRow
      | undefined
  }

  /** The live records among those with these labels, in no order. */
  liveByLabels(collection: number, labels: readonly number[], withDocument: boolean): VersionRow[] {
    const document = withDocument ? ', r.document' : ''
    const sql = `SELECT ${columns}${document} FROM records r
      WHERE r.collection = ? AND r.label IN (SELECT value FROM json_each(?))`
    return this.#prepared(sql).all(collection, JSON.stringify(labels)) as VersionRow[]
  }

  /** The version that carried `label` at position `at`, if it was superseded since. */
  supersededByLabel(collection: number, label: number, at: number): VersionRow | undefined {
    const sql = `SELECT ${versionColumns} FROM record_versions
      WHERE collection = ? AND label = ? AND died > ? AND born <= ? ORDER BY died LIMIT 1`
    return this.#prepared(sql).get(collection, label, at, at) as VersionRow | undefined
  }

  /** The label of the version that the operation record at `position` superseded. */
  labelSupersededAt(position: number): number | undefined {
    const row = this.#prepared('SELECT label FROM record_versions WHERE died = ?').get(position)
    return (row as { label: number } | undefined)?.label
  }

  /** The versions that were live at position `at` and were superseded since, in insertion order. */
  superseded(collection: number, at: number): VersionRow[] {
    const sql = `SELECT ${versionColumns} FROM record_versions
      WHERE collection = ? AND died > ? AND born <= ? ORDER BY added`
    return this.#prepared(sql).all(collection, at, at) as VersionRow[]
  }

  /** Position of the newest operation record for an id, live or deleted; 0 when it was never there. */
  newestPosition(collection: number, id: string): number {
    return this.live(collection, id)?.position ?? this.lastDeath(collection, id)
  }

  /** Position of the operation record that deleted an id, which is not live; 0 when it was never there. */
  lastDeath(collection: number, id: string): number {
    const sql = `
      SELECT max(position) AS position FROM (
        SELECT max(died) AS position FROM record_versions WHERE collection = ? AND id = ?
        UNION ALL SELECT position FROM record_ends WHERE collection = ? AND id = ?)`
    const row = this.#prepared(sql).get(collection, id, collection, id) as { position: number | null }
    return row.position ?? 0
  }

  /** Positions of the payloads that a record's versions stand on, live and superseded, ascending. */
  payloads(collection: number, id: string): number[] {
    const positions = new Set<number>()
    const live = this.live(collection, id)
    const superseded = this.versionsOf(collection, id)
    for (const version of live === undefined ? superseded : [...superseded, live])
      for (const at of standsOn(version)) positions.add(at)
    return [...positions].sort((a, b) => a - b)
  }

  /** The superseded versions of one record, oldest first. */
  versionsOf(collection: number, id: string): SupersededRow[] {
    const sql = `SELECT ${versionColumns}, died FROM record_versions WHERE collection = ? AND id = ? ORDER BY died`
    return this.#prepared(sql).all(collection, id) as SupersededRow[]
  }

  /** Ids with versions superseded at or before a position. */
  idsSupersededBy(collection: number, position: number): string[] {
    const sql = 'SELECT DISTINCT id FROM record_versions WHERE collection = ? AND died <= ? ORDER BY id'
    return this.#prepared(sql).pluck().all(collection, position) as string[]
  }

  /** The version of an id that stood at a position; `undefined` when it was not there. */
  versionAt(collection: number, id: string, at: number): VersionRow | undefined {
    const sql = `SELECT ${columns} FROM records r WHERE r.collection = ? AND r.id = ?`
    const live = this.#prepared(sql).get(collection, id) as VersionRow | undefined
    if (live !== undefined && live.position <= at) return live
    const before = `SELECT ${versionColumns} FROM record_versions
      WHERE collection = ? AND id = ? AND died > ? ORDER BY died LIMIT 1`
    const superseded = this.#prepared(before).get(collection, id, at) as VersionRow | undefined
    return superseded !== undefined && superseded.position <= at ? superseded : undefined
  }

  /** Position of the newest operation record for an id at or before `at`; 0 when there is none. */
  newestPositionAt(collection: number, id: string, at: number): number {
    const standing = this.versionAt(collection, id, at)
    if (standing !== undefined) return standing.position
    const sql = 'SELECT max(died) AS died FROM record_versions WHERE collection = ? AND id = ? AND died <= ?'
    const row = this.#prepared(sql).get(collection, id, at) as { died: number | null }
    return row.died ?? 0
  }

  /** A page of the live records in the order of labels: those after a label. */
  pageLive(collection: number, label: number, limit: number): VersionRow[] {
    const sql = `SELECT ${columns} FROM records r
      WHERE r.collection = ? AND r.label > ? ORDER BY r.label LIMIT ?`
    return this.#prepared(sql).all(collection, label, limit) as VersionRow[]
  }

  /** Live records whose version stood at `at` already: a page in the order of ids, those after `id`. */
  pageUnchanged(collection: number, at: number, id: string, limit: number): VersionRow[] {
    const sql = `SELECT ${columns} FROM records r
      WHERE r.collection = ? AND r.id > ? AND r.position <= ? ORDER BY r.id LIMIT ?`
    return this.#prepared(sql).all(collection, id, at, limit) as VersionRow[]
  }

  /** Versions that stood at `at` and were superseded since: a page in the order of ids, those after `id`. */
  pageSuperseded(collection: number, at: number, id: string, limit: number): VersionRow[] {
    const sql = `SELECT ${versionColumns} FROM record_versions
      WHERE collection = ? AND id > ? AND died > ? AND born <= ? ORDER BY id LIMIT ?`
    return this.#prepared(sql).all(collection, id, at, at, limit) as VersionRow[]
  }

  /** Every label of the collection in `[first, next)` that is still told apart, live and dead. */
  labelRows(
    collection: number,
    first = 0,
    next: number = Number.MAX_SAFE_INTEGER,
  ): IterableIterator<LabelRow> {
    const sql = `
      SELECT label, vector_at AS born, 0 AS died FROM records
       WHERE collection = :collection AND label >= :first AND label < :next
      UNION ALL
      SELECT label, vector_at AS born, max(died) AS died FROM record_versions v
       WHERE collection = :collection AND label >= :first AND label < :next
         AND NOT EXISTS (SELECT 1 FROM records WHERE collection = v.collection AND label = v.label)
       GROUP BY label`
    return this.#db.prepare<unknown[], LabelRow>(sql).iterate({ collection, first, next })
  }

  #prepared(sql: string): Database.Statement<unknown[]> {
    const known = this.#fixed.get(sql)
    if (known !== undefined) return known
    const statement = this.#db.prepare<unknown[]>(sql)
    this.#fixed.set(sql, statement)
    return statement
  }
}

function where({ collection, ids, filter, unchangedSince }: Selection): {
  condition: string
  parameters: SqlValue[]
} {
  // The plus keeps SQLite from walking the whole collection where the filter's own index finds a few rows.
  const conditions = [filter == null ? 'r.collection = ?' : '+r.collection = ?']
  const parameters: SqlValue[] = [collection]
  if (ids != null) {
    conditions.push('r.id IN (SELECT value FROM json_each(?))')
    parameters.push(JSON.stringify(ids))
  }
  if (unchangedSince != null) {
    conditions.push('r.position <= ?')
    parameters.push(unchangedSince)
  }
  if (filter != null) {
    const compiled = filterToSql(filter, collection)
    conditions.push(compiled.sql)
    parameters.push(...compiled.parameters)
  }
  return { condition: conditions.join(' AND '), parameters }
}
