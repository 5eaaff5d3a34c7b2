import { rmSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { SegmentRow } from '../projections/metadata/manifest.ts'
import type { CollectionRow } from '../projections/metadata/rows.ts'
import { checkLog } from './check-log.ts'
import { checkSegments } from './check-segments.ts'
import { type Finding, isDerived, nothingChecked, type VerifyProgress } from './findings.ts'
import { type VerifyParts, verifyMetadata, verifyStore } from './verify.ts'

export interface RepairOptions {
  /** Stops it between two steps; what was put right by then stays so. */
  signal?: AbortSignal
  onProgress?: (progress: VerifyProgress) => void
}

/** What a repair came to. */
export interface RepairResult {
  /** Nothing that remains is an error. */
  ok: boolean
  /** Findings that are put right. */
  repaired: Finding[]
  /** What a verification (`deep`) finds afterwards; each hint says what can be done, which may take a backup. */
  remaining: Finding[]
}

export interface RepairParts extends VerifyParts {
  /** Settles once no segment is being built any more. */
  idle: () => Promise<void>
  /** Applies what the log holds and the tables lack, after a failure. */
  catchUp: () => Promise<void>
  /** Drops what readers remember of the tables. */
  forget: () => void
}

/**
 * Puts right whatever is derived from the log: rows and full text in place, segments by building them again.
 * The log itself is never touched; where it is damaged, nothing is derived from it, and the findings that remain
 * say what only a backup can bring back. Reads and writes go on meanwhile.
 */
export async function repair(parts: RepairParts, options: RepairOptions = {}): Promise<RepairResult> {
  const { signal, onProgress } = options
  const repaired: Finding[] = []
  const tell = (step: VerifyProgress['step']) => (done: number, total: number) => {
    signal?.throwIfAborted()
    onProgress?.({ step, done, total })
  }
  if (await logIsSound(parts, tell('log'))) {
    // Else what is missing would be mended row by row, and applied once more by the next write.
    await parts.catchUp()
    const { log, isApplying } = parts
    const check = { log, isApplying, live: parts.metadata.db, checked: nothingChecked(), mend: true }
    for await (const found of verifyMetadata(check, tell('metadata')))
      if (isDerived(found)) repaired.push(found)
    // Labels may be other ones now: what is loaded or remembered is read anew.
    parts.forget()
    if (repaired.length > 0) parts.vectors.evict(0)
    repaired.push(...(await repairSegments(parts, tell('segments'), signal)))
  }
  const remaining: Finding[] = []
  for await (const found of verifyStore(parts, { level: 'deep', ...options })) remaining.push(found)
  const isLeft = new Set(remaining.map(placeOf))
  return {
    ok: remaining.every(({ severity }) => severity !== 'error'),
    repaired: repaired.filter((found) => !isLeft.has(placeOf(found))),
    remaining,
  }
}

async function logIsSound(
  { log }: RepairParts,
  tell: (done: number, total: number) => void,
): Promise<boolean> {
  for await (const { code } of checkLog(log, tell)) if (code === 'frame_damaged') return false
  return true
}

/** Builds every segment again whose file is missing, damaged or not the log's. */
async function repairSegments(
  parts: RepairParts,
  onSegments: (done: number, total: number) => void,
  signal: AbortSignal | undefined,
): Promise<Finding[]> {
  const { metadata, vectors } = parts
  const bad = new Map<number, SegmentRow>()
  const onBad = (segment: SegmentRow) => void bad.set(segment.id, segment)
  const check = { ...parts, live: metadata.db, level: 'deep' as const, checked: nothingChecked(), signal }
  const found: Finding[] = []
  for await (const one of checkSegments({ ...check, onSegments, onBad })) if (isDerived(one)) found.push(one)
  for (const { file, collection } of bad.values()) {
    rmSync(vectors.path(file), { force: true })
    vectors.evict(0)
    const row = metadata.db
      .prepare<[number], CollectionRow>('SELECT * FROM collections WHERE key = ?')
      .get(collection)
    // Loading it finds the file gone, serves its vectors from the log, and has it built again.
    if (row !== undefined) await vectors.use(row, () => undefined)
  }
  await nextTurn()
  await parts.idle()
  return found
}

function placeOf({ code, where }: Finding): string {
  return `${code} ${where}`
}
