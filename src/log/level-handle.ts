import type { AbstractLevel } from 'abstract-level'
import type { Entry, EntryRange, Handle } from './medium.ts'

/** Any LevelDB-like database with binary keys and values. */
export type BinaryLevel = AbstractLevel<string | Buffer | Uint8Array, Buffer, Buffer>

/** Encodings for `BinaryLevel`. */
export const binaryEncodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const

/** `Handle` on an open LevelDB database, on disk or in memory. */
export class LevelHandle implements Handle {
  readonly #db: BinaryLevel

  constructor(db: BinaryLevel) {
    this.#db = db
  }

  get(key: Buffer): Promise<Buffer | undefined> {
    return this.#db.get(key)
  }

  getMany(keys: Buffer[]): Promise<(Buffer | undefined)[]> {
    return this.#db.getMany(keys)
  }

  async entries(range: EntryRange): Promise<Entry[]> {
    const found = await this.#db.iterator({ ...range }).all()
    return found.map(([key, value]) => ({ key, value }))
  }

  async write(puts: readonly Entry[], removals: readonly Buffer[] = []): Promise<void> {
    const operations = [
      ...puts.map(({ key, value }) => ({ type: 'put' as const, key, value })),
      ...removals.map((key) => ({ type: 'del' as const, key })),
    ]
    // `sync` is classic-level's own option, unknown to the abstract type and to the store in memory.
    await this.#db.batch(operations, { sync: true } as object)
  }

  close(): Promise<void> {
    return this.#db.close()
  }
}
