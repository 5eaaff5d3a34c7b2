import { AnnalsError, show } from '../errors.ts'
import { limits } from '../limits.ts'
import type { RecordState } from '../types.ts'
import { mergeMetadata } from '../validation/metadata.ts'
import type { DeleteCommand, PutCommand, RecordInput } from './command.ts'
import {
  type CollectionHead,
  type DecisionState,
  type Draft,
  here,
  type LiveRecord,
  type RecordDraft,
} from './decision.ts'

/** Adds, updates and upserts: existing ids are skipped, changed, or one of the two. */
export function decidePut(command: PutCommand, head: CollectionHead, state: DecisionState): Draft[] {
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
  const keys = Object.keys(metadata ?? {}).length
  if (vector === null && document === undefined && uri === undefined && keys === 0) return null
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

/** A delete says which records it removed, whatever selected them. */
export function decideDelete(command: Omit<DeleteCommand, 'kind'>, state: DecisionState): Draft[] {
  const { collection, ids, filter, limit } = command
  const selected = filter === null ? (ids ?? []) : state.select(collection, ids, filter, limit)
  if (selected.length > limits.recordsPerWriteMax)
    throw new AnnalsError(
      'limit_exceeded',
      `delete: ${selected.length} records in one write; at most ${limits.recordsPerWriteMax} are allowed.`,
      { fate: 'not_written', hint: 'Give a limit beside the filter, and repeat until the count is 0.' },
    )
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
