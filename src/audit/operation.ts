import { valueText } from '../format/metadata-text.ts'
import type { Metadata, OperationRecord, OperationType } from '../types.ts'

/** Which operation record did something: who, what, when and why. */
export interface Operation {
  position: number
  type: OperationType
  committedAt: Date
  actor: string | null
  reason: string | null
  /** The record that it changed; `null` when it concerns no record. */
  id: string | null
}

/** Which parts of a record differ. */
export interface ChangedParts {
  embedding: boolean
  document: boolean
  uri: boolean
  /** The keys whose value was added, changed or removed, sorted. */
  metadata: string[]
}

/** Who, what, when and why, without the content. */
export function operationOf(record: OperationRecord): Operation {
  const { position, type, commit } = record
  const { committedAt, actor, reason } = commit
  const id = 'recordId' in record ? record.recordId : null
  return { position, type, committedAt: new Date(committedAt), actor, reason, id }
}

/** The metadata keys that differ, sorted. */
export function changedKeys(before: Metadata | null, after: Metadata | null): string[] {
  const keys = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])
  return [...keys].filter((key) => textOf(before, key) !== textOf(after, key)).sort()
}

/** Whether anything differs. */
export function isChanged({ embedding, document, uri, metadata }: ChangedParts): boolean {
  return embedding || document || uri || metadata.length > 0
}

function textOf(metadata: Metadata | null, key: string): string | undefined {
  return metadata !== null && Object.hasOwn(metadata, key) ? valueText(metadata[key]!) : undefined
}

/** UUID of the collection that an operation concerns; `null` where it concerns none, or all. */
export function collectionOf(record: OperationRecord): string | null {
  if ('collection' in record) return record.collection
  return 'scope' in record ? record.scope : null
}
