/**
 * The store as a plain list of states, one for each position: what every answer is judged by. No index, no
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
  embedding: number[]
  document: string | null
  metadata: MetadataUpdate | null
}

export type Kind = 'add' | 'update' | 'upsert'

export interface Version {
  position: number
  type: 'add' | 'update' | 'delete'
  before: ModelRecord | null
  after: ModelRecord | null
}

type State = readonly ModelRecord[]

export class CollectionModel {
  readonly space: Space
  /** The state from a position on, ascending; only ends of commits. */
  readonly states: { position: number; state: State }[]
  readonly history = new Map<string, Version[]>()
  head: number

  constructor(space: Space, position: number) {
    this.space = space
    this.head = position
    this.states = [{ position, state: [] }]
  }

  get now(): State {
    return this.states.at(-1)!.state
  }

  /** The state at a position; one inside a commit is the state before that commit. */
  at(position: number): State {
    return this.states.findLast((one) => one.position <= position)!.state
  }

  /** Answers how many operations it takes. */
  put(kind: Kind, inputs: readonly Input[]): number {
    let state = this.now
    let count = 0
    for (const input of inputs) {
      const before = state.find(({ id }) => id === input.id) ?? null
      if (before === null ? kind === 'update' : kind === 'add') continue
      const after = {
        id: input.id,
        embedding: input.embedding,
        document: input.document ?? before?.document ?? null,
        metadata: merged(before?.metadata ?? null, input.metadata),
      }
      state = before === null ? [...state, after] : state.map((one) => (one === before ? after : one))
      this.#note({ position: this.head + ++count, type: before === null ? 'add' : 'update', before, after })
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

  #remove(gone: readonly ModelRecord[]): number {
    gone.forEach((before, index) => {
      this.#note({ position: this.head + index + 1, type: 'delete', before, after: null })
    })
    this.#commit(
      this.now.filter((record) => !gone.includes(record)),
      gone.length,
    )
    return gone.length
  }

  #commit(state: State, count: number): void {
    this.head += count
    if (count > 0) this.states.push({ position: this.head, state })
  }

  #note(version: Version): void {
    const id = (version.after ?? version.before)!.id
    this.history.set(id, [...(this.history.get(id) ?? []), version])
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

function merged(old: Metadata | null, update: MetadataUpdate | null): Metadata | null {
  const all = Object.entries({ ...old, ...update }).filter(([, value]) => value !== null)
  return all.length === 0 ? null : (Object.fromEntries(all) as Metadata)
}
