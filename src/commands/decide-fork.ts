import { AnnalsError, show } from '../errors.ts'
import { limits } from '../limits.ts'
import type { ForkCommand } from './command.ts'
import {
  type CollectionHead,
  checkExpected,
  collectionExists,
  type Decision,
  type DecisionState,
  type Draft,
  existing,
  type ForkedRecord,
  type NewId,
  type RecordDraft,
  stateOf,
} from './decision.ts'

/**
 * A fork: a new collection that begins with the live records of another one. Pure, like `decide`.
 *
 * Each record is an `add` that says where vector and document stand already; metadata and uri are whole, as
 * always. Labels are the source's, so that its sealed segments serve the fork, too.
 */
export function decideFork(
  { source, name }: ForkCommand,
  state: DecisionState,
  newId: NewId,
  expectedPosition: number | undefined,
): Decision {
  const head = existing(state, source)
  checkExpected(head, expectedPosition)
  if (state.collectionNamed(head.tenant, head.database, name) !== null) throw collectionExists(name)
  const records = state.recordsToFork(source)
  if (records.length > limits.recordsPerForkMax) throw tooMany(head, records.length)
  const collection = newId()
  const content = { ...stateOf(head), name }
  const forkedFrom = { source, nextLabel: head.nextLabel, dimension: head.dimension }
  const creation: Draft = { type: 'create-collection', collection, previous: 0, state: content, forkedFrom }
  return { drafts: [creation, ...records.map((record) => forkedDraft(collection, record))], collection }
}

function forkedDraft(collection: string, record: ForkedRecord): RecordDraft {
  const { id, label, vectorAt, documentAt, uri, metadata } = record
  return {
    type: 'add',
    collection,
    recordId: id,
    label,
    previous: 0,
    vectorAt,
    documentAt,
    state: { vector: null, document: null, uri, metadata },
  }
}

function tooMany({ name }: CollectionHead, count: number): AnnalsError {
  return new AnnalsError(
    'limit_exceeded',
    `fork: ${show(name)} holds ${count} records; at most ${limits.recordsPerForkMax} can be forked.`,
    { fate: 'not_written', hint: 'Export it and import it under another name, or replay the store.' },
  )
}
