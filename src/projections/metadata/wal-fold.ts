/**
 * The steps of folding SQLite's write-ahead log into its database, in whichever thread they run. What must hold
 * for them stands in `page-digests.ts`.
 */
import { closeSync, fsyncSync, openSync } from 'node:fs'
import type Database from 'better-sqlite3'
import { fileBytes, readFully } from '../../files.ts'
import { Digests, type Sidecar, scanFile, walOf } from './page-digests-worker.ts'
import { imageOffset, type WalScan, walHeaderBytes } from './sqlite-wal.ts'

/** Folded logs that are remembered, so that none of them is believed when it comes back. */
const foldedMax = 256

/** Frames in the log as SQLite's index has it. Refuses what would break the invariants. */
export function framesToFold(db: Database.Database): number {
  if (db.inTransaction) throw new Error('a transaction is open')
  if (db.pragma('wal_autocheckpoint', { simple: true }) !== 0) throw new Error('wal_autocheckpoint is not 0')
  const { log } = checkpointRow(db, 'NOOP')
  if (log < 0) throw new Error('the database is not in WAL mode')
  return log
}

/** `NOOP` came with SQLite 3.51; before, it would be a checkpoint. https://www.sqlite.org/pragma.html#pragma_wal_checkpoint */
export function checkpointRow(
  db: Database.Database,
  mode: 'NOOP' | 'PASSIVE' | 'TRUNCATE',
): { busy: number; log: number } {
  const [row] = db.pragma(`wal_checkpoint(${mode})`) as { busy: number; log: number }[]
  return row!
}

/** Makes the first `frames` frames of the log durable, and answers the digests that follow from them. */
export function digestLog(databasePath: string, sidecar: Sidecar | null, frames: number): Sidecar {
  // Not read-only: Windows syncs only what is open for writing.
  const wal = openSync(walOf(databasePath), 'r+')
  try {
    const written = fileBytes(walOf(databasePath)) ?? 0
    const end = sidecar === null ? written : imageOffset(sidecar.pageSize, frames) + sidecar.pageSize
    const scan = scanFile(wal, Math.min(written, end))
    // SQLite copies its frames without another look at their checksums.
    if (scan.header === null || scan.frames !== frames)
      throw new Error(`the log on disk has ${scan.frames} of its ${frames} frames`)
    fsyncSync(wal)
    const { pageSize, salts } = scan.header
    const earlier = sidecar?.folded.filter((other) => other !== salts) ?? []
    const digests = digestsAfter(databasePath, sidecar, scan, { wal, pageSize })
    return { pageSize, frames, folded: [salts, ...earlier].slice(0, foldedMax), digests }
  } finally {
    closeSync(wal)
  }
}

/** The salts of the log as it stands; `null` when it is empty. */
export function saltsOfLog(databasePath: string): string | null {
  const wal = openSync(walOf(databasePath), 'r')
  try {
    // The header alone, which SQLite takes for a log when something follows it.
    return (
      scanFile(wal, Math.min(fileBytes(walOf(databasePath)) ?? 0, walHeaderBytes + 1)).header?.salts ?? null
    )
  } finally {
    closeSync(wal)
  }
}

function digestsAfter(
  databasePath: string,
  sidecar: Sidecar | null,
  { lastFrames, databasePages }: WalScan,
  { wal, pageSize }: { wal: number; pageSize: number },
): Digests {
  if (sidecar === null) requireNew(fileBytes(databasePath), lastFrames, pageSize)
  const digests = (sidecar?.digests ?? new Digests(new Uint8Array())).resized(databasePages)
  const image = Buffer.alloc(pageSize)
  for (const [page, frame] of lastFrames) {
    if (page > databasePages) continue
    if (readFully(wal, image, imageOffset(pageSize, frame)) < pageSize) throw new Error('the log was cut off')
    digests.set(page, image)
  }
  return digests
}

/**
 * Before the first fold there are no digests, and the database file cannot be read: so nothing may stand in it
 * but the page that switching to WAL mode has made, and that page must have been written again since.
 */
function requireNew(size: number | null, lastFrames: Map<number, number>, pageSize: number): void {
  if (size === null || size > pageSize || !lastFrames.has(1))
    throw new Error('its schema was not created in WAL mode')
}
