import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Env } from '../env.ts'
import { AnnalsError, messageOf } from '../errors.ts'
import { limits } from '../limits.ts'
import type { OperationLog } from '../log/operation-log.ts'
import type { Catalog } from '../projections/metadata/catalog.ts'
import type { RecordTable } from '../projections/metadata/record-table.ts'
import type { Projector } from '../projections/projector.ts'
import type { Commit, OperationRecord } from '../types.ts'
import type { Outcome, Request } from './command.ts'
import { countOf, readsTables, sizeOf } from './command-size.ts'
import { decide, place } from './decide.ts'
import { IdempotencyKeys } from './idempotency-keys.ts'
import { PendingState } from './pending-state.ts'

export interface WriterParts {
  log: OperationLog
  catalog: Catalog
  records: RecordTable
  projector: Projector
  env: Env
}

interface Waiting {
  request: Request
  bytes: number
  resolve: (outcome: Outcome) => void
  reject: (error: unknown) => void
}

/** Work on the log that no write may run beside. */
interface Job {
  job: () => Promise<void>
  resolve: () => void
  reject: (error: unknown) => void
}

interface Decided {
  waiting: Waiting
  records: OperationRecord[]
  outcome: Outcome
}

/**
 * The single queue that all writes go through.
 *
 * What holds:
 * - One group at a time: take what waits, decide each in order, append all as one batch, apply, acknowledge.
 * - A write is acknowledged after it is durable in the log and visible in every projection.
 * - A write that cannot be decided is refused by itself; the others of its group go on.
 * - After a failed append none of the group is acknowledged.
 */
export class Writer {
  readonly #parts: WriterParts
  #queue: (Waiting | Job)[] = []
  #queuedBytes = 0
  #running: Promise<void> | null = null
  /** Operation records of the newest group. */
  #appliedLast = 0
  #closed = false

  constructor(parts: WriterParts) {
    this.#parts = parts
  }

  /** Queues a write; settles once it is acknowledged or refused. */
  submit(request: Request): Promise<Outcome> {
    if (this.#closed)
      return Promise.reject(new AnnalsError('store_closed', 'The store is closed.', { fate: 'not_written' }))
    const bytes = sizeOf(request.command)
    if (this.#queuedBytes + bytes > limits.queuedBytesMax)
      return Promise.reject(tooManyWaiting(this.#queuedBytes))
    return new Promise((resolve, reject) => {
      this.#queuedBytes += bytes
      this.#enqueue({ request, bytes, resolve, reject })
    })
  }

  /** Runs `job` in the queue, between two groups of writes. */
  async exclusive(job: () => Promise<void>): Promise<void> {
    if (this.#closed) throw new AnnalsError('store_closed', 'The store is closed.')
    await new Promise<void>((resolve, reject) => this.#enqueue({ job, resolve, reject }))
  }

  /** Settles once nothing waits any more. */
  async drained(): Promise<void> {
    while (this.#running !== null) await this.#running
  }

  /** Refuses new writes and waits for those that were accepted. */
  async close(): Promise<void> {
    this.#closed = true
    await this.drained()
  }

  #enqueue(entry: Waiting | Job): void {
    this.#queue.push(entry)
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      // Whatever is submitted without waiting in between belongs to one group. After a large one the event loop
      // gets its turn: deciding the next would stretch a turn that was long already.
      await (this.#appliedLast > limits.encodedPerTurn ? nextTurn() : null)
      const [next] = this.#queue
      if (next !== undefined && 'job' in next) {
        this.#queue.shift()
        await next.job().then(next.resolve, next.reject)
      } else await this.#commitGroup(this.#takeGroup())
    }
    this.#running = null
  }

  /** The longest run of writes that can be decided together, within the limits of a batch. */
  #takeGroup(): Waiting[] {
    let records = 0
    let bytes = 0
    let size = 0
    for (const entry of this.#queue) {
      if ('job' in entry) break
      const { command } = entry.request
      records += countOf(command)
      bytes += entry.bytes
      const full = records > limits.groupRecordsMax || bytes > limits.groupBytesMax
      if (size > 0 && (full || readsTables(command))) break
      size += 1
      if (readsTables(command)) break
    }
    const group = this.#queue.splice(0, size) as Waiting[]
    for (const waiting of group) this.#queuedBytes -= waiting.bytes
    return group
  }

  async #commitGroup(group: Waiting[]): Promise<void> {
    try {
      await this.#commit(group)
    } catch (error) {
      for (const waiting of group) waiting.reject(error)
    }
  }

  /** The way of a write: decide, append, apply, acknowledge. */
  async #commit(group: Waiting[]): Promise<void> {
    await this.#catchUp()
    const decided = await this.#decideAll(group)
    const records = decided.flatMap((one) => one.records)
    const leaves = await this.#parts.log.append(records)
    await this.#apply(records, leaves)
    this.#appliedLast = records.length
    for (const { waiting, outcome } of decided) waiting.resolve(outcome)
  }

  /** Decisions are made in the state that the log is in: after a failed write, that is found out here. */
  async #catchUp(): Promise<void> {
    const { log, projector } = this.#parts
    await log.ready()
    try {
      await projector.catchUp()
    } catch (error) {
      if (error instanceof AnnalsError) throw error
      throw new AnnalsError(
        'projection_failed',
        `Earlier writes are in the log but cannot be made readable: ${messageOf(error)}`,
        {
          fate: 'not_written',
          hint: 'Repeat this write once the metadata file can be written again.',
          cause: error,
        },
      )
    }
  }

  async #decideAll(group: Waiting[]): Promise<Decided[]> {
    const { log, catalog, records, env } = this.#parts
    const state = new PendingState(catalog, records)
    const [first] = group
    if (first?.request.command.kind === 'fork') await state.readToFork(first.request.command.source)
    const committedAt = Math.max(env.now(), log.committedAt)
    const keys = new IdempotencyKeys(catalog, state)
    const decided: Decided[] = []
    let head = log.head
    for (const waiting of group) {
      try {
        const one = this.#decideOne(waiting, state, { head, committedAt, keys })
        head += one.records.length
        decided.push(one)
      } catch (error) {
        waiting.reject(error)
      }
    }
    return decided
  }

  #decideOne(
    waiting: Waiting,
    state: PendingState,
    { head, committedAt, keys }: { head: number; committedAt: number; keys: IdempotencyKeys },
  ): Decided {
    const { command, options } = waiting.request
    const { actor = null, reason = null, idempotencyKey = null, expectedPosition } = options
    const repeated = idempotencyKey === null ? undefined : keys.repeated(idempotencyKey, command)
    if (repeated !== undefined) return { waiting, records: [], outcome: repeated }

    const { drafts, collection } = decide(command, state, this.#parts.env.uuid, expectedPosition)
    const count = drafts.length
    const commit: Commit = { first: head + 1, count, committedAt, actor, reason, idempotencyKey }
    const records = place(drafts, commit)
    if (command.kind !== 'fork') state.note(records)
    // Nothing changed, by this write or one before it in the group: the answer names the state that the caller sees.
    const { log } = this.#parts
    const at = head + count === log.head ? log.committedAt : committedAt
    const receipt = { position: head + count, committedAt: new Date(at), count }
    if (idempotencyKey !== null && count > 0) keys.note(idempotencyKey, command, { receipt, collection })
    return { waiting, records, outcome: { receipt, collection } }
  }

  async #apply(records: OperationRecord[], leaves: readonly Buffer[]): Promise<void> {
    if (records.length === 0) return
    try {
      await this.#parts.projector.apply(records, leaves)
    } catch (error) {
      throw new AnnalsError(
        'projection_failed',
        `The write is in the log but not yet readable: ${messageOf(error)}`,
        {
          fate: 'durable',
          hint: 'Do not repeat it: it will be readable once the metadata file can be written again.',
          cause: error,
        },
      )
    }
  }
}

function tooManyWaiting(bytes: number): AnnalsError {
  return new AnnalsError('busy', `Writes of ${bytes} bytes are waiting already.`, {
    fate: 'not_written',
    hint: 'Await writes before handing in more of them.',
  })
}
