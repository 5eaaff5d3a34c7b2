import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AbstractLevel } from 'abstract-level'
import { AnnalsError, messageOf } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Entry, EntryRange, Handle, KeyRange } from './medium.ts'

/** Any LevelDB-like database with binary keys and values. */
export type BinaryLevel = AbstractLevel<string | Buffer | Uint8Array, Buffer, Buffer>

/** Encodings for `BinaryLevel`. */
export const binaryEncodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const

/** `Handle` on an open LevelDB database, on disk or in memory. */
export class LevelHandle implements Handle {
  readonly recoveredBytes: number
  readonly #db: BinaryLevel

  constructor(db: BinaryLevel, recoveredBytes = 0) {
    this.#db = db
    this.recoveredBytes = recoveredBytes
  }

  get(key: Buffer): Promise<Buffer | undefined> {
    return this.#db.get(key).catch(rethrown)
  }

  getMany(keys: Buffer[]): Promise<(Buffer | undefined)[]> {
    return this.#db.getMany(keys).catch(rethrown)
  }

  async entries(range: EntryRange): Promise<Entry[]> {
    const { bytesMax = Number.POSITIVE_INFINITY, ...bounds } = range
    const iterator = this.#db.iterator(bounds)
    const found: Entry[] = []
    try {
      for (let bytes = 0; bytes < bytesMax && found.length < range.limit; ) {
        const some = await iterator.nextv(range.limit - found.length)
        if (some.length === 0) break
        for (const [key, value] of some) {
          found.push({ key, value })
          bytes += value.length
        }
      }
    } catch (error) {
      rethrown(error)
    } finally {
      await iterator.close()
    }
    return found
  }

  async write(puts: readonly Entry[], removals: readonly Buffer[] = []): Promise<void> {
    // `sync` is classic-level's own option, unknown to the abstract type and to the store in memory.
    const sync = { sync: true } as object
    if (puts.length > limits.batchedPerTurn) return this.#writeInTurns(puts, removals, sync)
    const operations = [
      ...puts.map(({ key, value }) => ({ type: 'put' as const, key, value })),
      ...removals.map((key) => ({ type: 'del' as const, key })),
    ]
    await this.#db.batch(operations, sync)
  }

  /** The same for a large batch: LevelDB takes it in parts, and writes it as one. */
  async #writeInTurns(puts: readonly Entry[], removals: readonly Buffer[], sync: object): Promise<void> {
    const batch = this.#db.batch()
    try {
      for (const [index, { key, value }] of puts.entries()) {
        if (index > 0 && index % limits.batchedPerTurn === 0) await nextTurn()
        batch.put(key, value)
      }
      for (const key of removals) batch.del(key)
      await batch.write(sync)
    } finally {
      await batch.close()
    }
  }

  async compact({ gte, lt }: KeyRange): Promise<void> {
    // The store in memory keeps nothing that was overwritten, and has no method for it.
    const { compactRange } = this.#db as { compactRange?: (start: Buffer, end: Buffer) => Promise<void> }
    if (compactRange === undefined) return
    // A file is only rewritten together with one of a level above that overlaps it. So first everything goes
    // into files; then the outermost entries, written again, make one that overlaps them all.
    for (let round = 0; round < 2; round++) {
      const outermost = [
        await this.entries({ gte, lt, limit: 1 }),
        await this.entries({ gte, lt, limit: 1, reverse: true }),
      ]
      await this.write(outermost.flat())
      await compactRange.call(this.#db, gte, lt)
    }
  }

  close(): Promise<void> {
    return this.#db.close()
  }
}

/**
 * LevelDB's own checks find little, but what they find is damage; so are tables that are cut off, which it reads
 * before their beginning, and disks that cannot be read. Anything else, such as too many open files, may pass.
 */
function rethrown(error: unknown): never {
  const { code } = error as { code?: unknown }
  const message = messageOf(error)
  if (code === 'LEVEL_CORRUPTION' || (code === 'LEVEL_IO_ERROR' && tableDamage.test(message)))
    throw new AnnalsError('log_damaged', `LevelDB cannot read the operation log: ${message}.`, {
      hint: 'Restore from a backup, or open with recovery "salvage".',
      cause: error,
    })
  if (code === 'LEVEL_IO_ERROR')
    throw new AnnalsError('log_unavailable', `LevelDB cannot read the operation log: ${message}.`, {
      cause: error,
    })
  throw error
}

const tableDamage = /Invalid argument|No such file|Input\/output error/
