import { AnnalsError } from '../errors.ts'
import type { OperationLog } from '../log/operation-log.ts'
import type { Projector } from '../projections/projector.ts'
import { filter, firstValueFrom, fromEvent, Observable, race } from '../rxjs.ts'
import type {
  CollectionState,
  Commit,
  OperationRecord,
  OperationType,
  RecordImage,
  RecordOperation,
} from '../types.ts'
import { imageAfter, imageBefore } from './record-image.ts'

/** One operation of the log, with what it changed. */
export interface Change {
  /** Its place in the log: hand the last one in as `after` to go on from there. */
  position: number
  type: OperationType
  committedAt: Date
  actor: string | null
  reason: string | null
  /** The whole commit; `commit.first + commit.count - 1` is its last position. */
  commit: Commit
  /** For operations on tenants and databases, and on collections: whose it is. */
  tenant: string | null
  database: string | null
  /** UUID of the collection; `null` for tenants and databases. */
  collection: string | null
  /** The record's id; `null` for everything else. */
  id: string | null
  /** The record before; `null` when it was not there. */
  before: RecordImage | null
  /** The record after; `null` when it was deleted. */
  after: RecordImage | null
  /** Set where the content was erased or vacuumed: then `before` or `after` is `null` although there was one. */
  erased?: true
  /** For operations on collections: the collection after them. */
  state: CollectionState | null
}

export interface ChangeOptions {
  /** Exclusive; default 0, from the beginning. */
  after?: number
  /** Go on with what is yet to come, until the signal, `break`, or the store's close; default false. */
  live?: boolean
  signal?: AbortSignal
  /**
   * Told when the connection to a server is lost, and when it is back; meanwhile the feed waits. A feed of a store
   * in this process has no connection to lose, and never calls it.
   */
  onConnection?: (state: ConnectionState) => void
}

/** What became of the connection that a feed comes over. */
export interface ConnectionState {
  connected: boolean
  /** Why it was lost; `null` when it is back. */
  error: AnnalsError | null
}

/** What a feed reads, and which operations it tells of. */
export interface ChangeSource {
  log: OperationLog
  projector: Projector
  selects: (record: OperationRecord) => boolean
  /** Puts a change into the form in which it is told. */
  tells: (change: Change) => Change
}

/**
 * The changes since a position: an `AsyncIterable`, and with `toObservable()` an rxjs `Observable`.
 *
 * Changes come in the order of the log, each once. They are read from the log when they are asked for, so a
 * slow reader holds no memory and misses nothing; a reader that comes back goes on behind the last position it
 * has seen. A change is told once it is visible to reads.
 *
 * @example
 * for await (const change of client.changes({ after: 0 })) console.log(change.position, change.type, change.id)
 */
export class ChangeFeed implements AsyncIterable<Change> {
  readonly #read: ChangeReader
  readonly #signal: AbortSignal | undefined

  constructor(read: ChangeReader, signal: AbortSignal | undefined) {
    this.#read = read
    this.#signal = signal
  }

  [Symbol.asyncIterator](): AsyncGenerator<Change, void, undefined> {
    const stop = new AbortController()
    const changes = this.#read(anyOf(this.#signal, stop.signal))
    // A generator that waits for what is to come would let `return` wait as long.
    return Object.assign(changes, {
      return: (): Promise<IteratorResult<Change, void>> => {
        stop.abort()
        return Object.getPrototypeOf(changes).return.call(changes) as Promise<IteratorResult<Change, void>>
      },
    })
  }

  /**
   * The same as an Observable: cold, one reader for each subscription. The next change is read when `next` has
   * returned, so an observer that must wait should iterate instead.
   */
  toObservable(): Observable<Change> {
    return new Observable<Change>((observer) => {
      const stop = new AbortController()
      const pump = async (): Promise<void> => {
        for await (const change of this.#read(anyOf(this.#signal, stop.signal))) observer.next(change)
      }
      pump().then(
        () => observer.complete(),
        (error: unknown) => observer.error(error),
      )
      return () => stop.abort()
    })
  }
}

/** Reads changes from wherever they come; once the signal is aborted it ends, and is never an error. */
export type ChangeReader = (signal: AbortSignal) => AsyncGenerator<Change, void, undefined>

/** The changes in a log of this process. */
export function changeFeed(open: () => Promise<ChangeSource>, options: ChangeOptions): ChangeFeed {
  return new ChangeFeed((signal) => readChanges(open, options, signal), options.signal)
}

async function* readChanges(
  open: () => Promise<ChangeSource>,
  options: ChangeOptions,
  signal: AbortSignal,
): AsyncGenerator<Change, void, undefined> {
  const { log, projector, selects, tells } = await open()
  const { live = false } = options
  let { after = 0 } = options
  if (after > projector.position)
    throw new AnnalsError(
      'position_not_reached',
      `Changes after ${after} were asked for, which lies ahead of the newest one.`,
    )
  try {
    do {
      const until = projector.position
      for await (const { record } of log.range({ after, until })) {
        if (signal.aborted) return
        if (projector.isClosed) throw new AnnalsError('store_closed', 'The store was closed.')
        if (selects(record)) yield tells(await toChange(log, record))
      }
      after = until
    } while (live && (await moreThan(projector, after, signal)))
  } catch (error) {
    // A live feed has no end of its own that it could miss: the store's close is its end.
    if (!live || !projector.isClosed) throw error
  }
}

function anyOf(given: AbortSignal | undefined, own: AbortSignal): AbortSignal {
  return given === undefined ? own : AbortSignal.any([given, own])
}

/** Waits until something after `position` is visible; false when nothing will be. */
export async function moreThan(
  projector: Projector,
  position: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (signal?.aborted) return false
  if (projector.position > position) return true
  const more = projector.commits.pipe(filter(() => projector.position > position))
  const wakers: Observable<unknown> = signal ? race(more, fromEvent(signal, 'abort')) : more
  await firstValueFrom(wakers, { defaultValue: null })
  return projector.position > position && signal?.aborted !== true
}

async function toChange(log: OperationLog, record: OperationRecord): Promise<Change> {
  const { position, type, commit } = record
  const { actor, reason } = commit
  const common = { position, type, committedAt: new Date(commit.committedAt), actor, reason, commit }
  const none = {
    tenant: null,
    database: null,
    collection: null,
    id: null,
    before: null,
    after: null,
    state: null,
  }
  if ('vectorAt' in record) {
    const before = await imageBefore(log, record)
    const after = await imageAfter(log, record)
    const erased = isErased(record, before, after) ? { erased: true as const } : {}
    return {
      ...common,
      ...none,
      collection: record.collection,
      id: record.recordId,
      before,
      after,
      ...erased,
    }
  }
  if ('collection' in record) {
    const { collection, state } = record
    const { tenant, database } = state
    return { ...common, ...none, tenant, database, collection, state }
  }
  if ('scope' in record) return { ...common, ...none, collection: record.scope }
  if ('databaseId' in record) return { ...common, ...none, tenant: record.tenant, database: record.database }
  if ('tenant' in record) return { ...common, ...none, tenant: record.tenant }
  return { ...common, ...none }
}

/** Whether a record was there before or after, but its content is not any more. */
function isErased(
  { type, previous, state }: RecordOperation,
  before: RecordImage | null,
  after: RecordImage | null,
): boolean {
  const lacksAfter = type !== 'delete' && (state === null || after === null)
  return lacksAfter || (type !== 'add' && previous > 0 && before === null)
}
