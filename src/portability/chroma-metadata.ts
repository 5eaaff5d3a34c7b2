/** The metadata segment of one of Chroma's collections: which records there are, and all of them but the vectors. */
import type Database from 'better-sqlite3'
import { WholeFloat } from '../exact-number.ts'
import { type ChromaContent, documentKey, uriKey } from './chroma-queue.ts'

interface ValueRow {
  id: bigint
  key: string
  string_value: unknown
  int_value: unknown
  float_value: unknown
  bool_value: unknown
}

/** A record under its number in SQLite. */
interface RecordRow {
  number: bigint
  id: string
}

/** What one metadata segment of Chroma's holds: ids, documents, uris and metadata. */
export class ChromaMetadata {
  readonly #db: Database.Database
  /** `null` for a collection without such a segment. */
  readonly #segment: string | null
  readonly #hasArrays: boolean

  constructor(db: Database.Database, segment: string | null) {
    this.#db = db
    this.#segment = segment
    // Since Chroma 1.3: earlier versions have no arrays.
    const sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'embedding_metadata_array'"
    this.#hasArrays = db.prepare(sql).get() !== undefined
  }

  /** All records, in insertion order. */
  *pages(size: number): Generator<{ id: string; content: ChromaContent }[], void, undefined> {
    // The plus makes SQLite follow the primary key; by the segment's index every page would be sorted anew.
    const page = this.#db
      .prepare<[string | null, bigint, number], RecordRow>(
        `SELECT e.id AS number, e.embedding_id AS id FROM embeddings e
          WHERE +e.segment_id = ? AND e.id > ? ORDER BY e.id LIMIT ?`,
      )
      .safeIntegers()
    let last = -1n
    while (true) {
      const rows = page.all(this.#segment, last, size)
      if (rows.length > 0) yield this.#contents(rows)
      if (rows.length < size) return
      last = rows.at(-1)!.number
    }
  }

  /** One record, or `null`. */
  find(id: string): ChromaContent | null {
    const row = this.#db
      .prepare<[string | null, string], RecordRow>(
        'SELECT id AS number, embedding_id AS id FROM embeddings WHERE segment_id = ? AND embedding_id = ?',
      )
      .safeIntegers()
      .get(this.#segment, id)
    return row === undefined ? null : (this.#contents([row])[0]?.content ?? null)
  }

  #contents(rows: RecordRow[]): { id: string; content: ChromaContent }[] {
    const contents = new Map<bigint, ChromaContent>(
      rows.map(({ number }) => [number, { document: null, uri: null, metadata: new Map(), problem: null }]),
    )
    const numbers = JSON.stringify(rows.map(({ number }) => Number(number)))
    for (const row of this.#values('embedding_metadata', numbers)) setScalar(contents.get(row.id)!, row)
    if (this.#hasArrays)
      for (const row of this.#values('embedding_metadata_array', numbers))
        addElement(contents.get(row.id)!, row)
    return rows.map(({ number, id }) => ({ id, content: contents.get(number)! }))
  }

  #values(table: 'embedding_metadata' | 'embedding_metadata_array', numbers: string): ValueRow[] {
    const sql = `SELECT * FROM ${table} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY rowid`
    return this.#db.prepare<[string], ValueRow>(sql).safeIntegers().all(numbers)
  }
}

function setScalar(content: ChromaContent, row: ValueRow): void {
  const value = scalarOf(row.string_value, row.int_value, row.float_value, row.bool_value)
  if (row.key === documentKey) content.document = value as string | null
  else if (row.key === uriKey) content.uri = value as string | null
  else if (value !== null) content.metadata.set(row.key, value)
}

function addElement(content: ChromaContent, row: ValueRow): void {
  const value = scalarOf(row.string_value, row.int_value, row.float_value, row.bool_value)
  const elements = content.metadata.get(row.key)
  if (Array.isArray(elements)) elements.push(value)
  else content.metadata.set(row.key, [value])
}

/**
 * A value from the column that it stands in: a boolean is a boolean and `2.0` a float, although SQLite has neither.
 * The statement must answer integers as bigints.
 */
export function scalarOf(text: unknown, whole: unknown, real: unknown, boolean: unknown): unknown {
  if (text != null) return text
  if (boolean != null) return Number(boolean) !== 0
  if (whole != null) return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole
  return Number.isInteger(real) ? new WholeFloat(real as number) : (real ?? null)
}
