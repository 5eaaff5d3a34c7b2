import { readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type Database from 'better-sqlite3'
import { AnnalsError, messageOf } from '../errors.ts'
import { limits } from '../limits.ts'
import type { OperationLog } from '../log/operation-log.ts'
import type { Manifest, SegmentRow } from '../projections/metadata/manifest.ts'
import type { CollectionRow } from '../projections/metadata/rows.ts'
import { prepare } from '../projections/vectors/distance.ts'
import { checkInSteps, elementOf, readHeader } from '../projections/vectors/hnsw-file.ts'
import { readSegmentFile } from '../projections/vectors/sealed-segment.ts'
import type { VectorStore } from '../projections/vectors/vector-store.ts'
import { inTurns } from '../turns.ts'
import type { CollectionConfiguration, Space } from '../types.ts'
import { type Checked, type Finding, finding, type VerifyLevel } from './findings.ts'

/** What a check of the segments works with. */
export interface SegmentCheck {
  log: OperationLog
  live: Database.Database
  manifest: Manifest
  vectors: VectorStore
  /** Waits until nothing of a collection (UUID) is being sealed or rebuilt. */
  settled: (collection: string) => Promise<void>
  level: VerifyLevel
  checked: Checked
  onSegments: (done: number, total: number) => void
  signal: AbortSignal | undefined
  /** Told of each segment that must be built again. */
  onBad?: (segment: SegmentRow) => void
}

/** Files up to this size are read and hashed even by a quick verification. */
const quickDigestBytes = 1024 * 1024
/** Labels that are looked up before others get the thread. */
const labelsPerStep = 10_000
/** Vectors of one segment that are told one by one. */
const toldMax = 20

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
  if (check.level === 'deep') yield* checkVectors(check, segment, bytes)
}

/** The vectors of a file, bit for bit, against those of the log. */
async function* checkVectors(
  check: SegmentCheck,
  segment: SegmentRow,
  bytes: Uint8Array,
): AsyncGenerator<Finding> {
  const where = `segments/${segment.file}`
  const row = collectionOf(check.live, segment.collection)
  if (row?.dimension == null) return
  const { dimension } = row
  const { space } = (JSON.parse(row.configuration) as CollectionConfiguration).hnsw
  const count = readHeader(bytes)?.count ?? 0
  const { first_label: firstLabel, next_label: nextLabel } = segment
  const reason = await inTurns(checkInSteps(bytes, { dimension, count, firstLabel, nextLabel }))
  if (reason !== null) {
    yield finding('segment_damaged', where, `Its structure is wrong: ${reason}.`)
    return
  }
  const labels = new Set<number>()
  let told = 0
  for (let from = 0; from < count; from += limits.readAheadRecords) {
    check.signal?.throwIfAborted()
    const elements = Array.from({ length: Math.min(limits.readAheadRecords, count - from) }, (_, index) =>
      elementOf(bytes, dimension, from + index),
    )
    for (const { label } of elements) labels.add(label)
    for await (const found of compareVectors(check, row, space, elements, where)) {
      if (told < toldMax) yield found
      told += 1
    }
    check.checked.vectors += elements.length
    await nextTurn()
  }
  if (told > toldMax)
    yield finding('more_of_these', where, `${told - toldMax} more vectors are not the log's.`)
  for (let from = firstLabel; from < nextLabel; from += labelsPerStep) {
    for (const label of liveLabels(check.live, row.key, from, Math.min(nextLabel, from + labelsPerStep)))
      if (!labels.has(label))
        yield finding('vector_missing', where, `The vector of label ${label} is not in it.`)
    await nextTurn()
  }
}

interface Element {
  label: number
  vector: Float32Array
}

async function* compareVectors(
  { log, live }: SegmentCheck,
  row: CollectionRow,
  space: Space,
  elements: readonly Element[],
  where: string,
): AsyncGenerator<Finding> {
  const range = [elements[0]!.label, elements.at(-1)!.label] as const
  const own = bornIn(live, row.key, ...range)
  const born = new Map([...bornElsewhere(live, row, ...range), ...own])
  const positions = elements.map(({ label }) => born.get(label)).filter((at) => at !== undefined)
  const vectors = await loggedVectors(log, positions)
  for (const { label, vector } of elements) {
    // What the collection itself has no record of may be there or not: it is never found.
    if (!own.has(label) && isZero(vector)) continue
    const at = born.get(label)
    const logged = at === undefined ? null : vectors.get(at)
    // A damaged frame is told where it stands; what rests on it cannot be judged.
    if (logged === undefined) continue
    if (logged === null) {
      if (!isZero(vector))
        yield finding('vector_unaccounted', where, `The log no longer has the vector of label ${label}.`)
    } else if (!sameBits(prepare(space, logged), vector))
      yield finding('vector_differs', where, `The vector of label ${label} is not the one at position ${at}.`)
  }
}

/** The vectors at the given positions; `null` where they were erased, absent where the frame is damaged. */
async function loggedVectors(
  log: OperationLog,
  positions: readonly number[],
): Promise<Map<number, Float32Array | null>> {
  const vectors = new Map<number, Float32Array | null>()
  try {
    for (const record of await log.readMany(positions))
      vectors.set(record.position, 'vectorAt' in record ? (record.state?.vector ?? null) : null)
  } catch (error) {
    if (!(error instanceof AnnalsError) || error.code !== 'log_damaged') throw error
    if (positions.length > 1)
      for (const position of positions)
        for (const [at, vector] of await loggedVectors(log, [position])) vectors.set(at, vector)
  }
  return vectors
}

/**
 * Where other collections of the fork family say that the vectors of these labels stand: a fork has the files of
 * its source, and there may be labels in them that it never had; and what the source has let go of, a fork may
 * still stand on. A label means the same in all that have inherited it.
 */
function bornElsewhere(
  live: Database.Database,
  row: CollectionRow,
  first: number,
  last: number,
  seen: Set<number> = new Set([row.key]),
): Map<number, number> {
  const born = new Map<number, number>()
  for (const { relative, upTo } of relativesOf(live, row)) {
    const until = Math.min(last, upTo - 1)
    if (seen.has(relative.key) || until < first) continue
    seen.add(relative.key)
    const found = [
      ...bornElsewhere(live, relative, first, until, seen),
      ...bornIn(live, relative.key, first, until),
    ]
    for (const [label, at] of found) born.set(label, at)
  }
  return born
}

/** The source of a fork and the forks of a collection, with the label up to which theirs are the same. */
function relativesOf(
  live: Database.Database,
  { id, forked_from, inherited }: CollectionRow,
): { relative: CollectionRow; upTo: number }[] {
  const rows = live
    .prepare<unknown[], CollectionRow>('SELECT * FROM collections WHERE id = ? OR forked_from = ?')
    .all(forked_from, id)
  return rows.map((relative) => ({
    relative,
    upTo: relative.id === forked_from ? inherited : relative.inherited,
  }))
}

/** Where the vectors of a range of labels stand in the log. */
function bornIn(
  live: Database.Database,
  collection: number,
  first: number,
  last: number,
): Map<number, number> {
  const sql = `
    SELECT label, vector_at FROM records WHERE collection = @collection AND label BETWEEN @first AND @last
    UNION
    SELECT label, vector_at FROM record_versions WHERE collection = @collection AND label BETWEEN @first AND @last`
  const rows = live
    .prepare<object, { label: number; vector_at: number }>(sql)
    .all({ collection, first, last })
  return new Map(rows.map(({ label, vector_at }) => [label, vector_at]))
}

function liveLabels(live: Database.Database, collection: number, first: number, next: number): number[] {
  const sql = 'SELECT label FROM records WHERE collection = ? AND label >= ? AND label < ?'
  return live.prepare<unknown[], number>(sql).pluck().all(collection, first, next)
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

function isZero(vector: Float32Array): boolean {
  return vector.every((value) => value === 0)
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  const left = new Uint32Array(a.buffer, a.byteOffset, a.length)
  const right = new Uint32Array(b.buffer, b.byteOffset, b.length)
  return left.length === right.length && left.every((bits, index) => bits === right[index])
}
