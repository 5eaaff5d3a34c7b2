/** The vectors in segment files against those of the log. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type Database from 'better-sqlite3'
import { AnnalsError } from '../errors.ts'
import { limits } from '../limits.ts'
import type { OperationLog } from '../log/operation-log.ts'
import type { SegmentRow } from '../projections/metadata/manifest.ts'
import type { CollectionRow } from '../projections/metadata/rows.ts'
import { prepare } from '../projections/vectors/distance.ts'
import { checkInSteps, elementOf, readHeader } from '../projections/vectors/hnsw-file.ts'
import { inTurns } from '../turns.ts'
import type { CollectionConfiguration, OperationRecord, Space } from '../types.ts'
import { type Checked, type Finding, finding } from './findings.ts'

/** What a check of vectors works with. */
export interface VectorCheck {
  log: OperationLog
  /** The tables that are served from. */
  live: Database.Database
  checked: Checked
  signal: AbortSignal | undefined
}

/** Labels that are looked up before others get the thread. */
const labelsPerStep = 10_000
/** Vectors of one segment that are told one by one. */
const toldMax = 20

/** The vectors of a file, bit for bit, against those of the log, and whether any is missing. */
export async function* checkVectors(
  check: VectorCheck,
  row: CollectionRow,
  segment: SegmentRow,
  bytes: Uint8Array,
): AsyncGenerator<Finding> {
  const where = `segments/${segment.file}`
  const { dimension } = row
  if (dimension === null) return
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
  for (const elements of pagesOf(bytes, dimension, count)) {
    check.signal?.throwIfAborted()
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
  yield* missingVectors(check, segment, labels)
}

/** Live labels of the segment's range that its file does not hold. */
async function* missingVectors(
  { live }: VectorCheck,
  { collection, first_label, next_label, file }: SegmentRow,
  held: ReadonlySet<number>,
): AsyncGenerator<Finding> {
  for (let from = first_label; from < next_label; from += labelsPerStep) {
    for (const label of liveLabels(live, collection, from, Math.min(next_label, from + labelsPerStep)))
      if (!held.has(label))
        yield finding('vector_missing', `segments/${file}`, `The vector of label ${label} is not in it.`)
    await nextTurn()
  }
}

/** The elements of a sound file, a few at a time. */
function* pagesOf(bytes: Uint8Array, dimension: number, count: number): Generator<Element[]> {
  for (let from = 0; from < count; from += limits.readAheadRecords)
    yield Array.from({ length: Math.min(limits.readAheadRecords, count - from) }, (_, index) =>
      elementOf(bytes, dimension, from + index),
    )
}

interface Element {
  label: number
  vector: Float32Array
}

async function* compareVectors(
  { log, live }: VectorCheck,
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
  try {
    const records = await log.readMany(positions)
    return new Map(records.map((record) => [record.position, vectorOf(record)]))
  } catch (error) {
    if (!(error instanceof AnnalsError) || error.code !== 'log_damaged') throw error
    if (positions.length <= 1) return new Map()
    // One damaged frame costs the others of its page nothing.
    const each: [number, Float32Array | null][] = []
    for (const position of positions) each.push(...(await loggedVectors(log, [position])))
    return new Map(each)
  }
}

function vectorOf(record: OperationRecord): Float32Array | null {
  return 'vectorAt' in record ? (record.state?.vector ?? null) : null
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

function isZero(vector: Float32Array): boolean {
  return vector.every((value) => value === 0)
}

function sameBits(a: Float32Array, b: Float32Array): boolean {
  const left = new Uint32Array(a.buffer, a.byteOffset, a.length)
  const right = new Uint32Array(b.buffer, b.byteOffset, b.length)
  return left.length === right.length && left.every((bits, index) => bits === right[index])
}
