import { AnnalsError, show } from '../errors.ts'
import { limits } from '../limits.ts'
import { mergeMetadata } from '../validation/metadata.ts'
import type { DeleteCommand, PutCommand, RecordInput } from './command.ts'
import { type CollectionHead, type DecisionState, type Draft, here, type RecordDraft } from './decision.ts'
import { addDraft, deleteDraft, updateDraft } from './record-drafts.ts'

/** Adds, updates and upserts: existing ids are skipped, changed, or one of the two. */
export function decidePut(command: PutCommand, head: CollectionHead, state: DecisionState): Draft[] {
  checkDimensions(command.records, head)
  let label = head.nextLabel
  const drafts: Draft[] = []
  for (const input of command.records) {
    const draft = draftFor(command, input, label, state)
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

/** The record as the write makes it, from what is there; `null` where the write says nothing about it. */
function draftFor(
  { kind, collection }: PutCommand,
  input: RecordInput,
  label: number,
  state: DecisionState,
): RecordDraft | null {
  const { id: recordId, vector, document, uri, metadata } = input
  const name = { collection, recordId }
  const live = state.record(collection, recordId)
  if (live === null) {
    if (kind === 'update') return null
    if (vector === null) throw withoutVector(recordId)
    const content = { vector, document, uri: uri ?? null, metadata: mergeMetadata(null, metadata) }
    return addDraft(name, content, label, state.lastDeath(collection, recordId))
  }
  if (kind === 'add' || saysNothing(input)) return null
  const content = { vector, document, uri: uri ?? live.uri, metadata: mergeMetadata(live.metadata, metadata) }
  return updateDraft(name, content, live, label)
}

function saysNothing({ vector, document, uri, metadata }: RecordInput): boolean {
  const keys = Object.keys(metadata ?? {}).length
  return vector === null && document === undefined && uri === undefined && keys === 0
}

function withoutVector(id: string): AnnalsError {
  return new AnnalsError(
    'invalid_argument',
    `The record ${show(id)} has no embedding, and it is a new one.`,
    {
      fate: 'not_written',
      hint: 'Give embeddings, or documents for the embedding function to work on.',
    },
  )
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
  return selected.flatMap((recordId) => {
    const live = state.record(collection, recordId)
    return live === null ? [] : [deleteDraft({ collection, recordId }, live)]
  })
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
