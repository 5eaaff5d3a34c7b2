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
