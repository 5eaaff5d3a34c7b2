/** The whole store as plain lists: its collections at every commit, its tags, and what retention lets go. */
import type { Metadata, Space } from '../../src/index.ts'
import { Clock, CollectionModel } from './model.ts'

export interface Entry {
  id: string
  name: string
  metadata: Metadata | null
  model: CollectionModel
}

export class StoreModel {
  readonly clock = new Clock()
  readonly tags = new Map<string, number>()
  /** Every collection that ever was, in the order of creation. */
  readonly everCreated: CollectionModel[] = []
  readonly #families = new Map<CollectionModel, Set<CollectionModel>>()
  readonly #catalogs: { position: number; entries: readonly Entry[] }[] = [{ position: 0, entries: [] }]
  /** Versions kept, by UUID, or under the empty string for the whole store; `null` is for ever. */
  readonly #retentions = new Map<string, number | null>()

  get live(): readonly Entry[] {
    return this.#catalogs.at(-1)!.entries
  }

  /** The collections at a position, in the order of creation. */
  catalogAt(position: number): readonly Entry[] {
    return this.#catalogs.findLast((one) => one.position <= position)!.entries
  }

  named(name: string): Entry | undefined {
    return this.live.find((entry) => entry.name === name)
  }

  create(id: string, name: string, metadata: Metadata | null, space: Space): void {
    this.clock.commit(1)
    const model = new CollectionModel(id, space, this.clock)
    this.everCreated.push(model)
    this.#note([...this.live, { id, name, metadata, model }])
  }

  /** Answers how many operations it takes. */
  fork(source: string, id: string, name: string): number {
    const { model, metadata } = this.live.find((entry) => entry.id === source)!
    const fork = model.fork(id)
    this.everCreated.push(fork)
    this.#families.set(fork, this.#familyOf(model))
    this.#familyOf(model).add(fork)
    this.#note([...this.live, { id, name, metadata, model: fork }])
    return 1 + fork.now.length
  }

  forksOf(model: CollectionModel): number {
    const [, ...forks] = this.#familyOf(model)
    return forks.filter((fork) => this.live.some((entry) => entry.model === fork)).length
  }

  /**
   * Takes records out of all of history: with `forks` out of that of whoever stands on the same content, too.
   * Answers how many operations that takes; `null` when somebody does and `forks` was not said.
   */
  erase(erased: CollectionModel, ids: readonly string[], forks: boolean): number | null {
    const known = ids.filter((id) => erased.history.has(id))
    if (known.length === 0) return 0
    const reached = new Map<CollectionModel, string[]>([[erased, []]])
    for (const id of known)
      for (const model of this.#reachedFrom(erased, id))
        reached.set(model, [...(reached.get(model) ?? []), id])
    if (reached.size > 1 && !forks) return null
    let count = 0
    for (const [model, of] of this.#inOrder(reached))
      count += model.deleteErased(of, this.clock.head + count + 1)
    this.clock.commit(count + 1)
    for (const [model, of] of reached) model.forget(of)
    return count + 1
  }

  /** First the one that was asked for, then the others in the order of their creation. */
  #inOrder(reached: Map<CollectionModel, string[]>): [CollectionModel, string[]][] {
    const [first, ...rest] = reached
    return [first!, ...rest.sort(([a], [b]) => this.everCreated.indexOf(a) - this.everCreated.indexOf(b))]
  }

  /** Whoever stands on what a collection ever held under an id, and so on from there. */
  #reachedFrom(first: CollectionModel, id: string): CollectionModel[] {
    const reached = [first]
    for (const model of reached) {
      const positions = (model.history.get(id) ?? []).map(({ position }) => position)
      const own = new Set([...positions, ...model.standsOn(id)])
      for (const other of this.#familyOf(first))
        if (!reached.includes(other) && [...other.standsOn(id)].some((at) => own.has(at))) reached.push(other)
    }
    return reached
  }

  /** The collection that it began with, first, and all of its forks. */
  #familyOf(model: CollectionModel): Set<CollectionModel> {
    const known = this.#families.get(model) ?? new Set([model])
    this.#families.set(model, known)
    return known
  }

  /** What is absent stays as it is. */
  modify(id: string, changes: { name: string; metadata?: Metadata }): number {
    const old = this.live.find((entry) => entry.id === id)!
    if (old.name === changes.name && changes.metadata === undefined) return 0
    this.clock.commit(1)
    this.#note(this.live.map((entry) => (entry === old ? { ...entry, ...changes } : entry)))
    return 1
  }

  drop(id: string): void {
    this.clock.commit(1)
    this.#note(this.live.filter((entry) => entry.id !== id))
  }

  tag(name: string, position: number): void {
    this.tags.set(name, this.clock.resolve(position))
    this.clock.commit(1)
  }

  untag(name: string): void {
    this.tags.delete(name)
    this.clock.commit(1)
  }

  retain(collection: string | null, versions: number | null): void {
    this.#retentions.set(collection ?? '', versions)
    this.clock.commit(1)
  }

  /** One operation for each collection that loses versions. Tags hold it back. */
  vacuum(): { versions: number; horizons: Record<string, number> } {
    const supersededBy = Math.min(this.clock.head, ...this.tags.values())
    const report = { versions: 0, horizons: {} as Record<string, number> }
    for (const model of this.everCreated) {
      const own = this.#retentions.get(model.id)
      const keep = own === undefined ? (this.#retentions.get('') ?? null) : own
      const count = keep === null ? 0 : model.vacuum(keep, supersededBy)
      if (count === 0) continue
      report.versions += count
      report.horizons[model.id] = model.horizon
      this.clock.commit(1)
    }
    return report
  }

  #note(entries: readonly Entry[]): void {
    this.#catalogs.push({ position: this.clock.head, entries })
  }
}
