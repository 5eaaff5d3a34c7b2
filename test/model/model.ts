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
      this.#note(this.#clock.head + ++count, before === null ? 'add' : 'update', before, after)
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

  /** Takes records out of all of history. Answers how many operations that takes. */
  erase(ids: readonly string[]): number {
    const known = ids.filter((id) => this.history.has(id))
    if (known.length === 0) return 0
    const live = known.flatMap((id) => this.now.filter((record) => record.id === id))
    for (const [index, before] of live.entries())
      this.#note(this.#clock.head + index + 1, 'delete', before, null)
    for (const version of known.flatMap((id) => this.history.get(id)!)) version.gone = 'erased'
    this.states = this.states.map(({ position, state }) => ({
      position,
      state: state.filter(({ id }) => !known.includes(id)),
    }))
    this.#commit(this.now, live.length + 1)
    return live.length + 1
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
  ): void {
    const { id } = (after ?? before)!
    const known = this.history.get(id) ?? []
    const last = known.at(-1)
    if (last !== undefined) last.died ??= position
    this.history.set(id, [...known, { position, type, before, after, died: null, gone: null }])
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
