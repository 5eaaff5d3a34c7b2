import type { Fact, PutFact, RecordContent } from '../fact.ts'
import type { OperationLog } from '../log/operation-log.ts'
import type { CollectionOperation, OperationRecord, RecordOperation } from '../types.ts'

/** What an operation record says, freed of its place; `null` for one that says nothing about the content. */
export function factOf(record: OperationRecord): Fact | null {
  switch (record.type) {
    case 'create-tenant':
      return { type: record.type, tenant: record.tenant }
    case 'create-database':
    case 'delete-database': {
      const { type, databaseId, tenant, database } = record
      return { type, databaseId, tenant, database }
    }
    case 'create-collection':
    case 'modify-collection':
    case 'delete-collection':
      return collectionFact(record)
    case 'delete':
      return { type: 'delete', collection: record.collection, recordId: record.recordId }
    case 'add':
    case 'update':
      return putFact(record)
    default:
      // What recovery lost, and what was done to the history of the source, ends there.
      return null
  }
}

function collectionFact({ type, collection, state, forkedFrom }: CollectionOperation): Fact {
  return { type, collection, state, ...(forkedFrom !== undefined && { forkedFrom: forkedFrom.source }) }
}

/** An erased record is no fact any more. */
function putFact(record: RecordOperation): PutFact | null {
  const { type, position, collection, recordId, vectorAt, documentAt, state } = record
  if (state === null) return null
  const document = documentAt === 0 ? null : documentAt === position ? state.document : undefined
  const vector = vectorAt === position ? (state.vector ?? undefined) : undefined
  const { uri, metadata } = state
  const inherits = type === 'add' && vectorAt !== position
  return { type: 'put', collection, recordId, vector, document, uri, metadata, ...(inherits && { inherits }) }
}

/**
 * The vector and document of a version, read from where they stand in a log; `null` when a vacuum has let go of one
 * of them, or recovery has lost it.
 */
export async function contentAt(
  read: OperationLog['read'],
  { vectorAt, documentAt }: { vectorAt: number; documentAt: number },
): Promise<RecordContent | null> {
  const vector = stateOf(await read(vectorAt))?.vector
  if (vector == null) return null
  if (documentAt === 0) return { vector, document: null }
  const holder = stateOf(await read(documentAt))
  return holder === null ? null : { vector, document: holder.document }
}

/** A fact that says all there is, reduced to what differs from the content that is live in the target. */
export function reduced(fact: PutFact, live: RecordContent): PutFact {
  const { vector, document } = fact
  const sameVector = vector !== undefined && sameFloats(vector, live.vector)
  const sameDocument = document !== undefined && document === live.document
  return {
    ...fact,
    vector: sameVector ? undefined : vector,
    document: sameDocument && document !== null ? undefined : document,
  }
}

function stateOf(record: OperationRecord): RecordOperation['state'] {
  return 'vectorAt' in record ? record.state : null
}

/** Bit for bit: -0 and 0 are two vectors. */
function sameFloats(a: Float32Array, b: Float32Array): boolean {
  return Buffer.compare(bytesOf(a), bytesOf(b)) === 0
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}
