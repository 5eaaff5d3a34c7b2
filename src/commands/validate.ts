/**
 * The door for writes: unknown in, commands out. What is wrong with a call by itself is refused here, before
 * anything is queued; what depends on the store (does the id exist, does the dimension fit) is for `decide`.
 */
import { AnnalsError } from '../errors.ts'
import { conjunction, parseWhere, parseWhereDocument } from '../filter/parse-filter.ts'
import { limits } from '../limits.ts'
import type { Metadata, WriteOptions } from '../types.ts'
import { checkMetadata } from '../validation/metadata.ts'
import {
  checkArray,
  checkIds,
  checkInteger,
  checkKeys,
  checkName,
  checkObject,
  checkText,
  checkVector,
  invalid,
} from '../validation/values.ts'
import type { DeleteCommand, ModifyCollectionCommand, PutCommand, RecordInput } from './command.ts'

const recordColumns = ['ids', 'embeddings', 'documents', 'metadatas', 'uris'] as const

/** The records of an `add`, `update` or `upsert`; vectors may still be missing, where documents can give them. */
export function validateRecords(kind: PutCommand['kind'], args: unknown): RecordInput[] {
  const given = checkObject(args, kind)
  checkKeys(given, recordColumns, kind)
  const ids = checkIds(given.ids)
  if (ids.length === 0) throw invalid('ids', 'must name at least one record', given.ids)
  if (ids.length > limits.recordsPerWriteMax)
    throw new AnnalsError(
      'limit_exceeded',
      `ids: ${ids.length} records in one write; at most ${limits.recordsPerWriteMax} are allowed.`,
      { fate: 'not_written', hint: 'Split the write; a few thousand records at a time are fastest anyway.' },
    )
  const embeddings = column(given.embeddings, 'embeddings', ids.length)
  const documents = column(given.documents, 'documents', ids.length)
  const metadatas = column(given.metadatas, 'metadatas', ids.length)
  const uris = column(given.uris, 'uris', ids.length)
  const allowNull = kind !== 'add'
  return ids.map((id, index) => ({
    id,
    vector: optional(embeddings?.[index], (value) => checkVector(value, `embeddings[${index}]`)) ?? null,
    document: optional(documents?.[index], (value) =>
      checkText(value, `documents[${index}]`, limits.documentLengthMax),
    ),
    uri: optional(uris?.[index], (value) => checkText(value, `uris[${index}]`, limits.uriLengthMax)),
    metadata:
      optional(metadatas?.[index], (value) => checkMetadata(value, `metadatas[${index}]`, { allowNull })) ??
      null,
  }))
}

/** A `delete`: by ids, by filter, or both; a limit only with a filter. */
export function validateDelete(args: unknown): Omit<DeleteCommand, 'collection'> {
  const given = checkObject(args ?? {}, 'delete')
  checkKeys(given, ['ids', 'where', 'whereDocument', 'limit'], 'delete')
  const ids = given.ids == null ? null : checkIds(given.ids)
  if (ids !== null && ids.length === 0) throw invalid('ids', 'must name at least one record', given.ids)
  const filter = conjunction(parseWhere(given.where), parseWhereDocument(given.whereDocument))
  const limit = given.limit == null ? null : checkInteger(given.limit, 'limit', 0)
  if (limit !== null && filter === null)
    throw new AnnalsError('invalid_argument', 'limit: needs a where or whereDocument beside it.', {
      fate: 'not_written',
    })
  if (ids === null && filter === null)
    throw new AnnalsError('invalid_argument', 'delete: needs ids, where or whereDocument.', {
      fate: 'not_written',
      hint: 'To empty a collection, delete it and create it again.',
    })
  return { kind: 'delete', ids, filter, limit }
}

/** Metadata of a collection: like a record's; `null` and `undefined` mean none was given. */
export function validateCollectionMetadata(value: unknown): Metadata | null {
  if (value == null) return null
  const metadata = checkMetadata(value, 'metadata', { allowNull: false }) as Metadata
  if (Object.keys(metadata).length === 0) throw invalid('metadata', 'must not be empty', value)
  return metadata
}

/** The name of a fork. */
export function validateFork(args: unknown): string {
  const given = checkObject(args, 'fork')
  checkKeys(given, ['name'], 'fork')
  return checkName(given.name, 'name')
}

/** What `modify` may change. */
export function validateModify(args: unknown): Pick<ModifyCollectionCommand, 'name' | 'metadata'> & {
  configuration: unknown
} {
  const given = checkObject(args, 'modify')
  checkKeys(given, ['name', 'metadata', 'configuration'], 'modify')
  const name = given.name == null ? undefined : checkName(given.name, 'name')
  const metadata = validateCollectionMetadata(given.metadata) ?? undefined
  return { name, metadata, configuration: given.configuration ?? undefined }
}

/** Who writes, why and when: the second argument of every write. */
export function validateWriteOptions(value: unknown): WriteOptions {
  if (value === undefined) return {}
  const given = checkObject(value, 'options')
  checkKeys(given, ['actor', 'reason', 'idempotencyKey', 'expectedPosition'], 'options')
  const text = (key: string, max: number) =>
    optional(given[key], (entry) => checkText(entry, `options.${key}`, max))
  const actor = text('actor', limits.actorLengthMax)
  const reason = text('reason', limits.reasonLengthMax)
  const idempotencyKey = text('idempotencyKey', limits.idempotencyKeyLengthMax)
  if (idempotencyKey === '') throw invalid('options.idempotencyKey', 'must not be empty', idempotencyKey)
  const expectedPosition = optional(given.expectedPosition, (entry) =>
    checkInteger(entry, 'options.expectedPosition', 0),
  )
  return {
    ...(actor !== undefined && { actor }),
    ...(reason !== undefined && { reason }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...(expectedPosition !== undefined && { expectedPosition }),
  }
}

function column(value: unknown, place: string, length: number): unknown[] | null {
  if (value == null) return null
  const values = checkArray(value, place)
  if (values.length === length) return values
  throw new AnnalsError('invalid_argument', `${place}: has ${values.length} entries for ${length} ids.`, {
    fate: 'not_written',
  })
}

function optional<T>(value: unknown, check: (value: unknown) => T): T | undefined {
  return value == null ? undefined : check(value)
}
