import { setImmediate as nextTurn } from 'node:timers/promises'
import type Database from 'better-sqlite3'
import { messageOf } from '../errors.ts'
import type { OperationLog } from '../log/operation-log.ts'
import { FullTextComparison, mendFullText } from './compare-full-text.ts'
import {
  derivedTables,
  differing,
  mendRow,
  nameOf,
  type RowDifference,
  TableComparison,
} from './compare-tables.ts'
import type { DerivedMetadata } from './derived-metadata.ts'
import { type Checked, type Finding, finding } from './findings.ts'

/** Differences of one table that are told one by one. */
const toldMax = 100

/** What a check of the tables works with. */
export interface MetadataCheck {
  log: OperationLog
  /** The database that is served from. */
  live: Database.Database
  derived: DerivedMetadata
  /** Whether the live database is behind the log, and catching up. */
  isApplying: () => boolean
  checked: Checked
  /** Whether what differs is put right at once. */
  mend: boolean
}

/** The checkpoint row against the log: whose log was applied, up to where, and to which tree. */
export function* checkCheckpoint(log: OperationLog, live: Database.Database): Generator<Finding> {
  const sql = "SELECT store_id, position, root FROM checkpoints WHERE name = 'metadata'"
  const row = live.prepare<[], { store_id: string; position: number; root: Buffer }>(sql).get()
  const where = 'checkpoints[name=metadata]'
  if (row === undefined) {
    if (log.head > 0) yield finding('checkpoint_mismatch', where, 'There is no checkpoint.')
    return
  }
  if (row.store_id !== log.storeId)
    yield finding('checkpoint_mismatch', where, `It is of the store ${row.store_id}, not of ${log.storeId}.`)
  if (row.position !== log.head)
    yield finding(
      'checkpoint_mismatch',
      where,
      `It stands at position ${row.position}; the head is ${log.head}.`,
    )
  else if (!row.root.equals(log.root))
    yield finding('checkpoint_mismatch', where, `Its root is not the log's at position ${log.head}.`)
}

/** Compares every derived table and the full text with what the log gives, while writes go on. */
export async function* checkMetadata(check: MetadataCheck): AsyncGenerator<Finding> {
  try {
    for (const table of derivedTables(check.derived.db)) {
      const comparison = new TableComparison(table, check.derived.db, check.live)
      yield* checkTable(check, comparison)
      check.checked.rows += comparison.rows
    }
    yield* checkFullText(check)
  } catch (error) {
    if (!isSqliteError(error)) throw error
    yield finding('metadata_unreadable', 'metadata.sqlite3', messageOf(error))
  }
}

async function* checkTable(check: MetadataCheck, comparison: TableComparison): AsyncGenerator<Finding> {
  const { live, mend } = check
  let told = 0
  let more = 0
  while (!comparison.done) {
    await inStep(check)
    // From here to the mending nothing can come in between.
    const differences = comparison.step()
    if (mend && differences.length > 0) live.transaction(() => mendRows(live, differences))()
    for (const difference of differences) {
      if (told < toldMax) yield rowFinding(difference)
      else more += 1
      told += 1
    }
  }
  if (more > 0) yield finding('more_of_these', comparison.table.name, `${more} more rows are not as derived.`)
}

/** Rows that should not be there go first: they may hold the unique values of those that should. */
function mendRows(live: Database.Database, differences: readonly RowDifference[]): void {
  for (const one of differences) if (one.expected === null) mendRow(live, one)
  for (const one of differences) if (one.expected !== null) mendRow(live, one)
}

async function* checkFullText(check: MetadataCheck): AsyncGenerator<Finding> {
  const { live, derived, checked, mend } = check
  const comparison = new FullTextComparison(derived.db, live)
  const told = new Set<number>()
  try {
    while (!comparison.done) {
      await inStep(check)
      const records = comparison.step()
      if (mend) for (const record of records) mendFullText(live, record)
      for (const record of records) {
        if (told.has(record)) continue
        told.add(record)
        if (told.size > toldMax) continue
        const message = 'Its document is not indexed as it stands.'
        yield finding('fulltext_differs', `documents_fts[rowid=${record}]`, message)
      }
    }
    checked.terms += comparison.terms
    if (told.size > toldMax)
      yield finding(
        'more_of_these',
        'documents_fts',
        `${told.size - toldMax} more records are indexed otherwise.`,
      )
  } finally {
    comparison.close()
  }
}

/** Lets others have the thread, then brings the derived tables to where the live ones are. */
async function inStep({ derived, live, log, isApplying }: MetadataCheck): Promise<void> {
  const position = live
    .prepare<[], number>("SELECT position FROM checkpoints WHERE name = 'metadata'")
    .pluck()
  do {
    await nextTurn()
    await derived.catchUp()
    // A write may have been applied meanwhile; a checkpoint that is wrong is not waited for. While a large fork is
    // applied part by part, what is derived is ahead.
  } while (derived.position < Math.min(position.get() ?? 0, log.head) || isApplying())
}

function rowFinding(difference: RowDifference): Finding {
  const { table, expected, found } = difference
  const where = nameOf(difference)
  if (found === null) return finding('row_missing', where, 'The log gives this row; it is not there.')
  if (expected === null) return finding('row_unexpected', where, 'The log gives no such row.')
  const columns = differing(table, expected, found).join(', ')
  return finding('row_differs', where, `The log gives other values for: ${columns}.`)
}

/** Whether SQLite itself could not do what was asked of it. */
export function isSqliteError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'SqliteError'
}
