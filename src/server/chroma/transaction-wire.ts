/** Conditional transactions on the wire: reads that name a token, and the commit of what was buffered. */
import { wrongValue } from '../http/http-error.ts'
import { list, object, oneOf, optional, text, uint64 } from '../http/shape.ts'
import { columnsOf, deletePayload, recordsPayload } from './record-payloads.ts'

const operations = ['add', 'update', 'upsert', 'delete'] as const

/** The token that a transaction's first read answered, which later reads and the commit give back. */
export function readToken(body: unknown): number | null {
  return optional(uint64)(object(body, 'body').read_token, 'read_token')
}

/** A commit in the words of the store's door; with `partial` rows of embeddings may be missing in an upsert. */
export function commitPayload(body: unknown, partial: boolean): object {
  const given = object(body, 'body')
  const writes = list((value, place) => operation(value, place, partial))(given.operations, 'operations')
  return {
    readPosition: readToken(body),
    readIds: optional(list(text))(given.read_ids, 'read_ids') ?? [],
    writes,
  }
}

function operation(value: unknown, place: string, partial: boolean): object {
  const given = object(value, place)
  const kind = oneOf(operations)(given.operation, `${place}.operation`)
  if (kind !== 'delete') {
    const needsVectors = kind === 'add' || (kind === 'upsert' && !partial)
    return { kind, records: columnsOf(recordsPayload(kind, given.payload, needsVectors)) }
  }
  const { ids, where, whereDocument, limit } = deletePayload(given.payload)
  if (ids === null || where !== undefined || whereDocument !== undefined || limit !== null)
    throw wrongValue(`${place}: a transaction deletes by ids alone`)
  return { kind, ids }
}
