import type Database from 'better-sqlite3'
import type { CollectionRow, VersionRow } from './rows.ts'

type Scalar = string | number | bigint | null
type Run<P extends unknown[] | object = Scalar[]> = Database.Statement<P extends unknown[] ? P : [P]>
type Get<P extends unknown[], R> = Database.Statement<P, R>

interface CheckpointRow {
  store_id: string
  position: number
  frontier: Buffer
}

/** The statements that the projection writes with, prepared once. */
export interface Statements {
  checkpoint: Get<[], CheckpointRow>
  writeCheckpoint: Run<[string, number, Buffer, Buffer]>
  rememberKey: Run
  createTenant: Run
  createDatabase: Run
  deleteDatabase: Run
  deleteDatabaseNamed: Run
  createCollection: Run<Record<string, Scalar>>
  hiddenCollection: Get<[], { key: number }>
  showCollection: Run
  keepCollectionVersion: Run
  modifyCollection: Run<Record<string, Scalar>>
  deleteCollection: Run<Record<string, Scalar>>
  deleteCollectionNamed: Run
  updateCollection: Run
  collectionById: Get<[string], CollectionRow>
  collectionByKey: Get<[number], CollectionRow>
  liveRecord: Get<[number, string], VersionRow>
  inheritedDocument: Get<[string, number, number], { document: string | null }>
  insertRecord: Run
  updateRecord: Run
  deleteRecord: Run
  keepVersion: Run
  insertMetadata: Run
  insertMetadataElement: Run
  removeMetadata: Run
  removeMetadataElements: Run
  writeTag: Run
  removeTag: Run
  writeRetention: Run
  raiseHorizon: Run
  keepEnds: Run
  keepEndsOf: Run
  dropVersions: Run
  dropVersionsOf: Run
  rememberRedaction: Run
  indexDocument: Run
  unindexDocument: Run
}

const sql: Record<keyof Statements, string> = {
  checkpoint: `SELECT store_id, position, frontier FROM checkpoints WHERE name = 'metadata'`,
  writeCheckpoint: `INSERT OR REPLACE INTO checkpoints (name, store_id, position, root, frontier)
                    VALUES ('metadata', ?, ?, ?, ?)`,
  rememberKey: `INSERT OR IGNORE INTO idempotency_keys (tenant, database, key, collection, first, count, committed_at)
                VALUES (?, ?, ?, ?, ?, ?, ?)`,
  createTenant: 'INSERT OR IGNORE INTO tenants (name, born) VALUES (?, ?)',
  createDatabase: 'INSERT INTO databases (key, id, tenant, name) VALUES (?, ?, ?, ?)',
  deleteDatabase: 'UPDATE databases SET died = ? WHERE id = ?',
  deleteDatabaseNamed: 'UPDATE databases SET died = ? WHERE tenant = ? AND name = ? AND died IS NULL',
  createCollection: `INSERT INTO collections (key, id, tenant, database, name, metadata, configuration,
                       dimension, changed, died, last_position, next_label, live_records, forked_from, inherited)
                     VALUES (@key, @id, @tenant, @database, @name, @metadata, @configuration, @dimension, @key,
                       @died, @key, @nextLabel, 0, @source, @nextLabel)`,
  hiddenCollection: 'SELECT key FROM collections WHERE died = key',
  showCollection: 'UPDATE collections SET died = NULL WHERE key = ? AND died = key',
  keepCollectionVersion: `INSERT INTO collection_versions (died, collection, born, name, metadata, configuration)
                          SELECT ?, key, changed, name, metadata, configuration FROM collections WHERE key = ?`,
  modifyCollection: `UPDATE collections SET name = @name, metadata = @metadata, configuration = @configuration,
                       changed = @position, last_position = @position WHERE key = @key`,
  deleteCollection: 'UPDATE collections SET died = @died, last_position = @died WHERE key = @key',
  deleteCollectionNamed: `UPDATE collections SET died = ?, last_position = ?
                          WHERE tenant = ? AND database = ? AND name = ? AND died IS NULL AND key <> ?`,
  updateCollection: `UPDATE collections SET last_position = max(last_position, ?), next_label = ?,
                       live_records = ?, dimension = ?
                     WHERE key = ?`,
  collectionById: 'SELECT * FROM collections WHERE id = ?',
  collectionByKey: 'SELECT * FROM collections WHERE key = ?',
  liveRecord: 'SELECT * FROM records WHERE collection = ? AND id = ?',
  inheritedDocument: `SELECT r.document FROM collections f JOIN collections s ON s.id = f.forked_from
                        JOIN records r ON r.collection = s.key AND r.id = ?
                       WHERE f.key = ? AND r.document_at = ?`,
  insertRecord: `INSERT INTO records (added, collection, id, label, position, vector_at, document_at, document, uri,
                   metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  updateRecord: `UPDATE records SET label = ?, position = ?, vector_at = ?, document_at = ?, document = ?, uri = ?,
                   metadata = ? WHERE added = ?`,
  deleteRecord: 'DELETE FROM records WHERE added = ?',
  keepVersion: `INSERT INTO record_versions (died, collection, id, added, label, born, vector_at, document_at, uri,
                  metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  insertMetadata: `INSERT INTO record_metadata (record, key, collection, string_value, int_value, float_value,
                     bool_value) VALUES (?, ?, ?, ?, ?, ?, ?)`,
  insertMetadataElement: `INSERT INTO record_metadata_array (record, key, element, collection, string_value, int_value,
                            float_value, bool_value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  removeMetadata: 'DELETE FROM record_metadata WHERE record = ?',
  removeMetadataElements: 'DELETE FROM record_metadata_array WHERE record = ?',
  writeTag: 'INSERT OR REPLACE INTO tags (name, position, born) VALUES (?, ?, ?)',
  removeTag: 'DELETE FROM tags WHERE name = ?',
  writeRetention: 'INSERT OR REPLACE INTO retentions (collection, retention) VALUES (?, ?)',
  raiseHorizon: 'UPDATE collections SET horizon = max(horizon, ?) WHERE key = ?',
  keepEnds: `INSERT OR REPLACE INTO record_ends (collection, id, position)
             SELECT collection, id, max(died) FROM record_versions
              WHERE collection = ? AND died IN (SELECT value FROM json_each(?)) GROUP BY id`,
  keepEndsOf: `INSERT OR REPLACE INTO record_ends (collection, id, position)
               SELECT collection, id, max(died) FROM record_versions
                WHERE collection = ? AND id IN (SELECT value FROM json_each(?)) GROUP BY id`,
  dropVersions:
    'DELETE FROM record_versions WHERE collection = ? AND died IN (SELECT value FROM json_each(?))',
  dropVersionsOf:
    'DELETE FROM record_versions WHERE collection = ? AND id IN (SELECT value FROM json_each(?))',
  rememberRedaction: 'INSERT OR REPLACE INTO redactions (position) VALUES (?)',
  indexDocument: 'INSERT INTO documents_fts (rowid, document) VALUES (?, ?)',
  unindexDocument: 'DELETE FROM documents_fts WHERE rowid = ?',
}

/** Prepares all statements of the projection. */
export function statementsFor(db: Database.Database): Statements {
  const prepared = Object.entries(sql).map(([name, text]) => [name, db.prepare(text)])
  return Object.fromEntries(prepared) as Statements
}
