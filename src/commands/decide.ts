/**
 * Decisions: a command and the state it meets in, operation records out. Pure: no clock, no randomness, no
 * I/O; what is decided here is what the log will say happened, as facts that a replay need not decide again.
 */
import { AnnalsError, show } from '../errors.ts'
import type { Filter } from '../filter/filter.ts'
import type {
  CollectionInfo,
  CollectionState,
  Commit,
  Metadata,
  OperationRecord,
  RecordOperation,
  RecordState,
} from '../types.ts'
import { mergeMetadata } from '../validation/metadata.ts'
import type {
  CatalogCommand,
  Command,
  CreateCollectionCommand,
  DatabaseCommand,
  DeleteCommand,
  ModifyCollectionCommand,
  PutCommand,
  RecordInput,
} from './command.ts'

/** What a decision must know of a collection. */
export interface CollectionHead extends CollectionInfo {
  /** Position of its newest operation record of any kind. */
  lastPosition: number
  /** Position of its newest collection-level operation record. */
  changed: number
  /** The label that its next vector gets. */
  nextLabel: number
}

/** What a decision must know of a live record. */
export interface LiveRecord {
  position: number
  label: number
  vectorAt: number
  documentAt: number
  uri: string | null
  metadata: Metadata | null
}

/** The state that decisions are made in: everything up to the commit before. */
export interface DecisionState {
  hasTenant(tenant: string): boolean
  /** UUID of a database, or `null`. */
  database(tenant: string, database: string): string | null
  collectionNamed(tenant: string, database: string, name: string): CollectionHead | null
  collection(id: string): CollectionHead | null
  collectionsIn(tenant: string, database: string): CollectionHead[]
  record(collection: string, id: string): LiveRecord | null
  /** Position of the operation record that deleted an id, which is not live; 0 when it was never there. */
  lastDeath(collection: string, id: string): number
  /** Ids of the live records that a filter selects, in insertion order. */
  select(collection: string, ids: string[] | null, filter: Filter, limit: number | null): string[]
}

/** Stands for the position that a record is about to get. */
export const here = -1

type Unplaced<R> = R extends OperationRecord ? Omit<R, 'position' | 'commit'> : never
type RecordDraft = Unplaced<RecordOperation>
/** An operation record before it has a position; `here` stands for it. */
export type Draft = Unplaced<OperationRecord>

export interface Decision {
  drafts: Draft[]
  /** The collection that the command was about, where there is one. */
  collection: string | null
}

/** Chance, handed in: new UUIDs. */
export type NewId = () => string

/** What `command` does to `state`. Throws what the caller is told; nothing happens then. */
export function decide(
  command: Command,
  state: DecisionState,
  newId: NewId,
  expectedPosition?: number,
): Decision {
  switch (command.kind) {
    case 'add':
    case 'update':
    case 'upsert':
    case 'delete': {
      const head = existing(state, command.collection)
      checkExpected(head, expectedPosition)
      const drafts =
        command.kind === 'delete' ? decideDelete(command, state) : decidePut(command, head, state)
      return { drafts, collection: head.id }
    }
    default:
      return decideCatalog(command, state, newId, expectedPosition)
  }
}

/** An expected position that nothing would be compared with. */
function refuseExpected(command: CatalogCommand, expectedPosition: number | undefined): void {
  if (expectedPosition === undefined) return
  throw new AnnalsError(
    'unsupported_option',
    `options.expectedPosition: has no meaning for ${command.kind}, got ${expectedPosition}.`,
    { fate: 'not_written', hint: 'It is the position of a collection that exists already.' },
  )
}

/** Gives drafts their positions, from `first` on, and the commit that they form. */
export function place(drafts: readonly Draft[], commit: Commit): OperationRecord[] {
  return drafts.map((draft, index) => {
    const position = commit.first + index
    const placed = { ...draft, position, commit } as OperationRecord
    if ('vectorAt' in placed) {
      if (placed.vectorAt === here) placed.vectorAt = position
      if (placed.documentAt === here) placed.documentAt = position
    }
    return placed
  })
}

function decidePut(command: PutCommand, head: CollectionHead, state: DecisionState): Draft[] {
  checkDimensions(command.records, head)
  let label = head.nextLabel
  const drafts: Draft[] = []
  for (const input of command.records) {
    const live = state.record(head.id, input.id)
    const draft = draftFor(command.kind, head.id, input, live, label, state)
    if (draft === null) continue
    drafts.push(draft)
    if (draft.vectorAt === here) label += 1
  }
  if (label > 0xffff_ffff)
    throw new AnnalsError('limit_exceeded', `The collection ${show(head.name)} has used all 2^32 labels.`, {
      fate: 'not_written',
      hint: 'Copy its live records into a new collection.',
    })
  return drafts
}

function draftFor(
  kind: PutCommand['kind'],
  collection: string,
  input: RecordInput,
  live: LiveRecord | null,
  label: number,
  state: DecisionState,
): RecordDraft | null {
  if (live === null) return kind === 'update' ? null : addDraft(collection, input, label, state)
  return kind === 'add' ? null : updateDraft(collection, input, live, label)
}

function addDraft(collection: string, input: RecordInput, label: number, state: DecisionState): RecordDraft {
  const { id, vector, document, uri, metadata } = input
  if (vector === null)
    throw new AnnalsError(
      'invalid_argument',
      `The record ${show(id)} has no embedding, and it is a new one.`,
      {
        fate: 'not_written',
        hint: 'Give embeddings, or documents for the embedding function to work on.',
      },
    )
  const content: RecordState = {
    vector,
    document: document ?? null,
    uri: uri ?? null,
    metadata: mergeMetadata(null, metadata),
  }
  const documentAt = document === undefined ? 0 : here
  const previous = state.lastDeath(collection, id)
  return {
    type: 'add',
    collection,
    recordId: id,
    label,
    previous,
    vectorAt: here,
    documentAt,
    state: content,
  }
}

function updateDraft(
  collection: string,
  input: RecordInput,
  live: LiveRecord,
  label: number,
): RecordDraft | null {
  const { id, vector, document, uri, metadata } = input
  if (vector === null && document === undefined && uri === undefined && metadata === null) return null
  const content: RecordState = {
    vector,
    document: document ?? null,
    uri: uri ?? live.uri,
    metadata: mergeMetadata(live.metadata, metadata),
  }
  return {
    type: 'update',
    collection,
    recordId: id,
    label: vector === null ? live.label : label,
    previous: live.position,
    vectorAt: vector === null ? live.vectorAt : here,
    documentAt: document === undefined ? live.documentAt : here,
    state: content,
  }
}

function decideDelete(command: DeleteCommand, state: DecisionState): Draft[] {
  const { collection, ids, filter, limit } = command
  const selected = filter === null ? (ids ?? []) : state.select(collection, ids, filter, limit)
  const drafts: Draft[] = []
  for (const id of selected) {
    const live = state.record(collection, id)
    if (live === null) continue
    const { label, position, vectorAt, documentAt } = live
    drafts.push({
      type: 'delete',
      collection,
      recordId: id,
      label,
      previous: position,
      vectorAt,
      documentAt,
      state: null,
    })
  }
  return drafts
}

function checkDimensions(records: readonly RecordInput[], head: CollectionHead): void {
  let expected = head.dimension
  for (const { id, vector } of records) {
    if (vector === null) continue
    expected ??= vector.length
    if (vector.length === expected) continue
    throw new AnnalsError(
      'dimension_mismatch',
      `Collection expecting embedding with dimension of ${expected}, got ${vector.length} (record ${show(id)}).`,
      { fate: 'not_written', hint: 'All vectors of a collection have the length of its first one.' },
    )
  }
}

function decideCatalog(
  command: CatalogCommand,
  state: DecisionState,
  newId: NewId,
  expectedPosition: number | undefined,
): Decision {
  if (command.kind !== 'modify-collection' && command.kind !== 'delete-collection')
    refuseExpected(command, expectedPosition)
  switch (command.kind) {
    case 'create-tenant':
      if (state.hasTenant(command.tenant))
        throw new AnnalsError('tenant_exists', `The tenant ${show(command.tenant)} exists already.`, {
          fate: 'not_written',
        })
      return { drafts: [{ type: 'create-tenant', tenant: command.tenant }], collection: null }
    case 'create-database':
      return { drafts: createDatabase(command, state, newId), collection: null }
    case 'delete-database':
      return { drafts: deleteDatabase(command, state), collection: null }
    case 'create-collection':
      return createCollection(command, state, newId)
    case 'modify-collection':
      return modifyCollection(command, state, expectedPosition)
    case 'delete-collection': {
      const { tenant, database, name } = command
      const head = state.collectionNamed(tenant, database, name)
      if (head === null) throw missingCollection(name)
      checkExpected(head, expectedPosition)
      return { drafts: [collectionDraft('delete-collection', head, stateOf(head))], collection: head.id }
    }
  }
}

function createDatabase({ tenant, database }: DatabaseCommand, state: DecisionState, newId: NewId): Draft[] {
  if (!state.hasTenant(tenant))
    throw new AnnalsError('tenant_not_found', `The tenant ${show(tenant)} does not exist.`, {
      fate: 'not_written',
    })
  if (state.database(tenant, database) !== null)
    throw new AnnalsError(
      'database_exists',
      `The database ${show(database)} exists already in tenant ${show(tenant)}.`,
      {
        fate: 'not_written',
      },
    )
  return [{ type: 'create-database', databaseId: newId(), tenant, database }]
}

/** A database goes with its collections, each of which is a fact of its own. */
function deleteDatabase({ tenant, database }: DatabaseCommand, state: DecisionState): Draft[] {
  const databaseId = state.database(tenant, database)
  if (databaseId === null) throw missingDatabase(tenant, database)
  const collections = state.collectionsIn(tenant, database)
  return [
    ...collections.map((head) => collectionDraft('delete-collection', head, stateOf(head))),
    { type: 'delete-database', databaseId, tenant, database },
  ]
}

function createCollection(command: CreateCollectionCommand, state: DecisionState, newId: NewId): Decision {
  const { tenant, database, name, metadata, configuration, getOrCreate } = command
  if (state.database(tenant, database) === null) throw missingDatabase(tenant, database)
  const present = state.collectionNamed(tenant, database, name)
  if (present !== null && getOrCreate) return { drafts: [], collection: present.id }
  if (present !== null) throw collectionExists(name)
  const collection = newId()
  const content = { name, tenant, database, metadata, configuration }
  return {
    drafts: [{ type: 'create-collection', collection, previous: 0, state: content }],
    collection,
  }
}

function modifyCollection(
  command: ModifyCollectionCommand,
  state: DecisionState,
  expectedPosition: number | undefined,
): Decision {
  const head = existing(state, command.collection)
  checkExpected(head, expectedPosition)
  const { name = head.name, metadata = head.metadata } = command
  if (name !== head.name && state.collectionNamed(head.tenant, head.database, name) !== null)
    throw collectionExists(name)
  const configuration = command.configuration?.(head.configuration) ?? head.configuration
  if (name === head.name && command.metadata === undefined && command.configuration === undefined)
    return { drafts: [], collection: head.id }
  const content = { ...stateOf(head), name, metadata, configuration }
  return { drafts: [collectionDraft('modify-collection', head, content)], collection: head.id }
}

function collectionDraft(
  type: 'modify-collection' | 'delete-collection',
  head: CollectionHead,
  state: CollectionState,
): Draft {
  return { type, collection: head.id, previous: head.changed, state }
}

function stateOf({ name, tenant, database, metadata, configuration }: CollectionHead): CollectionState {
  return { name, tenant, database, metadata, configuration }
}

function existing(state: DecisionState, collection: string): CollectionHead {
  const head = state.collection(collection)
  if (head === null) throw missingCollection(collection)
  return head
}

function checkExpected(head: CollectionHead, expectedPosition: number | undefined): void {
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

function missingCollection(name: string): AnnalsError {
  return new AnnalsError('collection_not_found', `Collection [${name}] does not exist.`, {
    fate: 'not_written',
  })
}

function missingDatabase(tenant: string, database: string): AnnalsError {
  return new AnnalsError(
    'database_not_found',
    `The database ${show(database)} does not exist in tenant ${show(tenant)}.`,
    {
      fate: 'not_written',
    },
  )
}

function collectionExists(name: string): AnnalsError {
  return new AnnalsError('collection_exists', `Collection [${name}] already exists.`, { fate: 'not_written' })
}
