/**
 * The anatomy of a store's folder, seen from outside: what lies where, and how large it is.
 *
 * What holds: nothing in the folder is opened for writing, locked, created or removed, so it may be used meanwhile.
 */
import { constants, copyFileSync, existsSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import Database from 'better-sqlite3'
import { AnnalsError, messageOf } from '../errors.ts'
import { fileBytes } from '../files.ts'
import { backupListName } from '../format/backup-list.ts'
import type { CollectionRow } from '../projections/metadata/rows.ts'
import { schemaVersion } from '../projections/metadata/schema.ts'
import { makeTemporaryFolder, removeTemporaryFolder } from '../temporary-folders.ts'
import type { CollectionConfiguration, Space } from '../types.ts'
import { checkFolder } from './transfer-options.ts'

/** Some files of a store that belong together. */
export interface FolderPart {
  name: (typeof partNames)[number]
  files: number
  bytes: number
}

/** A collection as the tables know it. */
export interface FolderCollection {
  id: string
  name: string
  tenant: string
  database: string
  /** Whether it was deleted; its past is still there. */
  deleted: boolean
  records: number
  /** Superseded versions of its records that can still be read. */
  versions: number
  dimension: number | null
  space: Space
  /** Points before this position cannot be answered any more; 0 when all can. */
  horizon: number
  /** Vectors that stand in no sealed segment yet. */
  growingVectors: number
}

/** A sealed segment, as the manifest names it. */
export interface FolderSegment {
  /** Below `segments/`. */
  file: string
  /** UUID of its collection. */
  collection: string
  /** Labels of its vectors, dead ones included: from the first to before the next. */
  firstLabel: number
  nextLabel: number
  bytes: number
  /** Whether a file of this size is there; `verify` looks into it. */
  present: boolean
}

/** What the tables say; they lag behind the log while a write is under way. */
export interface FolderTables {
  /** Of the schema; another one than `expected` is derived anew at the next opening. */
  schemaVersion: number
  expectedSchemaVersion: number
  /** Bytes in SQLite's write-ahead log; more than 0 says that the store is open, or was not closed. */
  walBytes: number
  /** Up to where the log was applied; `null` for a store that has never been opened. */
  applied: { storeId: string; position: number; root: string } | null
  collections: FolderCollection[]
  segments: FolderSegment[]
  tags: { name: string; position: number }[]
}

export interface FolderReport {
  path: string
  bytes: number
  parts: FolderPart[]
  /** Files of the log: tables, and LevelDB's own journal of what is not in a table yet. */
  log: { tables: number; tableBytes: number; journalBytes: number }
  /** `null` where they are not there or cannot be read; `notes` says why. */
  tables: FolderTables | null
  /** What is not as one would expect it. */
  notes: string[]
}

/**
 * Looks at the folder of a store without opening it: also of one that another process has open, and of a damaged
 * one. What the log holds is not read; for that there are `stats` and `verify`.
 *
 * @throws AnnalsError `invalid_argument` where there is no store.
 *
 * @example
 * const { bytes, tables } = inspectFolder('./data')
 * console.log(bytes, tables?.collections.map(({ name, records }) => `${name}: ${records}`))
 */
export function inspectFolder(path: string): FolderReport {
  const folder = resolve(checkFolder(path, 'inspectFolder.path'))
  const files = filesBelow(folder)
  if (!files.some(({ name }) => partOf(name) === 'log' || partOf(name) === 'metadata'))
    throw new AnnalsError('invalid_argument', `The folder ${folder} holds no store.`)
  const notes: string[] = []
  const tables = readTables(folder, notes)
  if (tables !== null) noteSegments(folder, files, tables, notes)
  for (const { name } of files) if (partOf(name) === 'other') notes.push(`${name} is no file of a store's.`)
  const parts = partNames.map((name) => sumOf(files, name))
  return {
    path: folder,
    bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0),
    // The first three are always there, be they empty.
    parts: parts.filter(({ files: count }, index) => index < 3 || count > 0),
    log: logFiles(files),
    tables,
    notes,
  }
}

const partNames = ['log', 'metadata', 'segments', 'backups', 'other'] as const

interface File {
  /** Below the folder, with `/`. */
  name: string
  bytes: number
}

/** Files come and go while it looks. */
function filesBelow(folder: string, prefix = ''): File[] {
  const entries = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : []
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return filesBelow(path, `${prefix}${entry.name}/`)
    const bytes = statSync(path, { throwIfNoEntry: false })?.size
    return bytes === undefined ? [] : [{ name: prefix + entry.name, bytes }]
  })
}

function partOf(name: string): FolderPart['name'] {
  if (name.startsWith('log/')) return 'log'
  if (name.startsWith('segments/')) return 'segments'
  if (name === backupListName) return 'backups'
  return /^metadata\.(sqlite3|digests)/.test(name) ? 'metadata' : 'other'
}

function sumOf(files: readonly File[], part: FolderPart['name']): FolderPart {
  const own = files.filter(({ name }) => partOf(name) === part)
  return { name: part, files: own.length, bytes: own.reduce((sum, { bytes }) => sum + bytes, 0) }
}

function logFiles(files: readonly File[]): FolderReport['log'] {
  const tables = files.filter(({ name }) => /^log\/\d+\.(ldb|sst)$/.test(name))
  const journals = files.filter(({ name }) => /^log\/\d+\.log$/.test(name))
  const sum = (some: readonly File[]) => some.reduce((total, { bytes }) => total + bytes, 0)
  return { tables: tables.length, tableBytes: sum(tables), journalBytes: sum(journals) }
}

function readTables(folder: string, notes: string[]): FolderTables | null {
  const path = join(folder, 'metadata.sqlite3')
  if (!existsSync(path)) {
    notes.push('There is no metadata.sqlite3; the next opening derives it from the log.')
    return null
  }
  // SQLite leaves files behind when it reads a database whose write-ahead log was folded: so it reads a copy.
  const isClosed = fileBytes(`${path}-wal`) === null
  const copies = isClosed ? makeTemporaryFolder() : null
  try {
    const readable = copies === null ? path : join(copies, 'metadata.sqlite3')
    if (copies !== null) copyFileSync(path, readable, constants.COPYFILE_FICLONE)
    const db = new Database(readable, { readonly: true })
    try {
      return tablesOf(db, folder)
    } finally {
      db.close()
    }
  } catch (error) {
    notes.push(`metadata.sqlite3 cannot be read: ${messageOf(error)}. The next opening derives it anew.`)
    return null
  } finally {
    if (copies !== null) removeTemporaryFolder(copies)
  }
}

/** A row of the manifest with the UUID of its collection. */
interface NamedSegment {
  file: string
  id: string
  first_label: number
  next_label: number
  bytes: number
}

function tablesOf(db: Database.Database, folder: string): FolderTables {
  const version = db.pragma('user_version', { simple: true }) as number
  const common = {
    schemaVersion: version,
    expectedSchemaVersion: schemaVersion,
    walBytes: fileBytes(join(folder, 'metadata.sqlite3-wal')) ?? 0,
  }
  if (version !== schemaVersion) return { ...common, applied: null, collections: [], segments: [], tags: [] }
  const applied = db
    .prepare<[], { storeId: string; position: number; root: string }>(
      'SELECT store_id AS storeId, position, lower(hex(root)) AS root FROM checkpoints',
    )
    .get()
  const segments = db
    .prepare<[], NamedSegment>(
      'SELECT s.*, c.id FROM segments s JOIN collections c ON c.key = s.collection ORDER BY s.collection, first_label',
    )
    .all()
  const tags = db
    .prepare<[], { name: string; position: number }>(
      'SELECT name, position FROM tags ORDER BY position, name',
    )
    .all()
  return {
    ...common,
    applied: applied ?? null,
    collections: collectionsOf(db, segments),
    segments: segments.map(({ file, id, first_label, next_label, bytes }) => ({
      file,
      collection: id,
      firstLabel: first_label,
      nextLabel: next_label,
      bytes,
      present: fileBytes(join(folder, 'segments', file)) === bytes,
    })),
    tags,
  }
}

function collectionsOf(db: Database.Database, segments: readonly NamedSegment[]): FolderCollection[] {
  const rows = db
    .prepare<[], CollectionRow & { versions: number }>(
      'SELECT c.*, (SELECT count(*) FROM record_versions v WHERE v.collection = c.key) AS versions FROM collections c ORDER BY key',
    )
    .all()
  return rows.map((row) => {
    const { id, name, tenant, database, died, live_records, versions, dimension, horizon, next_label } = row
    const sealed = Math.max(0, ...segments.filter((one) => one.id === id).map((one) => one.next_label))
    const { hnsw } = JSON.parse(row.configuration) as CollectionConfiguration
    return {
      id,
      name,
      tenant,
      database,
      deleted: died !== null,
      records: live_records,
      versions,
      dimension,
      space: hnsw.space,
      horizon,
      growingVectors: next_label - sealed,
    }
  })
}

function noteSegments(folder: string, files: readonly File[], tables: FolderTables, notes: string[]): void {
  const { segments, schemaVersion: found, expectedSchemaVersion } = tables
  if (found !== expectedSchemaVersion)
    notes.push(
      `The tables have schema ${found}, not ${expectedSchemaVersion}: the next opening derives them anew.`,
    )
  for (const { file, present } of segments)
    if (!present)
      notes.push(`segments/${file} is missing, or not of its size; the next opening builds it again.`)
  const named = new Set(segments.map(({ file }) => join(folder, 'segments', file)))
  for (const { name } of files)
    if (partOf(name) === 'segments' && !named.has(join(folder, name)))
      notes.push(`${name} is not in the manifest: being built just now, or left over.`)
}
