/**
 * A collection as a plain list of states, one for each commit: what every answer is judged by. No index, no
 * segment, no file; a query compares with everything.
 */
import type { Metadata, MetadataUpdate, Space } from '../../src/index.ts'

export interface ModelRecord {
  id: string
  embedding: number[]
  document: string | null
  metadata: Metadata | null
}

/** One record as a write hands it in. */
export interface Input {
  id: string
  /** `null`: the one that is there. */
  embedding: number[] | null
  document: string | null
  metadata: MetadataUpdate | null
}

export type Kind = 'add' | 'update' | 'upsert'

export interface Version {
  position: number
  type: 'add' | 'update' | 'delete'
  before: ModelRecord | null
  after: ModelRecord | null
  /** Where it was superseded; `null` while it is the newest. */
  died: number | null
  /** Its content may be gone from the log (`vacuumed`), or must be (`erased`). */
  gone: 'vacuumed' | 'erased' | null
  /** Where its embedding and its document stand; 0 for none. */
  embeddingAt: number
  documentAt: number
}

type State = readonly ModelRecord[]

/** The positions of the whole store. */
export class Clock {
  head = 0
  /** Ends of commits, ascending. */
  readonly ends: number[] = [0]

  commit(count: number): void {
    if (count === 0) return
    this.head += count
    this.ends.push(this.head)
  }

  /** A position inside a commit stands for the end of the commit before. */
  resolve(position: number): number {
    return this.ends.findLast((end) => end <= position)!
  }
}

export class CollectionModel {
  readonly id: string
  readonly space: Space
  /** The state from a position on, ascending; only ends of commits. */
  states: { position: number; state: State }[]
  readonly history = new Map<string, Version[]>()
  /** Points before it cannot be answered any more. */
  horizon = 0
  readonly #clock: Clock

  constructor(id: string, space: Space, clock: Clock) {
    this.id = id
    this.space = space
    this.states = [{ position: clock.head, state: [] }]
    this.#clock = clock
  }

  get now(): State {
    return this.states.at(-1)!.state
  }

  /** The state at a position, which the collection had reached. */
  at(position: number): State {
    return this.states.findLast((one) => one.position <= position)!.state
  }

  has(id: string): boolean {
    return this.now.some((record) => record.id === id)
  }

  /** Answers how many operations it takes. */
  put(kind: Kind, inputs: readonly Input[]): number {
    let state = this.now
    let count = 0
    for (const input of inputs) {
      const before = state.find(({ id }) => id === input.id) ?? null
      if (before === null ? kind === 'update' : kind === 'add' || givesNothing(input)) continue
      const after = {
        id: input.id,
        embedding: (input.embedding ?? before?.embedding)!,
        document: input.document ?? before?.document ?? null,
        metadata: merged(before?.metadata ?? null, input.metadata),
      }
      state = before === null ? [...state, after] : state.map((one) => (one === before ? after : one))
      const position = this.#clock.head + ++count
      const places = placesOf(input, position, before && this.history.get(input.id)!.at(-1)!)
      this.#note(position, before === null ? 'add' : 'update', before, after, places)
    }
    this.#commit(state, count)
    return count
  }

  /** By ids, in their order. */
  deleteIds(ids: readonly string[]): number {
    return this.#remove(ids.flatMap((id) => this.now.filter((record) => record.id === id)))
  }

  /** By a filter, the oldest first. */
  deleteWhere(selects: (record: ModelRecord) => boolean, limit?: number): number {
    return this.#remove(this.now.filter(selects).slice(0, limit))
  }

  /** A collection that begins with the records of this one: the creation, then an `add` for each. */
  fork(id: string): CollectionModel {
    const position = this.#clock.head + 1
    this.#clock.commit(1 + this.now.length)
    const fork = new CollectionModel(id, this.space, this.#clock)
    fork.states = [{ position: this.#clock.head, state: this.now }]
    for (const [index, record] of this.now.entries()) {
      const { embeddingAt, documentAt } = this.history.get(record.id)!.at(-1)!
      fork.#note(position + 1 + index, 'add', null, record, { embeddingAt, documentAt })
    }
    return fork
  }

  /** Positions of the content that versions of a record stand on which the tables still have. */
  standsOn(id: string): Set<number> {
    const kept = this.history.get(id)?.filter(({ after, gone }) => after !== null && gone === null) ?? []
    return new Set(
      kept.flatMap((one) => [one.position, one.embeddingAt, one.documentAt]).filter((at) => at > 0),
    )
  }

  /** Deletes what is live of records that are erased, from a position on; answers how many operations that takes. */
  deleteErased(ids: readonly string[], position: number): number {
    const live = ids.flatMap((id) => this.now.filter((record) => record.id === id))
    for (const [index, before] of live.entries()) this.#note(position + index, 'delete', before, null)
    return live.length
  }

  /** Takes records out of all of history, once the commit that says so is made. */
  forget(ids: readonly string[]): void {
    for (const version of ids.flatMap((id) => this.history.get(id)!)) version.gone = 'erased'
    this.states = this.states.map(({ position, state }) => ({
      position,
      state: state.filter(({ id }) => !ids.includes(id)),
    }))
    this.states.push({ position: this.#clock.head, state: this.now })
  }

  /** Lets superseded versions go, but for the newest of each record; answers how many. Takes no position. */
  vacuum(keepNewest: number, supersededBy: number): number {
    let count = 0
    for (const versions of this.history.values()) {
      const kept = versions.filter(({ after, gone }) => after !== null && gone === null)
      for (const version of kept.slice(0, Math.max(0, kept.length - keepNewest))) {
        if (version.died === null || version.died > supersededBy) continue
        version.gone = 'vacuumed'
        this.horizon = Math.max(this.horizon, version.died)
        count++
      }
    }
    return count
  }

  #remove(gone: readonly ModelRecord[]): number {
    for (const [index, before] of gone.entries())
      this.#note(this.#clock.head + index + 1, 'delete', before, null)
    const left = this.now.filter((record) => !gone.includes(record))
    this.#commit(left, gone.length)
    return gone.length
  }

  #commit(state: State, count: number): void {
    this.#clock.commit(count)
    if (count > 0) this.states.push({ position: this.#clock.head, state })
  }

  #note(
    position: number,
    type: Version['type'],
    before: ModelRecord | null,
    after: ModelRecord | null,
    places: Places = { embeddingAt: 0, documentAt: 0 },
  ): void {
    const { id } = (after ?? before)!
    const known = this.history.get(id) ?? []
    const last = known.at(-1)
    if (last !== undefined) last.died ??= position
    this.history.set(id, [...known, { position, type, before, after, died: null, gone: null, ...places }])
  }
}

type Places = Pick<Version, 'embeddingAt' | 'documentAt'>

/** Where what a write leaves stands: here, or where it stood before. */
function placesOf({ embedding, document }: Input, position: number, before: Places | null): Places {
  return {
    embeddingAt: embedding === null ? before!.embeddingAt : position,
    documentAt: document === null ? (before?.documentAt ?? 0) : position,
  }
}

/** In float64, over what float32 holds. */
export function distance(space: Space, a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, value, index) => sum + value * y[index]!, 0)
  if (space === 'l2') return a.reduce((sum, value, index) => sum + (value - b[index]!) ** 2, 0)
  if (space === 'ip') return 1 - dot(a, b)
  const norms = Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b))
  return norms === 0 ? 1 : 1 - dot(a, b) / norms
}

function givesNothing({ embedding, document, metadata }: Input): boolean {
  return embedding === null && document === null && Object.keys(metadata ?? {}).length === 0
}

function merged(old: Metadata | null, update: MetadataUpdate | null): Metadata | null {
  const all = Object.entries({ ...old, ...update }).filter(([, value]) => value !== null)
  return all.length === 0 ? null : (Object.fromEntries(all) as Metadata)
}
