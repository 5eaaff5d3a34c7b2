/** Drafts of operations on records: where vector and document stand, and which version came before. Pure. */
import type { Metadata } from '../types.ts'
import { here, type LiveRecord, type RecordDraft } from './decision.ts'

/** A record by its collection and id. */
interface RecordName {
  collection: string
  recordId: string
}

/** What a version of a record holds: metadata and uri whole, vector and document where they are new. */
interface Content {
  /** `null` stays as it is. */
  vector: Float32Array | null
  /** `undefined` stays as it is, `null` is none. */
  document: string | null | undefined
  uri: string | null
  metadata: Metadata | null
}

/** Of a record that is not there. `previous`: the position of its last death, 0 when it never was. */
export function addDraft(
  { collection, recordId }: RecordName,
  { vector, document = null, uri, metadata }: Content & { vector: Float32Array },
  label: number,
  previous: number,
): RecordDraft {
  const documentAt = document === null ? 0 : here
  const state = { vector, document, uri, metadata }
  return { type: 'add', collection, recordId, label, previous, vectorAt: here, documentAt, state }
}

/** Of a live record; a new vector gets `nextLabel`. */
export function updateDraft(
  { collection, recordId }: RecordName,
  { vector, document, uri, metadata }: Content,
  live: LiveRecord,
  nextLabel: number,
): RecordDraft {
  return {
    type: 'update',
    collection,
    recordId,
    label: vector === null ? live.label : nextLabel,
    previous: live.position,
    vectorAt: vector === null ? live.vectorAt : here,
    documentAt: document === undefined ? live.documentAt : document === null ? 0 : here,
    state: { vector, document: document ?? null, uri, metadata },
  }
}

/** Of a live record, which names for good where its content stood. */
export function deleteDraft({ collection, recordId }: RecordName, live: LiveRecord): RecordDraft {
  const { label, position: previous, vectorAt, documentAt } = live
  return { type: 'delete', collection, recordId, label, previous, vectorAt, documentAt, state: null }
}
