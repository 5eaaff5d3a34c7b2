import type Database from 'better-sqlite3'

/** A sealed segment that is live. */
export interface SegmentRow {
  id: number
  /** `collections.key`. */
  collection: number
  /** It holds the labels from here … */
  first_label: number
  /** … up to, but without, this one. */
  next_label: number
  /** Path below the store's folder of segments. */
  file: string
  bytes: number
  /** SHA-256 of the file. */
  digest: Buffer
}

/**
 * The list of live sealed segments.
 *
 * What holds: a file is durable, verified and in its place before it is named here, and segments of one
 * collection cover disjoint ranges of labels.
 */
export class Manifest {
  readonly #insert: Database.Statement<[number, number, number, string, number, Buffer]>
  readonly #replace: Database.Statement<[number, Buffer, number]>
  readonly #ofCollection: Database.Statement<[number], SegmentRow>
  readonly #all: Database.Statement<[], SegmentRow>
  readonly #remove: Database.Statement<[number]>

  constructor(db: Database.Database) {
    this.#insert = db.prepare(
      'INSERT INTO segments (collection, first_label, next_label, file, bytes, digest) VALUES (?, ?, ?, ?, ?, ?)',
    )
    this.#replace = db.prepare('UPDATE segments SET bytes = ?, digest = ? WHERE id = ?')
    this.#ofCollection = db.prepare('SELECT * FROM segments WHERE collection = ? ORDER BY first_label')
    this.#all = db.prepare('SELECT * FROM segments ORDER BY id')
    this.#remove = db.prepare('DELETE FROM segments WHERE id = ?')
  }

  add({ collection, first_label, next_label, file, bytes, digest }: Omit<SegmentRow, 'id'>): SegmentRow {
    const { lastInsertRowid } = this.#insert.run(collection, first_label, next_label, file, bytes, digest)
    return { id: Number(lastInsertRowid), collection, first_label, next_label, file, bytes, digest }
  }

  /** After a file was built again: its size and digest now. */
  rebuilt(id: number, bytes: number, digest: Buffer): void {
    this.#replace.run(bytes, digest, id)
  }

  remove(id: number): void {
    this.#remove.run(id)
  }

  ofCollection(collection: number): SegmentRow[] {
    return this.#ofCollection.all(collection)
  }

  all(): SegmentRow[] {
    return this.#all.all()
  }
}
