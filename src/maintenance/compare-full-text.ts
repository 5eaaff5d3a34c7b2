import type Database from 'better-sqlite3'
import { indexable } from '../projections/metadata/record-rows.ts'

/** Postings (a term in a record) that one step compares; it ends with the term that goes beyond. */
const stepPostings = 5_000

interface Term {
  term: string
  /** Records that have it. */
  docs: number
}

/**
 * Compares the full text indexes of two databases, term by term, through SQLite's own view of an index
 * (https://www.sqlite.org/fts5.html#the_fts5vocab_virtual_table_module). As with tables, each step is short and
 * synchronous; a single term that stands in very many records is one step all the same.
 */
export class FullTextComparison {
  readonly #expected: TermReader
  readonly #found: TermReader
  #after = ''
  #terms = 0
  #done = false

  constructor(expected: Database.Database, found: Database.Database) {
    this.#expected = new TermReader(expected)
    this.#found = new TermReader(found)
  }

  get done(): boolean {
    return this.#done
  }

  /** Terms that were compared. */
  get terms(): number {
    return this.#terms
  }

  /** Compares the next terms; answers the records (`records.added`) that are indexed otherwise. */
  step(): number[] {
    const pages = [this.#expected.page(this.#after), this.#found.page(this.#after)] as const
    const ends = pages.filter(({ isLast }) => !isLast).map(({ terms }) => terms.at(-1)!.term)
    const end = ends.sort(byBytes)[0] ?? null
    this.#done = end === null
    if (end !== null) this.#after = end
    const within = ({ term }: Term) => end === null || byBytes(term, end) <= 0
    return [...this.#differences(pages[0].terms.filter(within), pages[1].terms.filter(within))]
  }

  close(): void {
    this.#expected.close()
    this.#found.close()
  }

  #differences(expected: readonly Term[], found: readonly Term[]): Set<number> {
    const counts = new Map(found.map(({ term, docs }) => [term, docs]))
    const records = new Set<number>()
    for (const { term, docs } of expected) {
      this.#terms += 1
      const same = counts.get(term) === docs && this.#expected.digest(term) === this.#found.digest(term)
      counts.delete(term)
      if (!same) this.#collect(term, records)
    }
    for (const term of counts.keys()) this.#collect(term, records)
    return records
  }

  #collect(term: string, into: Set<number>): void {
    const expected = new Set(this.#expected.records(term))
    for (const record of this.#found.records(term)) if (!expected.delete(record)) into.add(record)
    for (const record of expected) into.add(record)
  }
}

/** Indexes a record's document anew. To be called in the turn in which the difference was found. */
export function mendFullText(db: Database.Database, record: number): void {
  db.prepare('DELETE FROM documents_fts WHERE rowid = ?').run(record)
  const document = db.prepare('SELECT document FROM records WHERE added = ?').pluck().get(record)
  if (typeof document !== 'string') return
  db.prepare('INSERT INTO documents_fts (rowid, document) VALUES (?, ?)').run(record, indexable(document))
}

/** Reads one index, through two temporary tables that hold nothing themselves. */
class TermReader {
  readonly #db: Database.Database
  readonly #page: Database.Statement<[string], Term>
  readonly #digest: Database.Statement<[string], string>
  readonly #records: Database.Statement<[string], number>

  constructor(db: Database.Database) {
    this.#db = db
    this.#drop()
    db.exec(`
      CREATE VIRTUAL TABLE temp.verified_terms USING fts5vocab(main, documents_fts, 'row');
      CREATE VIRTUAL TABLE temp.verified_records USING fts5vocab(main, documents_fts, 'instance')`)
    // Terms come in the order of their bytes; to ask for that order would make SQLite sort all of them.
    this.#page = db.prepare('SELECT term, doc AS docs FROM temp.verified_terms WHERE term > ?')
    this.#digest = db
      .prepare<[string], string>(
        `SELECT count(*) || ' ' || total(doc) || ' ' || total((doc & 1048575) * 2654435761 & 4294967295)
           FROM temp.verified_records WHERE term = ?`,
      )
      .pluck()
    this.#records = db
      .prepare<[string], number>('SELECT doc FROM temp.verified_records WHERE term = ?')
      .pluck()
  }

  /** The next terms, as many as one step takes. */
  page(after: string): { terms: Term[]; isLast: boolean } {
    const terms: Term[] = []
    let postings = 0
    for (const term of this.#page.iterate(after)) {
      terms.push(term)
      postings += term.docs
      if (postings >= stepPostings) return { terms, isLast: false }
    }
    return { terms, isLast: true }
  }

  /** Sums that differ, unless by a rare chance, when the records of a term do. */
  digest(term: string): string {
    return this.#digest.get(term) ?? ''
  }

  records(term: string): number[] {
    return this.#records.all(term)
  }

  close(): void {
    this.#drop()
  }

  #drop(): void {
    this.#db.exec('DROP TABLE IF EXISTS temp.verified_terms; DROP TABLE IF EXISTS temp.verified_records')
  }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
