import { commitEnd } from '../commit-end.ts'
import { AnnalsError, show } from '../errors.ts'
import type { Catalog, KeyPlace } from '../projections/metadata/catalog.ts'
import type { Command, Outcome } from './command.ts'
import type { DecisionState } from './decision.ts'

/**
 * What the idempotency keys of earlier writes answered: those that the tables remember, and those of the same group.
 *
 * What holds:
 * - A key counts in one tenant and database; what lies in none (a tenant is its own place, tags and the retention
 *   of the store have one together) takes keys of its own.
 * - In its place a key stands for one write: to the same collection, and for what is made, deleted or forked by
 *   name under the same name. All else is refused, so nobody gets the answer to another question.
 */
export class IdempotencyKeys {
  readonly #catalog: Catalog
  readonly #state: DecisionState
  readonly #ofGroup = new Map<string, Outcome>()

  constructor(catalog: Catalog, state: DecisionState) {
    this.#catalog = catalog
    this.#state = state
  }

  /** What the key's first write answered; `undefined` for a new key. Throws `conflict` where it was another write. */
  repeated(key: string, command: Command): Outcome | undefined {
    const place = placeOf(command, this.#state)
    if (place === null) return undefined
    const known = this.#ofGroup.get(nameOf(place, key)) ?? this.#remembered(place, key)
    if (known === undefined || this.#isSame(command, known)) return known
    const what = 'collection' in command ? 'for another collection' : 'by another write'
    throw new AnnalsError('conflict', `The idempotency key ${show(key)} was used ${what}.`, {
      fate: 'not_written',
      hint: 'Choose keys that no other write uses.',
      position: known.receipt.position,
    })
  }

  /** For the writes of the same group that come after it. */
  note(key: string, command: Command, outcome: Outcome): void {
    const place = placeOf(command, this.#state)
    if (place !== null) this.#ofGroup.set(nameOf(place, key), outcome)
  }

  #remembered(place: KeyPlace, key: string): Outcome | undefined {
    const row = this.#catalog.rememberedKey(place, key)
    if (row === undefined) return undefined
    const { collection, count, committed_at } = row
    const receipt = { position: commitEnd(row), committedAt: new Date(committed_at), count }
    return { receipt, collection }
  }

  #isSame(command: Command, { receipt, collection }: Outcome): boolean {
    const first = receipt.position - receipt.count + 1
    switch (command.kind) {
      case 'create-collection':
        return this.#wasMade(collection, first, command.name)
      case 'fork':
        return (
          this.#wasMade(collection, first, command.name) &&
          this.#catalog.everById(collection!)?.forked_from === command.source
        )
      case 'delete-collection': {
        const row = collection === null ? undefined : this.#catalog.everById(collection)
        return row?.died === first && row.name === command.name
      }
      default:
        return !('collection' in command) || command.collection === collection
    }
  }

  /** Whether a collection began at a position, with a name that it may have lost since. */
  #wasMade(collection: string | null, first: number, name: string): boolean {
    const row = collection === null ? undefined : this.#catalog.collectionById(collection, first)
    return row?.key === first && row.name === name
  }
}

/** Where the keys of a command count; `null` for a collection that never was. */
function placeOf(command: Command, state: DecisionState): KeyPlace | null {
  if ('tenant' in command)
    return { tenant: command.tenant, database: 'database' in command ? command.database : '' }
  const collection =
    command.kind === 'fork' ? command.source : 'collection' in command ? command.collection : null
  return collection === null ? { tenant: '', database: '' } : state.everCollection(collection)
}

// Names hold no NUL.
function nameOf({ tenant, database }: KeyPlace, key: string): string {
  return `${tenant}\0${database}\0${key}`
}
