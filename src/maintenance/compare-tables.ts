import type Database from 'better-sqlite3'

/** One row of any table. Integers are bigints: those of metadata may lie beyond 2^53 - 1. */
export type Row = Record<string, string | number | bigint | Buffer | null>

/** A table, as its own database describes it. */
export interface Table {
  name: string
  columns: string[]
  /** The columns of its primary key, in order. */
  key: string[]
}

/** A row that the two databases do not agree on. */
export interface RowDifference {
  table: Table
  /** As it is derived; `null` when there is no such row. */
  expected: Row | null
  /** As it stands; `null` when it is missing. */
  found: Row | null
}

/** Rows that are compared in one turn of the event loop. */
const pageRows = 100

/** What is not derived from the log: the manifest, work under way, and the tables inside full text. */
const notDerived = /^(sqlite_|documents_fts)|^(segments|redactions)$/

/** The tables that the log alone determines, whatever the schema holds. */
export function derivedTables(db: Database.Database): Table[] {
  const names = db
    .prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .pluck()
    .all()
  return names.filter((name) => !notDerived.test(name)).map((name) => describe(db, name))
}

function describe(db: Database.Database, name: string): Table {
  const columns = db.pragma(`table_info(${name})`) as { name: string; pk: number }[]
  const key = columns.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk)
  return { name, columns: columns.map((one) => one.name), key: key.map((one) => one.name) }
}

/**
 * Compares one table in two databases, page by page in the order of its primary key. Each step is short and
 * synchronous, and sees both databases as they are in that moment, so they may change between two steps.
 */
export class TableComparison {
  readonly table: Table
  readonly #expected: Database.Database
  readonly #found: Database.Database
  #after: Row | null = null
  #done = false
  #rows = 0

  constructor(table: Table, expected: Database.Database, found: Database.Database) {
    this.table = table
    this.#expected = expected
    this.#found = found
  }

  get done(): boolean {
    return this.#done
  }

  /** Rows that were compared. */
  get rows(): number {
    return this.#rows
  }

  /** Compares the next page. */
  step(): RowDifference[] {
    const expected = this.#page(this.#expected)
    const found = this.#page(this.#found)
    const ends = [expected, found].filter((page) => page.length === pageRows).map((page) => page.at(-1)!)
    const end = ends.sort((a, b) => this.#order(a, b))[0] ?? null
    this.#after = end
    this.#done = end === null
    const within = (row: Row) => end === null || this.#order(row, end) <= 0
    return this.#differences(expected.filter(within), found.filter(within))
  }

  #differences(expected: readonly Row[], found: readonly Row[]): RowDifference[] {
    const { table } = this
    const differences: RowDifference[] = []
    for (let i = 0, j = 0; i < expected.length || j < found.length; ) {
      const [left, right] = [expected[i], found[j]]
      const order = left === undefined ? 1 : right === undefined ? -1 : this.#order(left, right)
      if (order < 0) differences.push({ table, expected: left!, found: null })
      else if (order > 0) differences.push({ table, expected: null, found: right! })
      else if (differing(table, left!, right!).length > 0)
        differences.push({ table, expected: left!, found: right! })
      if (order <= 0) i += 1
      if (order >= 0) j += 1
      this.#rows += 1
    }
    return differences
  }

  #page(db: Database.Database): Row[] {
    const { name, key } = this.table
    const columns = key.join(', ')
    const after = this.#after
    const where = after === null ? '' : `WHERE (${columns}) > (${key.map(() => '?').join(', ')})`
    const parameters = after === null ? [] : key.map((column) => after[column])
    return db
      .prepare<unknown[], Row>(`SELECT * FROM ${name} ${where} ORDER BY ${columns} LIMIT ${pageRows}`)
      .safeIntegers()
      .all(...parameters)
  }

  #order(a: Row, b: Row): number {
    for (const column of this.table.key) {
      const order = compareValues(a[column]!, b[column]!)
      if (order !== 0) return order
    }
    return 0
  }
}

/** The columns in which two rows with one key differ. */
export function differing(table: Table, a: Row, b: Row): string[] {
  return table.columns.filter((column) => !sameValue(a[column], b[column]))
}

/** Writes the row as it should be. To be called in the turn in which the difference was found. */
export function mendRow(db: Database.Database, { table, expected, found }: RowDifference): void {
  const { name, columns, key } = table
  // First, so that no unique index stands in the way of what replaces it.
  const gone = found ?? expected!
  const condition = key.map((column) => `${column} = ?`).join(' AND ')
  db.prepare(`DELETE FROM ${name} WHERE ${condition}`).run(...key.map((column) => gone[column]))
  if (expected === null) return
  const places = columns.map(() => '?').join(', ')
  db.prepare(`INSERT OR REPLACE INTO ${name} (${columns.join(', ')}) VALUES (${places})`).run(
    ...columns.map((column) => expected[column]),
  )
}

/** How a finding names a row: `records[added=17]`. */
export function nameOf({ table, expected, found }: RowDifference): string {
  const row = expected ?? found!
  return `${table.name}[${table.key.map((column) => `${column}=${String(row[column])}`).join(', ')}]`
}

// SQLite orders text by its UTF-8 bytes, JavaScript by UTF-16 units.
function compareValues(a: NonNullable<Row[string]>, b: NonNullable<Row[string]>): number {
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : Number(a > b)
  return Buffer.compare(Buffer.from(a as string), Buffer.from(b as string))
}

function sameValue(a: Row[string] | undefined, b: Row[string] | undefined): boolean {
  return Buffer.isBuffer(a) && Buffer.isBuffer(b) ? a.equals(b) : a === b
}
