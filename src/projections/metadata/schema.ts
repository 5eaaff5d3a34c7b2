/**
 * The tables of `metadata.sqlite3`. They are made to be read by a person with any SQLite viewer.
 *
 * What holds:
 * - Everything here is derived from the operation log; the file may be deleted at any time.
 * - `checkpoints` changes in the same transaction as the rows, so the rows are exactly the log's first
 *   `position` operation records, applied in order.
 * - A record's `added` (the position of its `add`) is its place in insertion order; it survives updates and
 *   is the rowid that metadata and full text refer to.
 * - Positions are unique in the store, so `collections.key` (position of the creation) and
 *   `record_versions.died` (position of the superseding operation record) are keys without a counter.
 * - Deleting a collection only sets `died`: its rows stay, and as-of reads before that position use them.
 * - A fork's labels below `inherited` are those of the collection `forked_from`. Until its last record is applied
 *   its `died` is its own `key`, so that nobody sees a part of it.
 */

/** Raised with every change below; a file with another version is derived again from the log. */
export const schemaVersion = 5

export const schema = `
CREATE TABLE checkpoints (
  name      TEXT PRIMARY KEY,
  store_id  TEXT NOT NULL,
  position  INTEGER NOT NULL,
  root      BLOB NOT NULL,
  frontier  BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tenants (
  name  TEXT PRIMARY KEY,
  born  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE databases (
  key     INTEGER PRIMARY KEY,
  id      TEXT NOT NULL UNIQUE,
  tenant  TEXT NOT NULL,
  name    TEXT NOT NULL,
  died    INTEGER
) STRICT;
CREATE UNIQUE INDEX databases_by_name ON databases (tenant, name) WHERE died IS NULL;

CREATE TABLE collections (
  key            INTEGER PRIMARY KEY,
  id             TEXT NOT NULL UNIQUE,
  tenant         TEXT NOT NULL,
  database       TEXT NOT NULL,
  name           TEXT NOT NULL,
  metadata       TEXT,
  configuration  TEXT NOT NULL,
  dimension      INTEGER,
  changed        INTEGER NOT NULL,
  died           INTEGER,
  last_position  INTEGER NOT NULL,
  next_label     INTEGER NOT NULL,
  live_records   INTEGER NOT NULL,
  horizon        INTEGER NOT NULL DEFAULT 0,
  forked_from    TEXT,
  inherited      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX collections_by_name ON collections (tenant, database, name) WHERE died IS NULL;
CREATE INDEX collections_hidden ON collections (key) WHERE died = key;
CREATE INDEX collections_by_source ON collections (forked_from) WHERE forked_from IS NOT NULL;

CREATE TABLE collection_versions (
  died           INTEGER PRIMARY KEY,
  collection     INTEGER NOT NULL,
  born           INTEGER NOT NULL,
  name           TEXT NOT NULL,
  metadata       TEXT,
  configuration  TEXT NOT NULL
) STRICT;
CREATE INDEX collection_versions_by_collection ON collection_versions (collection, died);

CREATE TABLE records (
  added        INTEGER PRIMARY KEY,
  collection   INTEGER NOT NULL,
  id           TEXT NOT NULL,
  label        INTEGER NOT NULL,
  position     INTEGER NOT NULL,
  vector_at    INTEGER NOT NULL,
  document_at  INTEGER NOT NULL,
  document     TEXT,
  uri          TEXT,
  metadata     TEXT
) STRICT;
CREATE UNIQUE INDEX records_by_id ON records (collection, id);
CREATE INDEX records_by_label ON records (collection, label);

CREATE TABLE record_versions (
  died         INTEGER PRIMARY KEY,
  collection   INTEGER NOT NULL,
  id           TEXT NOT NULL,
  added        INTEGER NOT NULL,
  label        INTEGER NOT NULL,
  born         INTEGER NOT NULL,
  vector_at    INTEGER NOT NULL,
  document_at  INTEGER NOT NULL,
  uri          TEXT,
  metadata     TEXT
) STRICT;
CREATE INDEX record_versions_by_died ON record_versions (collection, died);
CREATE INDEX record_versions_by_id ON record_versions (collection, id, died);
CREATE INDEX record_versions_by_label ON record_versions (collection, label, died);

CREATE TABLE record_metadata (
  record        INTEGER NOT NULL,
  key           TEXT NOT NULL,
  collection    INTEGER NOT NULL,
  string_value  TEXT,
  int_value     INTEGER,
  float_value   REAL,
  bool_value    INTEGER,
  PRIMARY KEY (record, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_metadata_strings ON record_metadata (collection, key, string_value) WHERE string_value IS NOT NULL;
CREATE INDEX record_metadata_ints    ON record_metadata (collection, key, int_value)    WHERE int_value IS NOT NULL;
CREATE INDEX record_metadata_floats  ON record_metadata (collection, key, float_value)  WHERE float_value IS NOT NULL;
CREATE INDEX record_metadata_bools   ON record_metadata (collection, key, bool_value)   WHERE bool_value IS NOT NULL;

CREATE TABLE record_metadata_array (
  record        INTEGER NOT NULL,
  key           TEXT NOT NULL,
  element       INTEGER NOT NULL,
  collection    INTEGER NOT NULL,
  string_value  TEXT,
  int_value     INTEGER,
  float_value   REAL,
  bool_value    INTEGER,
  PRIMARY KEY (record, key, element)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_metadata_array_strings ON record_metadata_array (collection, key, string_value) WHERE string_value IS NOT NULL;
CREATE INDEX record_metadata_array_ints    ON record_metadata_array (collection, key, int_value)    WHERE int_value IS NOT NULL;
CREATE INDEX record_metadata_array_floats  ON record_metadata_array (collection, key, float_value)  WHERE float_value IS NOT NULL;
CREATE INDEX record_metadata_array_bools   ON record_metadata_array (collection, key, bool_value)   WHERE bool_value IS NOT NULL;

-- One row per live record and metadata key, as Chroma's users know it.
CREATE VIEW embedding_metadata AS
  SELECT c.name AS collection, r.id, m.key, NULL AS element,
         m.string_value, m.int_value, m.float_value, m.bool_value
    FROM record_metadata m JOIN records r ON r.added = m.record JOIN collections c ON c.key = r.collection
   WHERE c.died IS NULL
  UNION ALL
  SELECT c.name, r.id, m.key, m.element, m.string_value, m.int_value, m.float_value, m.bool_value
    FROM record_metadata_array m JOIN records r ON r.added = m.record JOIN collections c ON c.key = r.collection
   WHERE c.died IS NULL;

-- Trigrams of every live document, case-sensitive; rowid is records.added. Holds no copy of the text.
CREATE VIRTUAL TABLE documents_fts USING fts5(
  document, content='', contentless_delete=1, detail=none, tokenize='trigram case_sensitive 1'
);

-- Tenant and database are those of what was written; empty where it belongs to none.
CREATE TABLE idempotency_keys (
  tenant        TEXT NOT NULL,
  database      TEXT NOT NULL,
  key           TEXT NOT NULL,
  collection    TEXT,
  first         INTEGER NOT NULL,
  count         INTEGER NOT NULL,
  committed_at  INTEGER NOT NULL,
  PRIMARY KEY (tenant, database, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE tags (
  name      TEXT PRIMARY KEY,
  position  INTEGER NOT NULL,
  born      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Where the history of a record ends whose superseded versions were let go.
CREATE TABLE record_ends (
  collection  INTEGER NOT NULL,
  id          TEXT NOT NULL,
  position    INTEGER NOT NULL,
  PRIMARY KEY (collection, id)
) STRICT, WITHOUT ROWID;

-- How long history is kept; collection 0 stands for the whole store.
CREATE TABLE retentions (
  collection  INTEGER PRIMARY KEY,
  retention   TEXT NOT NULL
) STRICT;

-- Vacuums and erasures whose bytes may still stand in files; a row goes when its work is done.
CREATE TABLE redactions (
  position  INTEGER PRIMARY KEY
) STRICT;

-- The manifest: the sealed segments that are live. A file that it does not name is rubbish.
CREATE TABLE segments (
  id           INTEGER PRIMARY KEY,
  collection   INTEGER NOT NULL,
  first_label  INTEGER NOT NULL,
  next_label   INTEGER NOT NULL,
  file         TEXT NOT NULL UNIQUE,
  bytes        INTEGER NOT NULL,
  digest       BLOB NOT NULL
) STRICT;
CREATE INDEX segments_by_collection ON segments (collection, first_label);
`
