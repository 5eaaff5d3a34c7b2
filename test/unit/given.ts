/**
 * Given these operation records, when this command comes, then these records follow: the state that a decision
 * sees is folded from the records by a few lines of its own, so it owes nothing to the tables.
 */
import { expect } from 'vitest'
import type { Command } from '../../src/commands/command.ts'
import { decide, place } from '../../src/commands/decide.ts'
import type {
  CollectionHead,
  Decision,
  DecisionState,
  ForkedRecord,
  LiveRecord,
} from '../../src/commands/decision.ts'
import { AnnalsError, type ErrorCode } from '../../src/errors.ts'
import type { Filter } from '../../src/filter/filter.ts'
import { matchesFilter } from '../../src/filter/match-filter.ts'
import type { CollectionOperation, Commit, OperationRecord, RecordOperation } from '../../src/types.ts'

export const defaultTenant = 'default_tenant'
export const defaultDatabase = 'default_database'

interface Folded {
  head: CollectionHead
  dead: boolean
  live: Map<string, LiveRecord & { added: number; document: string | null }>
  newest: Map<string, number>
  /** Positions of the payloads that its versions ever stood on. */
  stoodOn: Map<string, Set<number>>
}

/** Folds operation records into what decisions ask for. */
export class FoldedState implements DecisionState {
  readonly #tenants = new Set([defaultTenant])
  readonly #databases = new Map([[`${defaultTenant}/${defaultDatabase}`, 'the-default-database']])
  readonly #collections = new Map<string, Folded>()

  constructor(records: readonly OperationRecord[]) {
    for (const record of records) this.#apply(record)
  }

  hasTenant(tenant: string): boolean {
    return this.#tenants.has(tenant)
  }

  databases(): { tenant: string; database: string }[] {
    return [...this.#databases.keys()].map((name) => {
      const [tenant = '', database = ''] = name.split('/')
      return { tenant, database }
    })
  }

  database(tenant: string, database: string): string | null {
    return this.#databases.get(`${tenant}/${database}`) ?? null
  }

  collectionNamed(tenant: string, database: string, name: string): CollectionHead | null {
    return this.collectionsIn(tenant, database).find((head) => head.name === name) ?? null
  }

  collection(id: string): CollectionHead | null {
    const found = this.#collections.get(id)
    return found === undefined || found.dead ? null : found.head
  }

  collectionsIn(tenant: string, database: string): CollectionHead[] {
    return [...this.#collections.values()]
      .filter(({ dead, head }) => !dead && head.tenant === tenant && head.database === database)
      .map(({ head }) => head)
  }

  record(collection: string, id: string): LiveRecord | null {
    return this.#collections.get(collection)?.live.get(id) ?? null
  }

  lastDeath(collection: string, id: string): number {
    return this.#collections.get(collection)?.newest.get(id) ?? 0
  }

  tag(): number | null {
    return null
  }

  oldestTag(): number | null {
    return null
  }

  everCollection(id: string): CollectionHead | null {
    return this.#collections.get(id)?.head ?? null
  }

  payloads(collection: string, id: string): number[] {
    const positions = this.#collections.get(collection)?.stoodOn.get(id) ?? new Set()
    return [...positions].sort((a, b) => a - b)
  }

  family(collection: string): CollectionHead[] {
    const rootOf = (id: string): string => {
      const source = this.everCollection(id)?.forkedFrom
      return source == null ? id : rootOf(source)
    }
    return [...this.#collections.values()]
      .map(({ head }) => head)
      .filter(({ id }) => id !== collection && rootOf(id) === rootOf(collection))
  }

  recordsToFork(collection: string): ForkedRecord[] {
    return [...this.#collections.get(collection)!.live]
      .sort(([, a], [, b]) => a.added - b.added)
      .map(([id, { added, document, ...record }]) => ({ id, ...record }))
  }

  select(collection: string, ids: string[] | null, filter: Filter, limit: number | null): string[] {
    return [...this.#collections.get(collection)!.live]
      .filter(
        ([id, record]) => (ids === null || ids.includes(id)) && matchesFilter(filter, { ...record, id }),
      )
      .sort(([, a], [, b]) => a.added - b.added)
      .map(([id]) => id)
      .slice(0, limit ?? undefined)
  }

  #apply(record: OperationRecord): void {
    const { position } = record
    if (record.type === 'create-tenant') this.#tenants.add(record.tenant)
    else if (record.type === 'create-database')
      this.#databases.set(`${record.tenant}/${record.database}`, record.databaseId)
    else if (record.type === 'delete-database') this.#databases.delete(`${record.tenant}/${record.database}`)
    else if (record.type === 'create-collection') {
      const { source = null, nextLabel = 0, dimension = null } = record.forkedFrom ?? {}
      const places = { created: position, changed: position }
      const head = { id: record.collection, ...record.state, dimension, ...places }
      const fresh = { head: { ...head, lastPosition: position, nextLabel, forkedFrom: source }, dead: false }
      const maps = { live: new Map(), newest: new Map(), stoodOn: new Map() }
      this.#collections.set(record.collection, { ...fresh, ...maps })
    } else if ('collection' in record) this.#applyInside(record, this.#collections.get(record.collection)!)
  }

  #applyInside(record: CollectionOperation | RecordOperation, folded: Folded): void {
    const { head } = folded
    head.lastPosition = record.position
    if ('vectorAt' in record) this.#applyToRecord(record, folded)
    else if (record.type === 'delete-collection') folded.dead = true
    else Object.assign(head, record.state, { changed: record.position })
  }

  #applyToRecord(record: RecordOperation, { head, live, newest, stoodOn }: Folded): void {
    const { recordId, position, label, vectorAt, documentAt, state } = record
    newest.set(recordId, position)
    const stands = stoodOn.get(recordId) ?? new Set()
    stoodOn.set(recordId, stands)
    if (state !== null) for (const at of [position, vectorAt, documentAt]) if (at > 0) stands.add(at)
    if (state === null) {
      live.delete(recordId)
      return
    }
    const before = live.get(recordId)
    const added = before?.added ?? position
    const document = documentAt === position ? state.document : (before?.document ?? null)
    const { uri, metadata } = state
    live.set(recordId, { position, label, vectorAt, documentAt, uri, metadata, added, document })
    if (vectorAt !== position) return
    head.nextLabel = label + 1
    head.dimension ??= state.vector!.length
  }
}

/** Everything that a commit knows beside its place. */
export function commitAt(first: number, count: number): Commit {
  return { first, count, committedAt: 1_000 + first, actor: 'ada', reason: null, idempotencyKey: null }
}

/** `decide` and `place`, one after the other: the operation records that a command makes of a log. */
export function outcomeOf(
  log: readonly OperationRecord[],
  command: Command,
  expectedPosition?: number,
): { records: OperationRecord[]; decision: Decision } {
  const newId = (): string => `new-id-${log.length + 1}`
  const decision = decide(command, new FoldedState(log), newId, expectedPosition)
  return { decision, records: place(decision.drafts, commitAt(log.length + 1, decision.drafts.length)) }
}

interface When {
  /** The operation records that follow, as far as they are spelled out here. */
  follows(...records: Record<string, unknown>[]): OperationRecord[]
  /** The command is refused, and the message names these. */
  isRefused(code: ErrorCode, ...named: string[]): void
}

interface Given {
  /** The log so far. */
  readonly log: readonly OperationRecord[]
  when(command: Command, expectedPosition?: number): When
  /** The log with what this command adds to it. */
  and(command: Command): Given
}

/** A log that began with these commands. */
export function given(...commands: Command[]): Given {
  return commands.reduce<Given>((log, command) => log.and(command), givenLog([]))
}

function givenLog(log: readonly OperationRecord[]): Given {
  return {
    log,
    and: (command) => givenLog([...log, ...outcomeOf(log, command).records]),
    when: (command, expectedPosition) => ({
      follows: (...expected) => {
        const { records } = outcomeOf(log, command, expectedPosition)
        expect(records).toHaveLength(expected.length)
        records.forEach((record, index) => {
          expect(record).toMatchObject({ ...expected[index], position: log.length + 1 + index })
        })
        return records
      },
      isRefused: (code, ...named) => {
        const error = refusal(() => outcomeOf(log, command, expectedPosition))
        expect({ code: error.code, fate: error.fate }).toEqual({ code, fate: 'not_written' })
        for (const part of named) expect(error.message).toContain(part)
      },
    }),
  }
}

function refusal(run: () => unknown): AnnalsError {
  try {
    run()
  } catch (error) {
    if (error instanceof AnnalsError) return error
    throw error
  }
  throw new Error('The command was accepted.')
}
