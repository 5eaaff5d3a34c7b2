import { AnnalsError } from '../errors.ts'
import type { Metadata, PutColumns, WriteOptions } from '../types.ts'
import { type CheckedRecord, reasonOf } from './exchange-record.ts'
import type { ImportTarget } from './exchange-types.ts'

/** `add` leaves records that exist as they are; `upsert` changes them to what is imported. */
export type ImportMode = 'add' | 'upsert'

export interface BatchWriterOptions {
  mode: ImportMode
  batchSize: number
  /** Actor and reason of every write. */
  write: WriteOptions
  /** With a key, each batch bears one of its own, made of this and of the lines it holds. */
  idempotencyKey: string | null
  /** Told of each record that the store refuses; without it the store's error ends the import. */
  onRefused: ((record: CheckedRecord, line: number, reason: string) => void) | null
}

interface Entry {
  record: CheckedRecord
  line: number
}

/** A batch holds no more than this, however few records that are. */
const batchBytesMax = 16_777_216

/** What the store says of single records; all else (disk full, closed, …) concerns the import as a whole. */
const refusals: ReadonlySet<string> = new Set([
  'invalid_argument',
  'dimension_mismatch',
  'limit_exceeded',
  // Of a record with a document and no vector.
  'embedding_function_missing',
])

/**
 * Writes records in batches, in the order in which they come; each batch is one transaction.
 *
 * What holds: no batch holds an id twice, because a write may not; a batch that the store refuses is halved
 * until the record is found that it refuses.
 */
export class BatchWriter {
  readonly #target: ImportTarget
  readonly #options: BatchWriterOptions
  #batch: Entry[] = []
  #ids = new Set<string>()
  #bytes = 0
  #written = 0
  #changed = 0

  constructor(target: ImportTarget, options: BatchWriterOptions) {
    this.#target = target
    this.#options = options
  }

  /** Records that the store has acknowledged, those included that were there already. */
  get written(): number {
    return this.#written
  }

  /** Operation records that it appended for them. */
  get changed(): number {
    return this.#changed
  }

  /** Takes one record; answers whether a batch was written. */
  async put(record: CheckedRecord, line: number): Promise<boolean> {
    const full = this.#batch.length >= this.#options.batchSize || this.#bytes > batchBytesMax
    const flushed = (full || this.#ids.has(record.id)) && this.#batch.length > 0
    if (flushed) await this.flush()
    this.#batch.push({ record, line })
    this.#ids.add(record.id)
    this.#bytes += record.bytes
    return flushed
  }

  /** Writes what is still held. */
  async flush(): Promise<void> {
    const batch = this.#batch
    this.#batch = []
    this.#ids = new Set()
    this.#bytes = 0
    if (batch.length > 0) await this.#write(batch)
  }

  async #write(batch: Entry[]): Promise<void> {
    try {
      const { count } = await this.#target[this.#options.mode](columnsOf(batch), this.#writeOptions(batch))
      this.#written += batch.length
      this.#changed += count
    } catch (error) {
      const { onRefused } = this.#options
      if (onRefused === null || !(error instanceof AnnalsError) || !refusals.has(error.code)) throw error
      if (batch.length === 1) return onRefused(batch[0]!.record, batch[0]!.line, reasonOf(error))
      const middle = Math.ceil(batch.length / 2)
      await this.#write(batch.slice(0, middle))
      await this.#write(batch.slice(middle))
    }
  }

  #writeOptions(batch: Entry[]): WriteOptions {
    const { write, idempotencyKey } = this.#options
    if (idempotencyKey === null) return write
    return { ...write, idempotencyKey: `${idempotencyKey}/${batch[0]!.line}-${batch.at(-1)!.line}` }
  }
}

function columnsOf(batch: Entry[]): PutColumns<Metadata> {
  return {
    ids: batch.map(({ record }) => record.id),
    embeddings: batch.map(({ record }) => record.embedding),
    documents: batch.map(({ record }) => record.document),
    metadatas: batch.map(({ record }) => record.metadata),
    uris: batch.map(({ record }) => record.uri),
  }
}
