/** What decisions are made of: the state they meet, and the drafts of operation records that come out. */
import { AnnalsError, show } from '../errors.ts'
import type { Filter } from '../filter/filter.ts'
import { collectionNotFound } from '../not-found.ts'
import type { CollectionInfo, CollectionState, Metadata, OperationRecord, RecordOperation } from '../types.ts'

/** What a decision must know of a collection. */
export interface CollectionHead extends CollectionInfo {
  /** Position of its creation. */
  created: number
  /** Position of its newest operation record of any kind. */
  lastPosition: number
  /** Position of its newest collection-level operation record. */
  changed: number
  /** The label that its next vector gets. */
  nextLabel: number
  /** UUID of the collection that it is a fork of, or `null`. */
  forkedFrom: string | null
}

/** What a decision must know of a live record. */
export interface LiveRecord {
  /** Of the operation record that made this version. */
  position: number
  label: number
  vectorAt: number
  documentAt: number
  uri: string | null
  metadata: Metadata | null
}

/** A live record as a fork takes it over. */
export interface ForkedRecord extends LiveRecord {
  id: string
}

/** The state that decisions are made in: everything up to the commit before. */
export interface DecisionState {
  hasTenant(tenant: string): boolean
  /** UUID of a database, or `null`. */
  database(tenant: string, database: string): string | null
  /** The databases of every tenant, the default one included. */
  databases(): { tenant: string; database: string }[]
  collectionNamed(tenant: string, database: string, name: string): CollectionHead | null
  collection(id: string): CollectionHead | null
  /** The same, deleted ones included. */
  everCollection(id: string): CollectionHead | null
  collectionsIn(tenant: string, database: string): CollectionHead[]
  record(collection: string, id: string): LiveRecord | null
  /** Position of the operation record that deleted an id, which is not live; 0 when it was never there. */
  lastDeath(collection: string, id: string): number
  /** The position that a tag names, or `null`. */
  tag(name: string): number | null
  /** The oldest position that a tag names. */
  oldestTag(): number | null
  /** Positions of all payloads that versions of a record stand on, live or superseded. */
  payloads(collection: string, id: string): number[]
  /** The other collections of the fork family, deleted ones included; empty outside of one. */
  family(collection: string): CollectionHead[]
  /** All live records in insertion order, with their ids. Only for the source of a fork that is being decided. */
  recordsToFork(collection: string): ForkedRecord[]
  /** Ids of the live records that a filter selects, in insertion order. */
  select(collection: string, ids: string[] | null, filter: Filter, limit: number | null): string[]
}

/** Stands for the position that a record is about to get. */
export const here = -1

type Unplaced<R> = R extends OperationRecord ? Omit<R, 'position' | 'commit'> : never
/** An operation on a record before it has a position. */
export type RecordDraft = Unplaced<RecordOperation>
/** An operation record before it has a position; `here` stands for it. */
export type Draft = Unplaced<OperationRecord>

export interface Decision {
  drafts: Draft[]
  /** The collection that the command was about, where there is one. */
  collection: string | null
}

/** Chance, handed in: new UUIDs. */
export type NewId = () => string

/** The collection, or `collection_not_found`. */
export function existing(state: DecisionState, collection: string): CollectionHead {
  const head = state.collection(collection)
  if (head === null) throw collectionNotFound(collection, { fate: 'not_written' })
  return head
}

/** Throws `conflict` unless the collection stands where the caller expects it. */
export function checkExpected(head: CollectionHead, expectedPosition: number | undefined): void {
  if (expectedPosition === undefined || expectedPosition === head.lastPosition) return
  throw new AnnalsError(
    'conflict',
    `The collection ${show(head.name)} is at position ${head.lastPosition}, not at the expected ${expectedPosition}.`,
    {
      fate: 'not_written',
      hint: 'Somebody else wrote in between: read again and decide anew.',
      position: head.lastPosition,
    },
  )
}

/** For a name that a live collection has already. */
export function collectionExists(name: string): AnnalsError {
  return new AnnalsError('collection_exists', `Collection [${name}] already exists.`, { fate: 'not_written' })
}

/** A collection's state, as its operation records carry it. */
export function stateOf({
  name,
  tenant,
  database,
  metadata,
  configuration,
}: CollectionHead): CollectionState {
  return { name, tenant, database, metadata, configuration }
}

/** An expected position that nothing would be compared with is an error, not an option that is ignored. */
export function refuseExpected(kind: string, expectedPosition: number | undefined): void {
  if (expectedPosition === undefined) return
  throw new AnnalsError(
    'unsupported_option',
    `options.expectedPosition: has no meaning for ${kind}, got ${expectedPosition}.`,
    { fate: 'not_written', hint: 'It is the position of a collection that exists already.' },
  )
}
