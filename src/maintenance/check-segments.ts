import { readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import type Database from 'better-sqlite3'
import { AnnalsError, messageOf } from '../errors.ts'
import type { Manifest, SegmentRow } from '../projections/metadata/manifest.ts'
import type { CollectionRow } from '../projections/metadata/rows.ts'
import { readSegmentFile } from '../projections/vectors/sealed-segment.ts'
import type { VectorStore } from '../projections/vectors/vector-store.ts'
import { checkVectors, type VectorCheck } from './check-vectors.ts'
import { type Finding, finding, type VerifyLevel } from './findings.ts'

/** What a check of the segments works with. */
export interface SegmentCheck extends VectorCheck {
  manifest: Manifest
  vectors: VectorStore
  /** Waits until nothing of a collection (UUID) is being sealed or rebuilt. */
  settled: (collection: string) => Promise<void>
  level: VerifyLevel
  onSegments: (done: number, total: number) => void
  /** Told of each segment that must be built again. */
  onBad?: (segment: SegmentRow) => void
}

/** Files up to this size are read and hashed even by a quick verification. */
const quickDigestBytes = 1024 * 1024

/** The manifest against the files, and at level `deep` the vectors in the files against the log. */
export async function* checkSegments(check: SegmentCheck): AsyncGenerator<Finding> {
  const segments = check.manifest.all()
  yield* checkRanges(check, segments)
  for (const [index, segment] of segments.entries()) {
    check.signal?.throwIfAborted()
    for await (const found of checkSegment(check, segment)) {
      if (await wasReplaced(check, segment)) break
      if (found.severity === 'error') check.onBad?.(segment)
      yield found
    }
    check.checked.segments += 1
    check.onSegments(index + 1, segments.length)
  }
  yield* unnamedFiles(check)
}

/** Whether it was built again or merged while it was looked at: its new file stands there before its new row. */
async function wasReplaced({ live, manifest, settled }: SegmentCheck, segment: SegmentRow): Promise<boolean> {
  const row = collectionOf(live, segment.collection)
  if (row !== undefined) await settled(row.id)
  return !manifest.all().some(({ id, digest }) => id === segment.id && digest.equals(segment.digest))
}

/** Segments of one collection cover disjoint labels, none that were never given. */
function* checkRanges({ live }: SegmentCheck, segments: readonly SegmentRow[]): Generator<Finding> {
  const nextLabels = new Map<number, number>()
  const ordered = [...segments].sort((a, b) => a.collection - b.collection || a.first_label - b.first_label)
  for (const { collection, first_label: first, next_label: next, file } of ordered) {
    const row = collectionOf(live, collection)
    const where = `segments/${file}`
    if (row === undefined) yield finding('segment_misplaced', where, 'Its collection does not exist.')
    else if (next > row.next_label || first >= next)
      yield finding(
        'segment_misplaced',
        where,
        `It holds the labels ${first} to ${next}; given were ${row.next_label}.`,
      )
    if (first < (nextLabels.get(collection) ?? 0))
      yield finding('segment_misplaced', where, 'Another segment holds some of its labels, too.')
    nextLabels.set(collection, next)
  }
}

async function* checkSegment(check: SegmentCheck, segment: SegmentRow): AsyncGenerator<Finding> {
  const where = `segments/${segment.file}`
  const path = check.vectors.path(segment.file)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) {
    yield finding('segment_missing', where, 'The manifest names it, but there is no such file.')
    return
  }
  if (stat.size !== segment.bytes) {
    yield finding('segment_damaged', where, `It has ${stat.size} bytes, not ${segment.bytes}.`)
    return
  }
  if (check.level === 'quick' && stat.size > quickDigestBytes) return
  let bytes: Uint8Array
  try {
    bytes = await readSegmentFile({ file: path, bytes: segment.bytes, digest: segment.digest })
  } catch (error) {
    if (!(error instanceof AnnalsError)) throw error
    yield finding('segment_damaged', where, messageOf(error))
    return
  }
  const row = collectionOf(check.live, segment.collection)
  if (check.level === 'deep' && row !== undefined) yield* checkVectors(check, row, segment, bytes)
}

function collectionOf(live: Database.Database, key: number): CollectionRow | undefined {
  return live.prepare<unknown[], CollectionRow>('SELECT * FROM collections WHERE key = ?').get(key)
}

function* unnamedFiles({ manifest, vectors }: SegmentCheck): Generator<Finding> {
  const folder = vectors.path('')
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return
  const named = new Set(manifest.all().map(({ file }) => join(file)))
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = relative(folder, join(entry.parentPath, entry.name))
    if (entry.isFile() && !named.has(file))
      yield finding('file_unnamed', `segments/${file}`, 'The manifest does not name it.')
  }
}
