import { carryOver, takenOver } from '../commands/carry-over.ts'
import { place } from '../commands/decide.ts'
import type { Draft } from '../commands/decision.ts'
import { PendingState } from '../commands/pending-state.ts'
import { AnnalsError } from '../errors.ts'
import type { Fact, PutFact } from '../fact.ts'
import type { Origin } from '../log/operation-log.ts'
import type { Catalog } from '../projections/metadata/catalog.ts'
import type { RecordTable } from '../projections/metadata/record-table.ts'
import type { Commit, OperationRecord } from '../types.ts'
import { applyTo, type CopyTarget } from './copy-frames.ts'
import { contentAt, reduced } from './facts.ts'

/** The parts of an open store that a history is written into. */
export interface HistoryTarget extends CopyTarget {
  readonly catalog: Catalog
  readonly records: RecordTable
}

/** One commit of a source, as facts. */
export interface HistoricalCommit {
  /** Its last position in the source. */
  position: number
  /** Who, when and why; its place is the source's. */
  commit: Commit
  facts: readonly Fact[]
}

/** A group of commits on its way: decided in order, appended as one batch. */
interface Batch {
  state: PendingState
  head: number
  records: OperationRecord[]
}

/**
 * Writes commits of the past into a store: decided in its state, under their own times and names.
 *
 * What holds: a source commit is one commit here, or none where nothing of it was carried over; the position of
 * the source that was reached is in the same batch, so that nothing is ever carried over twice.
 */
export class HistoryWriter {
  readonly #target: HistoryTarget
  readonly #origin: (position: number) => Origin
  #head: number

  constructor(target: HistoryTarget, origin: (position: number) => Origin) {
    this.#target = target
    this.#origin = origin
    this.#head = target.log.head
  }

  /** Appends commits, in order; answers how many operation records they became. */
  async write(commits: readonly HistoricalCommit[]): Promise<number> {
    const before = this.#head
    await this.#target.writer.exclusive(async () => {
      await this.#target.projector.catchUp()
      const { head } = this.#target.log
      if (head !== this.#head) throw writtenBySomebodyElse(this.#head, head)
      for (const group of decidable(commits)) await this.#writeGroup(group)
    })
    return this.#head - before
  }

  async #writeGroup(commits: readonly HistoricalCommit[]): Promise<void> {
    const { log, catalog, records } = this.#target
    const batch: Batch = { state: new PendingState(catalog, records), head: log.head, records: [] }
    for (const commit of commits) await this.#decide(batch, commit)
    const leaves = await log.append(batch.records, this.#origin(commits.at(-1)!.position))
    if (batch.records.length > 0) await applyTo(this.#target, batch.records, leaves)
    this.#head = log.head
  }

  async #decide(batch: Batch, { commit, facts, position }: HistoricalCommit): Promise<void> {
    const first = batch.head + batch.records.length + 1
    const here: Commit = { ...commit, first, count: 0 }
    for (const fact of facts) {
      const draft = await this.#draft(batch, fact, position)
      if (draft === null) continue
      const [placed] = place([draft], { ...here, first: first + here.count })
      const record = { ...placed!, commit: here }
      batch.records.push(record)
      // The next fact is decided in the state after this one, also within a commit.
      batch.state.note([record])
      here.count += 1
    }
  }

  async #draft(batch: Batch, fact: Fact, position: number): Promise<Draft | null> {
    try {
      const fitting = fact.type === 'put' ? await this.#fitted(batch, fact) : fact
      return fitting === null ? null : carryOver(fitting, batch.state)
    } catch (error) {
      if (!(error instanceof AnnalsError)) throw error
      const { code, message, hint } = error
      throw new AnnalsError(code, `At position ${position} of the source: ${message}`, {
        fate: 'not_written',
        position,
        cause: error,
        ...(hint !== undefined && { hint }),
      })
    }
  }

  /** The fact, saying no more and no less than what this log lacks; `null` for what cannot be said whole. */
  async #fitted(batch: Batch, fact: PutFact): Promise<PutFact | null> {
    const live = batch.state.record(fact.collection, fact.recordId) ?? takenOver(fact, batch.state)
    if (live === null) return completed(fact)
    if (fact.whole !== true) return fact
    const read = async (position: number) => pending(batch, position) ?? this.#target.log.read(position)
    const content = await contentAt(read, live)
    return content === null ? fact : reduced(fact, content)
  }
}

/** A vacuum may have let go of the versions that an update stands on: then it is where the record begins. */
async function completed(fact: PutFact): Promise<PutFact | null> {
  const isPartial = fact.vector === undefined || fact.document === undefined
  if (!isPartial || fact.content === undefined) return fact
  const content = await fact.content()
  return content === null ? null : { ...fact, ...content }
}

function pending({ head, records }: Batch, position: number): OperationRecord | undefined {
  return position > head ? records[position - head - 1] : undefined
}

/** Groups in which nothing is pending before a commit that changes the catalog. */
function* decidable(commits: readonly HistoricalCommit[]): Generator<HistoricalCommit[]> {
  let group: HistoricalCommit[] = []
  for (const commit of commits) {
    if (commit.facts.every(isAboutRecord)) {
      group.push(commit)
      continue
    }
    if (group.length > 0) yield group
    yield [commit]
    group = []
  }
  if (group.length > 0) yield group
}

function isAboutRecord({ type }: Fact): boolean {
  return type === 'put' || type === 'delete'
}

function writtenBySomebodyElse(expected: number, found: number): AnnalsError {
  return new AnnalsError(
    'conflict',
    `The target of the replay is at position ${found}, and the replay left it at ${expected}.`,
    {
      fate: 'not_written',
      position: found,
      hint: 'A store that is being replayed into takes no other writes; replay into a new one.',
    },
  )
}
