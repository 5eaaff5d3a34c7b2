import { commitEnd, endsCommit } from '../commit-end.ts'
import { AnnalsError } from '../errors.ts'
import { limits } from '../limits.ts'
import { MerkleFrontier } from '../log/merkle-tree.ts'
import type { LogEntry, OperationLog } from '../log/operation-log.ts'
import type { Commit, OperationRecord, RecordOperation } from '../types.ts'
import { type Finding, finding } from './findings.ts'
import { Lineage } from './lineage.ts'

/** Damaged frames after which counting them serves nobody. */
const damagedMax = 1_000

/**
 * Reads every frame of the log up to its head and checks what the log promises: digests, no gap, whole commits,
 * times that never go backwards, versions that refer to the ones before them, labels in order, and that the
 * leaves make the tree whose root the log vouches for.
 *
 * Goes on behind a damaged frame, so that every one of them is named. `onRecords` is told how many were read.
 */
export async function* checkLog(
  log: OperationLog,
  onRecords: (done: number, total: number) => void,
): AsyncGenerator<Finding, void> {
  const { head, frontier: expected } = log
  const frontier = new MerkleFrontier()
  const rules = new LogRules()
  const lineage = new Lineage()
  let damaged = 0
  let page: OperationRecord[] = []
  for await (const found of readEach(log, head)) {
    if ('message' in found) {
      damaged += 1
      rules.forget()
      lineage.noteGap()
      yield finding('frame_damaged', `position ${found.position}`, found.message)
      if (damaged === damagedMax) break
      continue
    }
    frontier.append(found.leaf)
    lineage.note(found.record)
    page.push(found.record)
    yield* rules.check(found.record)
    if (page.length < limits.readAheadRecords) continue
    yield* checkReferences(log, page, lineage)
    onRecords(found.record.position, head)
    page = []
  }
  yield* checkReferences(log, page, lineage)
  yield* rules.end()
  onRecords(head, head)
  if (damaged === damagedMax)
    yield finding(
      'more_of_these',
      'log',
      `More than ${damagedMax} frames are damaged; the rest was not read.`,
    )
  if (damaged > 0 || frontier.root().equals(expected.root())) return
  const message = `The leaves 1 to ${head} do not make the tree that the log vouches for.`
  yield finding('root_mismatch', `positions 1 to ${head}`, message)
}

/** Every operation record up to `head`, or what is wrong with it. */
async function* readEach(
  log: OperationLog,
  head: number,
): AsyncGenerator<LogEntry | { position: number; message: string }> {
  // LevelDB may refuse a whole page for one damaged block: up to here records are read one by one.
  let oneByOne = 0
  for (let next = 1; next <= head; ) {
    try {
      const until = next <= oneByOne ? next : head
      for await (const entry of log.range({ after: next - 1, until })) {
        next = entry.record.position + 1
        yield entry
      }
    } catch (error) {
      if (!(error instanceof AnnalsError) || error.code === 'store_closed') throw error
      if (error.position === undefined && next > oneByOne) {
        oneByOne = Math.min(head, next + limits.readAheadRecords - 1)
        continue
      }
      const position = error.position ?? next
      yield { position, message: error.message }
      next = position + 1
    }
  }
}

/** Reads just the newest commit and what stands before it: whether the log ends as it should. */
export async function* checkHead(log: OperationLog): AsyncGenerator<Finding, number> {
  const { head } = log
  const rules = new LogRules()
  let checked = 0
  try {
    for await (const { record } of log.range({
      after: Math.max(0, head - limits.readAheadRecords),
      until: head,
    })) {
      checked += 1
      yield* rules.check(record)
    }
    yield* rules.end()
  } catch (error) {
    if (!(error instanceof AnnalsError) || error.position === undefined) throw error
    yield finding('frame_damaged', `position ${error.position}`, error.message)
  }
  return checked
}

/** The rules that hold from one operation record to the next. */
class LogRules {
  #before: OperationRecord | null = null
  /** Of each collection met, the label that its next vector gets; absent before its first one. */
  readonly #nextLabels = new Map<string, number>()

  /** After a gap nothing is known of what stands before. */
  forget(): void {
    this.#before = null
    this.#nextLabels.clear()
  }

  *check(record: OperationRecord): Generator<Finding> {
    const before = this.#before
    this.#before = record
    const where = `position ${record.position}`
    if (record.type === 'lost')
      yield finding('record_lost', where, 'Recovery could not read this operation record.')
    if (before !== null) {
      // A lost record is told as such; the commit that it belonged to is not told again.
      const isLost = before.type === 'lost' || record.type === 'lost'
      if (!isLost && !follows(before, record)) yield brokenCommit(record)
      if (record.commit.committedAt < before.commit.committedAt)
        yield finding(
          'time_backwards',
          where,
          'It was committed before the operation record that precedes it.',
        )
    }
    if (record.type === 'create-collection' && record.forkedFrom !== undefined)
      this.#nextLabels.set(record.collection, record.forkedFrom.nextLabel)
    if ('vectorAt' in record && record.type !== 'delete') yield* this.#checkLabel(record)
  }

  /** The log must end with a commit. */
  *end(): Generator<Finding> {
    if (this.#before !== null && !endsCommit(this.#before)) yield brokenCommit(this.#before)
  }

  *#checkLabel({ collection, label, position, vectorAt }: RecordOperation): Generator<Finding> {
    if (vectorAt !== position) return
    const expected = this.#nextLabels.get(collection)
    this.#nextLabels.set(collection, label + 1)
    if (expected === undefined || label >= expected) return
    yield finding(
      'label_broken',
      `position ${position}`,
      `Its vector has label ${label}; ${expected} comes next.`,
    )
  }
}

function follows(before: OperationRecord, { position, commit }: OperationRecord): boolean {
  if (position < commit.first || position > commitEnd(commit)) return false
  return endsCommit(before) ? position === commit.first : sameCommit(before.commit, commit)
}

function sameCommit(a: Commit, b: Commit): boolean {
  return a.first === b.first && a.count === b.count && a.committedAt === b.committedAt && a.actor === b.actor
}

function brokenCommit({ position, commit }: OperationRecord): Finding {
  const { first, count } = commit
  const message = `It says it belongs to the commit of ${count} operation records from ${first}, which is not whole.`
  return finding('commit_broken', `position ${position}`, message)
}

/** What a page of records refers to, read together: the version before, and where vector and document stand. */
async function* checkReferences(
  log: OperationLog,
  page: readonly OperationRecord[],
  lineage: Lineage,
): AsyncGenerator<Finding> {
  const wanted = new Set<number>()
  for (const record of page) for (const at of referencesOf(record)) if (at < record.position) wanted.add(at)
  const positions = [...wanted].filter((at) => at > 0)
  let found: OperationRecord[]
  try {
    found = await log.readMany(positions)
  } catch (error) {
    // A damaged frame is told where it stands; what refers to it cannot be judged.
    if (error instanceof AnnalsError && error.code === 'log_damaged') return
    throw error
  }
  const at = new Map(found.map((record) => [record.position, record]))
  for (const record of page) yield* checkReferencesOf(record, at, lineage)
}

function referencesOf(record: OperationRecord): number[] {
  if ('vectorAt' in record) return [record.previous, record.vectorAt, record.documentAt]
  return 'previous' in record ? [record.previous] : []
}

function* checkReferencesOf(
  record: OperationRecord,
  at: ReadonlyMap<number, OperationRecord>,
  lineage: Lineage,
): Generator<Finding> {
  if (!('previous' in record)) return
  const where = `position ${record.position}`
  const before = at.get(record.previous)
  if (record.previous > 0 && !isSameSubject(record, before))
    yield finding(
      'previous_broken',
      where,
      `The version before it does not stand at position ${record.previous}.`,
    )
  if (!('vectorAt' in record) || record.type === 'delete') return
  const holds = (position: number, part: 'vector' | 'document') =>
    holdsPart(record, position === record.position ? record : at.get(position), part, lineage)
  if (!holds(record.vectorAt, 'vector'))
    yield finding('reference_broken', where, `Its vector does not stand at position ${record.vectorAt}.`)
  if (record.documentAt > 0 && !holds(record.documentAt, 'document'))
    yield finding('reference_broken', where, `Its document does not stand at position ${record.documentAt}.`)
}

function isSameSubject(record: OperationRecord, before: OperationRecord | undefined): boolean {
  // What stood there was given up by a recovery, which is told at its own place.
  if (before?.type === 'lost') return true
  if (before === undefined || !('collection' in before) || !('collection' in record)) return false
  if (before.collection !== record.collection) return false
  const idOf = (one: OperationRecord) => ('recordId' in one ? one.recordId : null)
  return idOf(before) === idOf(record)
}

/** Whether `holder` has the vector or document that a record refers to; content that was erased counts as there. */
function holdsPart(
  record: RecordOperation,
  holder: OperationRecord | undefined,
  part: 'vector' | 'document',
  lineage: Lineage,
): boolean {
  if (holder?.type === 'lost') return true
  if (holder === undefined || !('vectorAt' in holder) || holder.recordId !== record.recordId) return false
  if (!lineage.mayStandOn(record, holder.collection)) return false
  return holder.state === null ? holder.type !== 'delete' : holder.state[part] !== null
}
