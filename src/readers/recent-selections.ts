import type { Filter } from '../filter/filter.ts'
import type { At } from '../projections/metadata/catalog.ts'

/** Sets that are kept: a bit for each label, so some ten kilobytes for a hundred thousand labels. */
const entriesMax = 64

/** What a set of labels was selected by. */
export interface SelectionKey {
  /** `collections.key`. */
  collection: number
  /** The collection's newest position when the set is asked for. */
  position: number
  filter: Filter
  at: At
}

interface Entry {
  position: number
  bits: Uint32Array
}

/**
 * The labels that recent filters admitted: applications ask with the same filter again and again, and SQLite
 * needs longer to find many labels than the search among them takes.
 *
 * What holds: a set is handed out only while its collection stands at the position that it was selected at. So
 * it needs not be told of writes.
 */
export class RecentSelections {
  /** In the order of their last use. */
  readonly #entries = new Map<string, Entry>()

  /** The set for `key`; not to be written to. */
  find(key: SelectionKey): Uint32Array | undefined {
    const name = nameOf(key)
    const entry = this.#entries.get(name)
    if (entry === undefined) return undefined
    this.#entries.delete(name)
    if (entry.position !== key.position) return undefined
    this.#entries.set(name, entry)
    return entry.bits
  }

  /** Remembers a set, and answers it. */
  keep(key: SelectionKey, bits: Uint32Array): Uint32Array {
    this.#entries.set(nameOf(key), { position: key.position, bits })
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= entriesMax) break
      this.#entries.delete(oldest)
    }
    return bits
  }

  /** Drops all sets: the tables were put right without a write. */
  forget(): void {
    this.#entries.clear()
  }
}

function nameOf({ collection, filter, at }: SelectionKey): string {
  return JSON.stringify([collection, at, filter], (_, value: unknown) =>
    typeof value === 'bigint' ? { bigint: String(value) } : value,
  )
}
