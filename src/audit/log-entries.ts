import { metadataText } from '../format/metadata-text.ts'
import type { OperationLog } from '../log/operation-log.ts'
import type { Catalog } from '../projections/metadata/catalog.ts'
import type { OperationRecord, OperationType, RecordOperation, RecordState } from '../types.ts'
import { type ChangedParts, changedKeys, collectionOf } from './operation.ts'

/** One operation record as a person reads it. */
export interface LogLine {
  position: number
  committedAt: Date
  type: OperationType
  /** UUID of the collection; `null` for what concerns none. */
  collection: string | null
  /** The collection's name after the operation. */
  collectionName: string | null
  /** The record's id; `null` for what concerns none. */
  id: string | null
  actor: string | null
  reason: string | null
  idempotencyKey: string | null
  /** First position and number of operation records of the commit that it belongs to. */
  commit: { first: number; count: number }
  /** For operations on records: what it set or changed; `null` otherwise, and when the content was erased. */
  changed: ChangedParts | null
  /** The same in a few words, such as `document, metadata (topic)`. */
  summary: string
  /** Bytes that this operation record holds: vector (4 for each value), document and uri in UTF-8, metadata as JSON. */
  sizes: { embedding: number; document: number; uri: number; metadata: number }
}

/** Which operation records to read; what is not given does not restrict. */
export interface LogSelection {
  /** Positions: exclusive … */
  after: number
  /** … and inclusive. */
  until: number
  selects: (record: OperationRecord) => boolean
}

/** Reads the log from old to new, one operation record at a time. */
export async function* logLines(
  parts: { log: OperationLog; catalog: Catalog },
  { after, until, selects }: LogSelection,
): AsyncGenerator<LogLine, void, undefined> {
  const names = new CollectionNames(parts.catalog)
  for await (const { record } of parts.log.range({ after, until })) {
    names.follow(record)
    if (selects(record)) yield await lineOf(parts.log, record, names)
  }
}

async function lineOf(log: OperationLog, record: OperationRecord, names: CollectionNames): Promise<LogLine> {
  const { position, type, commit } = record
  const { first, count, committedAt, actor, reason, idempotencyKey } = commit
  const collection = collectionOf(record)
  const isRecord = 'vectorAt' in record
  const changed = isRecord ? await changedBy(log, record) : null
  return {
    position,
    committedAt: new Date(committedAt),
    type,
    collection,
    collectionName: collection === null ? null : names.at(collection, position),
    id: isRecord ? record.recordId : null,
    actor,
    reason,
    idempotencyKey,
    commit: { first, count },
    changed,
    summary: isRecord ? summaryOf(record, changed) : subjectOf(record),
    sizes: sizesOf(isRecord ? record.state : null),
  }
}

async function changedBy(log: OperationLog, record: RecordOperation): Promise<ChangedParts | null> {
  const { type, state, position, vectorAt, documentAt } = record
  if (type === 'delete') return { embedding: false, document: false, uri: false, metadata: [] }
  if (state === null) return null
  // An `add` after a `delete` has a version before it, too, but nothing of it is left.
  const before = type === 'update' ? await operationAt(log, record.previous) : null
  const documentBefore = before?.documentAt ?? 0
  const isAdd = type === 'add'
  return {
    embedding: isAdd || vectorAt === position,
    document: documentAt === 0 ? documentBefore !== 0 : isAdd || documentAt === position,
    uri: state.uri !== (before?.state?.uri ?? null),
    metadata: changedKeys(before?.state?.metadata ?? null, state.metadata),
  }
}

async function operationAt(log: OperationLog, position: number): Promise<RecordOperation | null> {
  if (position === 0) return null
  const record = await log.read(position)
  return 'vectorAt' in record ? record : null
}

function summaryOf({ type }: RecordOperation, changed: ChangedParts | null): string {
  if (type === 'delete') return 'the whole record'
  if (changed === null) return 'erased'
  const { embedding, document, uri, metadata } = changed
  const parts = [
    embedding && 'embedding',
    document && 'document',
    uri && 'uri',
    metadata.length > 0 && `metadata (${metadata.join(', ')})`,
  ]
  return parts.filter((part) => part !== false).join(', ') || 'nothing'
}

function subjectOf(record: OperationRecord): string {
  if ('collection' in record && !('vectorAt' in record)) return `collection ${record.state.name}`
  if ('database' in record) return `database ${record.tenant}/${record.database}`
  if ('tenant' in record) return `tenant ${record.tenant}`
  switch (record.type) {
    case 'create-tag':
    case 'delete-tag':
      return `tag ${record.name} for position ${record.at}`
    case 'set-retention':
      return `retention ${JSON.stringify(record.retention.history)}`
    case 'vacuum':
      return `${record.versions.length} superseded versions, history from ${record.horizon}`
    case 'erase':
      return `records ${record.ids.join(', ')}`
    case 'lost':
      return 'given up by recovery'
    default:
      return record.type
  }
}

function sizesOf(state: RecordState | null): LogLine['sizes'] {
  return {
    embedding: state?.vector?.byteLength ?? 0,
    document: Buffer.byteLength(state?.document ?? ''),
    uri: Buffer.byteLength(state?.uri ?? ''),
    metadata: state?.metadata == null ? 0 : Buffer.byteLength(metadataText(state.metadata)),
  }
}

/** The names of collections, as they were at each position of a reading from old to new. */
class CollectionNames {
  readonly #catalog: Catalog
  readonly #names = new Map<string, string | null>()

  constructor(catalog: Catalog) {
    this.#catalog = catalog
  }

  follow(record: OperationRecord): void {
    if (record.type === 'create-collection' || record.type === 'modify-collection')
      this.#names.set(record.collection, record.state.name)
  }

  at(collection: string, position: number): string | null {
    const known = this.#names.get(collection)
    if (known !== undefined) return known
    const row = this.#catalog.collectionById(collection, position) ?? this.#catalog.everById(collection)
    const name = row?.name ?? null
    this.#names.set(collection, name)
    return name
  }
}
