/** A data folder of Chroma's, read and never written to. */
import { chmodSync, closeSync, copyFileSync, openSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import Database from 'better-sqlite3'
import { messageOf } from '../errors.ts'
import { fileBytes, readFully } from '../files.ts'
import { makeTemporaryFolder, removeTemporaryFolder } from '../temporary-folders.ts'
import { importFailed } from './byte-source.ts'
import { importConfiguration } from './chroma-configuration.ts'
import { ChromaMetadata, scalarOf } from './chroma-metadata.ts'
import { type ChromaContent, ChromaQueue, type ContentTail, contentTail, vectorTail } from './chroma-queue.ts'
import { ChromaSegment } from './chroma-segment.ts'
import type { ChromaCollection, ChromaRow, ChromaSource } from './chroma-source.ts'

const databaseName = 'chroma.sqlite3'
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

interface CollectionRow {
  id: string
  name: string
  tenant: string
  database: string
  config: string | null
  schema: string | null
}

/** The files of one collection's two segments, and the tails that belong over them. */
interface OpenCollection {
  metadata: ChromaMetadata
  contents: ContentTail
  vectors: ChromaSegment
  tail: ReadonlyMap<string, number | null>
}

/**
 * What holds: nothing is created or changed in the folder. Where SQLite would have to write before it could read
 * (a journal to roll back, a write-ahead log), a copy in a temporary folder is read instead. One transaction
 * spans all reads.
 */
export class ChromaFolder implements ChromaSource {
  readonly #path: string
  readonly #db: Database.Database
  readonly #copy: string | null
  readonly #queue: ChromaQueue

  constructor(path: string) {
    this.#path = resolve(path)
    const file = join(this.#path, databaseName)
    if (fileBytes(file) === null)
      throw importFailed(
        `${this.#path} is no data folder of Chroma's: it has no ${databaseName}.`,
        undefined,
        'Give the folder that Chroma was started with (its --path).',
      )
    this.#copy = mustCopy(file) ? copyDatabase(file) : null
    let db: Database.Database | null = null
    try {
      db = new Database(this.#copy === null ? file : join(this.#copy, databaseName), {
        readonly: this.#copy === null,
        fileMustExist: true,
      })
      db.exec('BEGIN')
      this.#queue = new ChromaQueue(db)
      this.#db = db
    } catch (error) {
      db?.close()
      if (this.#copy !== null) removeTemporaryFolder(this.#copy)
      throw unreadable(file, error)
    }
  }

  async databases(): Promise<{ tenant: string; database: string }[]> {
    return this.#read(() =>
      this.#db
        .prepare<[], { tenant: string; database: string }>(
          'SELECT tenant_id AS tenant, name AS database FROM databases ORDER BY rowid',
        )
        .all(),
    )
  }

  async collections(): Promise<ChromaCollection[]> {
    return this.#read(() => {
      const schema = this.#hasColumn('collections', 'schema_str') ? 'c.schema_str' : 'NULL'
      const config = this.#hasColumn('collections', 'config_json_str') ? 'c.config_json_str' : 'NULL'
      const rows = this.#db
        .prepare<[], CollectionRow>(
          `SELECT c.id, c.name, d.tenant_id AS tenant, d.name AS database, ${config} AS config, ${schema} AS schema
             FROM collections c JOIN databases d ON d.id = c.database_id ORDER BY c.rowid`,
        )
        .all()
      return rows.map((row) => this.#collection(row))
    })
  }

  async count({ id }: ChromaCollection): Promise<number> {
    const segment = this.#segment(id, 'METADATA')
    return this.#read(
      () =>
        this.#db
          .prepare<[string | null], number>('SELECT count(*) FROM embeddings WHERE segment_id = ?')
          .pluck()
          .get(segment) ?? 0,
    )
  }

  async *records(
    collection: ChromaCollection,
    batchSize: number,
  ): AsyncGenerator<ChromaRow, void, undefined> {
    const open = this.#read(() => this.#openCollection(collection))
    try {
      for (const page of open.metadata.pages(batchSize)) {
        for (const { id, content } of page) {
          const entry = open.contents.get(id)
          if (entry === null || entry?.isNew) continue
          yield this.#row(id, entry?.content ?? content, open)
        }
      }
      for (const [id, entry] of open.contents) if (entry?.isNew) yield this.#row(id, entry.content, open)
    } catch (error) {
      throw unreadable(join(this.#path, databaseName), error)
    } finally {
      open.vectors.close()
    }
  }

  async close(): Promise<void> {
    this.#db.close()
    if (this.#copy !== null) removeTemporaryFolder(this.#copy)
  }

  #collection({ id, name, tenant, database, config, schema }: CollectionRow): ChromaCollection {
    const metadata: Record<string, unknown> = {}
    const sql = 'SELECT * FROM collection_metadata WHERE collection_id = ?'
    const rows = this.#db.prepare<[string], Record<string, unknown>>(sql).safeIntegers().all(id)
    for (const { key, str_value, int_value, float_value, bool_value } of rows)
      metadata[String(key)] = scalarOf(str_value, int_value, float_value, bool_value)
    const notes: string[] = []
    const imported = importConfiguration(parseJson(config, notes), parseJson(schema, notes), metadata)
    return { id, name, tenant, database, ...imported, notes: [...notes, ...imported.notes] }
  }

  #openCollection({ id, hnsw }: ChromaCollection): OpenCollection {
    const metadataSegment = this.#segment(id, 'METADATA')
    const vectorSegment = this.#segment(id, 'VECTOR')
    const metadata = new ChromaMetadata(this.#db, metadataSegment)
    const contents = contentTail(this.#queue.after(id, this.#maxSeqId(metadataSegment) ?? 0), (record) =>
      metadata.find(record),
    )
    // A segment's name comes from the data; it must not lead out of the folder.
    const named = vectorSegment !== null && uuidPattern.test(vectorSegment)
    const folder = join(this.#path, named ? basename(vectorSegment) : 'none')
    const vectors = new ChromaSegment(folder, hnsw.space === 'cosine')
    const from = this.#maxSeqId(vectorSegment) ?? vectors.maxSeqId ?? 0
    const tail = vectorTail(this.#queue.after(id, from), (record) => vectors.has(record))
    return { metadata, contents, vectors, tail }
  }

  #row(id: string, content: ChromaContent, { tail, vectors }: OpenCollection): ChromaRow {
    if (content.problem !== null) return { id, problem: content.problem }
    const { document, uri, metadata } = content
    try {
      const seqId = tail.get(id)
      if (seqId === null) throw new Error('its vector was deleted, but not its metadata')
      const embedding = seqId === undefined ? vectors.vector(id) : this.#queue.vector(seqId)
      return { id, value: { id, embedding, document, uri, metadata: Object.fromEntries(metadata) } }
    } catch (error) {
      return { id, problem: `Its vector cannot be read: ${messageOf(error)}.` }
    }
  }

  #segment(collection: string, scope: 'VECTOR' | 'METADATA'): string | null {
    const sql = 'SELECT id FROM segments WHERE collection = ? AND scope = ? LIMIT 1'
    return this.#db.prepare<[string, string], string>(sql).pluck().get(collection, scope) ?? null
  }

  /** Older versions of Chroma kept it as eight bytes, big endian. */
  #maxSeqId(segment: string | null): number | null {
    const sql = 'SELECT seq_id FROM max_seq_id WHERE segment_id = ?'
    const value = this.#db.prepare<[string | null], unknown>(sql).pluck().get(segment)
    if (typeof value === 'number') return value
    return Buffer.isBuffer(value) && value.length === 8 ? Number(value.readBigUInt64BE()) : null
  }

  #hasColumn(table: string, column: string): boolean {
    const sql = 'SELECT 1 FROM pragma_table_info(?) WHERE name = ?'
    return this.#db.prepare<[string, string]>(sql).get(table, column) !== undefined
  }

  #read<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw unreadable(join(this.#path, databaseName), error)
    }
  }
}

/** Whether reading the database in place could write: a journal lies beside it, or it has a write-ahead log. */
function mustCopy(file: string): boolean {
  if (['-journal', '-wal'].some((suffix) => (fileBytes(file + suffix) ?? 0) > 0)) return true
  const header = Buffer.alloc(20)
  const descriptor = openSync(file, 'r')
  try {
    readFully(descriptor, header, 0)
  } finally {
    closeSync(descriptor)
  }
  // SQLite's file format: the versions for writing and reading, 2 for a write-ahead log.
  return header[18] === 2 || header[19] === 2
}

function copyDatabase(file: string): string {
  const folder = makeTemporaryFolder()
  for (const suffix of ['', '-journal', '-wal']) {
    if (fileBytes(file + suffix) === null) continue
    const copy = join(folder, databaseName + suffix)
    copyFileSync(file + suffix, copy)
    chmodSync(copy, 0o600)
  }
  return folder
}

function parseJson(text: string | null, notes: string[]): unknown {
  if (text === null || text === '') return null
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    notes.push(`Its configuration is not valid JSON (${messageOf(error)}); defaults are used.`)
    return null
  }
}

function unreadable(file: string, error: unknown): unknown {
  if (error instanceof Error && error.name === 'AnnalsError') return error
  return importFailed(`${file} cannot be read: ${messageOf(error)}.`, error)
}
