import type { Filter } from '../filter/filter.ts'
import { matchesFilter } from '../filter/match-filter.ts'
import { readsDocument } from '../filter/reads-document.ts'
import type { OperationLog } from '../log/operation-log.ts'
import type { At } from '../projections/metadata/catalog.ts'
import type { RecordTable, Window } from '../projections/metadata/record-table.ts'
import { parseMetadata, type VersionRow } from '../projections/metadata/rows.ts'

/** What a read is restricted to. */
export interface Wanted {
  ids: string[] | null
  filter: Filter | null
}

/**
 * The versions of a collection's records that stood at a position, found by id and filter.
 *
 * Live records whose version is old enough are selected by SQLite. The others are those superseded since: they
 * are few, and are judged one by one, with their documents read from the log where the filter asks for them.
 */
export class VersionSelector {
  readonly #log: OperationLog
  readonly #records: RecordTable

  constructor(log: OperationLog, records: RecordTable) {
    this.#log = log
    this.#records = records
  }

  /** In insertion order. */
  async select(collection: number, wanted: Wanted, at: At, window: Window): Promise<VersionRow[]> {
    const { limit, offset = 0, withDocument = false } = window
    if (at === null) return this.#records.select({ collection, ...wanted }, window)
    const end = limit === null ? null : offset + limit
    const old = { collection, ...wanted, unchangedSince: at }
    const unchanged = this.#records.select(old, { limit: end, withDocument })
    const superseded = await this.superseded(collection, wanted, at)
    const merged = [...unchanged, ...superseded].sort((a, b) => a.added - b.added)
    const page = merged.slice(offset, end ?? undefined)
    return withDocument ? this.withDocuments(page) : page
  }

  async count(collection: number, at: number): Promise<number> {
    const unchanged = this.#records.count({ collection, unchangedSince: at })
    return unchanged + this.#records.superseded(collection, at).length
  }

  /** The labels of the selected versions. */
  async labels(collection: number, wanted: Wanted, at: At): Promise<number[]> {
    if (at === null) return this.#records.labels({ collection, ...wanted })
    const unchanged = this.#records.labels({ collection, ...wanted, unchangedSince: at })
    const superseded = await this.superseded(collection, wanted, at)
    return [...unchanged, ...superseded.map(({ label }) => label)]
  }

  /** Those that stood at `at` and were superseded since. */
  async superseded(collection: number, { ids, filter }: Wanted, at: number): Promise<VersionRow[]> {
    const named = ids === null ? null : new Set(ids)
    const candidates = this.#records
      .superseded(collection, at)
      .filter(({ id }) => named === null || named.has(id))
    if (filter === null) return candidates
    const rows = readsDocument(filter) ? await this.withDocuments(candidates) : candidates
    return rows.filter(({ id, metadata, document }) =>
      matchesFilter(filter, { id, metadata: parseMetadata(metadata), document: document ?? null }),
    )
  }

  /** The same rows, with the documents that were not at hand read from the log. */
  async withDocuments(rows: readonly VersionRow[]): Promise<VersionRow[]> {
    const missing = rows.filter(({ document, document_at }) => document === undefined && document_at > 0)
    if (missing.length === 0) return [...rows]
    const records = await this.#log.readMany(missing.map(({ document_at }) => document_at))
    const documents = new Map(
      records.map((record) => [
        record.position,
        'vectorAt' in record ? (record.state?.document ?? null) : null,
      ]),
    )
    return rows.map((row) => ({ ...row, document: row.document ?? documents.get(row.document_at) ?? null }))
  }
}
