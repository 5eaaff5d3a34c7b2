import { metadataText } from '../../format/metadata-text.ts'
import type { Metadata, RecordOperation, RecordState } from '../../types.ts'
import { metadataRows } from './metadata-rows.ts'
import type { VersionRow } from './rows.ts'
import type { Statements } from './statements.ts'

// An erased version keeps its place until the vacuum or erasure, further on in the log, takes it away.
const erasedState: RecordState = { vector: null, document: null, uri: null, metadata: null }

/**
 * Writes what operations make of records: their rows, what their metadata and documents are found by, and the
 * versions that they supersede. Runs inside of the projection's transaction.
 *
 * What holds:
 * - `records` holds just the live versions; what an update or delete supersedes moves to `record_versions`.
 * - `documents_fts` and the metadata tables hold just what belongs to rows of `records`.
 */
export class RecordRows {
  readonly #statements: Statements

  constructor(statements: Statements) {
    this.#statements = statements
  }

  /** `collection`: its key. Answers by how many the collection's live records have grown. */
  apply(collection: number, record: RecordOperation): number {
    if (record.type === 'add') return this.#add(collection, record)
    if (record.type === 'delete') return this.#delete(collection, record)
    this.#update(collection, record)
    return 0
  }

  // An id that was there before has been deleted since, unless recovery had to give that deletion up.
  #add(collection: number, record: RecordOperation): number {
    const { position, recordId, label, vectorAt, documentAt } = record
    const superseded = record.previous > 0 ? this.#delete(collection, record) : 0
    const { uri, metadata } = record.state ?? erasedState
    const document = this.#documentOf(collection, record)
    const json = metadata === null ? null : metadataText(metadata)
    this.#statements.insertRecord.run(
      position,
      collection,
      recordId,
      label,
      position,
      vectorAt,
      documentAt,
      document,
      uri,
      json,
    )
    this.#insertMetadata(position, collection, metadata)
    if (document !== null) this.#statements.indexDocument.run(position, indexable(document))
    return superseded + 1
  }

  /** A fork's records do not hold their documents; at this point of the log the source's rows do. */
  #documentOf(collection: number, { recordId, position, documentAt, state }: RecordOperation): string | null {
    if (documentAt === 0 || documentAt === position) return state?.document ?? null
    return this.#statements.inheritedDocument.get(recordId, collection, documentAt)?.document ?? null
  }

  #update(collection: number, record: RecordOperation): void {
    const old = this.#statements.liveRecord.get(collection, record.recordId)
    if (old === undefined) return
    const { position, label, vectorAt, documentAt } = record
    const state = record.state ?? erasedState
    this.#keepVersion(collection, old, position)
    const newDocument = documentAt === position
    const document = newDocument ? state.document : (old.document ?? null)
    const json = state.metadata === null ? null : metadataText(state.metadata)
    this.#statements.updateRecord.run(
      label,
      position,
      vectorAt,
      documentAt,
      document,
      state.uri,
      json,
      old.added,
    )
    if (json !== old.metadata) {
      this.#removeMetadata(old.added)
      this.#insertMetadata(old.added, collection, state.metadata)
    }
    if (!newDocument) return
    if (old.document != null) this.#statements.unindexDocument.run(old.added)
    if (document !== null) this.#statements.indexDocument.run(old.added, indexable(document))
  }

  #delete(collection: number, record: RecordOperation): number {
    const old = this.#statements.liveRecord.get(collection, record.recordId)
    if (old === undefined) return 0
    this.#keepVersion(collection, old, record.position)
    this.#statements.deleteRecord.run(old.added)
    this.#removeMetadata(old.added)
    if (old.document != null) this.#statements.unindexDocument.run(old.added)
    return -1
  }

  #keepVersion(collection: number, old: VersionRow, died: number): void {
    const { id, added, label, position, vector_at, document_at, uri, metadata } = old
    this.#statements.keepVersion.run(
      died,
      collection,
      id,
      added,
      label,
      position,
      vector_at,
      document_at,
      uri,
      metadata,
    )
  }

  #insertMetadata(record: number, collection: number, metadata: Metadata | null): void {
    if (metadata === null) return
    for (const { key, element, columns } of metadataRows(metadata)) {
      if (element === null) this.#statements.insertMetadata.run(record, key, collection, ...columns)
      else this.#statements.insertMetadataElement.run(record, key, element, collection, ...columns)
    }
  }

  #removeMetadata(record: number): void {
    this.#statements.removeMetadata.run(record)
    this.#statements.removeMetadataElements.run(record)
  }
}

/** A document as full text indexes it: the trigram tokenizer ends at a NUL; no search looks for one. */
export function indexable(document: string): string {
  return document.replaceAll('\0', '\uFFFD')
}
