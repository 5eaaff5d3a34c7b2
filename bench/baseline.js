/**
 * The same work on the bare libraries, without anything that annals adds: no digests, no history, no checks. It
 * runs in the same process and on the same data, so that ratios hold where the figures alone would not.
 */
import { join } from 'node:path'
import Database from 'better-sqlite3'
import hnswlib from 'hnswlib-node'
import { Level } from 'level'

/** Chroma's defaults, which are annals' too. */
const neighbors = 16
const efConstruction = 100
export const efSearch = 100

const schema = `
  CREATE TABLE records (added INTEGER PRIMARY KEY, collection INTEGER, id TEXT, label INTEGER, document TEXT,
    metadata TEXT);
  CREATE UNIQUE INDEX records_by_id ON records (collection, id);
  CREATE INDEX records_by_label ON records (collection, label);
  CREATE TABLE record_metadata (record INTEGER, key TEXT, collection INTEGER, string_value TEXT,
    int_value INTEGER, float_value REAL, PRIMARY KEY (record, key)) WITHOUT ROWID;
  CREATE INDEX strings ON record_metadata (collection, key, string_value) WHERE string_value IS NOT NULL;
  CREATE INDEX ints ON record_metadata (collection, key, int_value) WHERE int_value IS NOT NULL;
  CREATE INDEX floats ON record_metadata (collection, key, float_value) WHERE float_value IS NOT NULL;
  CREATE VIRTUAL TABLE documents_fts USING fts5(document, content='', contentless_delete=1, detail=none,
    tokenize='trigram case_sensitive 1');
`

/** LevelDB with synced writes. */
export class BareLevel {
  #db

  constructor(folder) {
    this.#db = new Level(join(folder, 'level'), { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  }

  put(index, value) {
    return this.#db.put(keyOf(index), value, { sync: true })
  }

  batch(from, values) {
    const puts = values.map((value, at) => ({ type: 'put', key: keyOf(from + at), value }))
    return this.#db.batch(puts, { sync: true })
  }

  close() {
    return this.#db.close()
  }
}

/** SQLite with the rows, indexes and trigrams that annals keeps of the same records. */
export class BareSqlite {
  #db
  #insertAll

  constructor(folder) {
    this.#db = new Database(join(folder, 'bare.sqlite3'))
    this.#db.pragma('journal_mode = WAL')
    this.#db.pragma('synchronous = NORMAL')
    this.#db.exec(schema)
    const record = this.#db.prepare('INSERT INTO records VALUES (?, 1, ?, ?, ?, ?)')
    const value = this.#db.prepare('INSERT INTO record_metadata VALUES (?, ?, 1, ?, ?, ?)')
    const text = this.#db.prepare('INSERT INTO documents_fts (rowid, document) VALUES (?, ?)')
    this.#insertAll = this.#db.transaction((from, { ids, documents, metadatas }) => {
      for (const [at, id] of ids.entries()) {
        const label = from + at
        record.run(label + 1, id, label, documents[at], JSON.stringify(metadatas[at]))
        for (const [key, entry] of Object.entries(metadatas[at])) value.run(label + 1, key, ...typed(entry))
        text.run(label + 1, documents[at])
      }
    })
  }

  insert(from, columns) {
    this.#insertAll(from, columns)
  }

  close() {
    this.#db.close()
  }
}

/** What has to stand in LevelDB for a record: its vector, its document and its metadata. */
export function storedValue(data, index) {
  const { buffer, byteOffset, byteLength } = data.vectors[index]
  const text = Buffer.from(data.id(index) + data.document(index) + JSON.stringify(data.metadata(index)))
  return Buffer.concat([Buffer.from(buffer, byteOffset, byteLength), text])
}

/** A graph of all vectors, built by one thread. */
export function buildGraph({ vectors, dimension }) {
  const graph = new hnswlib.HierarchicalNSW('l2', dimension)
  graph.initIndex(vectors.length, neighbors, efConstruction)
  for (const [label, vector] of vectors.entries()) graph.addPoint(Array.from(vector), label)
  graph.setEf(efSearch)
  return graph
}

function typed(value) {
  if (typeof value === 'string') return [value, null, null]
  return Number.isInteger(value) ? [null, value, null] : [null, null, value]
}

function keyOf(index) {
  const key = Buffer.allocUnsafe(9)
  key[0] = 1
  key.writeBigUInt64BE(BigInt(index + 1), 1)
  return key
}
