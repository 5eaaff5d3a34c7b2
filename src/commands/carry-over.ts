/**
 * Decisions about the past: a fact of another log and the state it meets in, one operation record out. Pure.
 * What depends on the place in a log (labels, links to earlier versions) is decided anew; what happened, and
 * that it happened, is not in question here.
 */
import { AnnalsError, show } from '../errors.ts'
import type { CollectionFact, DatabaseFact, DeleteFact, Fact, PutFact } from '../fact.ts'
import type { CollectionState } from '../types.ts'
import type { DecisionState, Draft, LiveRecord } from './decision.ts'
import { addDraft, deleteDraft, updateDraft } from './record-drafts.ts'

/**
 * The draft that says in this state what `fact` said in another log; `null` when it says nothing here, because
 * what it is about was left out.
 */
export function carryOver(fact: Fact, state: DecisionState): Draft | null {
  switch (fact.type) {
    case 'create-tenant':
      return state.hasTenant(fact.tenant) ? null : fact
    case 'create-database':
    case 'delete-database':
      return carryDatabase(fact, state)
    case 'create-collection':
    case 'modify-collection':
    case 'delete-collection':
      return carryCollection(fact, state)
    case 'put':
      return carryPut(fact, state)
    case 'delete':
      return carryDelete(fact, state)
  }
}

function carryDatabase(fact: DatabaseFact, state: DecisionState): Draft | null {
  const present = state.database(fact.tenant, fact.database)
  if (fact.type === 'create-database') return present === null ? fact : null
  return present === null ? null : { ...fact, databaseId: present }
}

function carryCollection(fact: CollectionFact, state: DecisionState): Draft | null {
  const { type, collection, state: content, forkedFrom } = fact
  const { tenant, database, name } = content
  const head = state.collection(collection)
  const named = state.collectionNamed(tenant, database, name)
  if (type !== 'delete-collection' && named !== null && named.id !== collection)
    throw new AnnalsError(
      'collection_exists',
      `The collection ${show(name)} would exist twice in ${show(tenant)}/${show(database)}.`,
      { fate: 'not_written', hint: 'Give one of the two another name in `collections`, or leave it out.' },
    )
  if (type === 'create-collection')
    return head === null ? creation(collection, content, state, forkedFrom) : null
  return head === null ? null : { type, collection, previous: head.changed, state: content }
}

function creation(
  collection: string,
  content: CollectionState,
  state: DecisionState,
  source: string | undefined,
): Draft {
  const draft: Draft = { type: 'create-collection', collection, previous: 0, state: content }
  const head = source === undefined ? null : state.everCollection(source)
  if (head === null) return draft
  const { id, nextLabel, dimension } = head
  return { ...draft, forkedFrom: { source: id, nextLabel, dimension } }
}

function carryPut(fact: PutFact, state: DecisionState): Draft | null {
  const { collection, recordId, vector, document, uri, metadata } = fact
  const head = state.collection(collection)
  if (head === null) return null
  if (vector !== undefined && head.dimension !== null && vector.length !== head.dimension)
    throw new AnnalsError(
      'dimension_mismatch',
      `Collection ${show(head.name)} holds vectors of length ${head.dimension}; the record ${show(recordId)} has one of length ${vector.length}.`,
      { fate: 'not_written', hint: 'All vectors of a collection have the length of its first one.' },
    )
  const live = state.record(collection, recordId)
  const content = { vector: vector ?? null, document, uri, metadata }
  if (live !== null) return updateDraft(fact, content, live, head.nextLabel)
  const taken = takenOver(fact, state)
  // A fork begins with the record as its source has it.
  if (taken !== null)
    return { ...updateDraft(fact, content, taken, head.nextLabel), type: 'add', previous: 0 }
  if (vector === undefined) return null
  const previous = state.lastDeath(collection, recordId)
  return addDraft(fact, { vector, document, uri, metadata }, head.nextLabel, previous)
}

/** What the source of a fork holds of a record, at the moment when the fork takes it over. */
export function takenOver(
  { collection, recordId, inherits }: PutFact,
  state: DecisionState,
): LiveRecord | null {
  const source = inherits === true ? state.collection(collection)?.forkedFrom : undefined
  return source == null ? null : state.record(source, recordId)
}

function carryDelete(fact: DeleteFact, state: DecisionState): Draft | null {
  const live = state.record(fact.collection, fact.recordId)
  return live === null ? null : deleteDraft(fact, live)
}
