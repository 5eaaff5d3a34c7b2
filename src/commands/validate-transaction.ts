import { AnnalsError, show } from '../errors.ts'
import { limits } from '../limits.ts'
import {
  checkArray,
  checkId,
  checkIds,
  checkInteger,
  checkKeys,
  checkObject,
  invalid,
} from '../validation/values.ts'
import type { Transaction, TransactionWrite } from './command.ts'
import { countOf } from './command-size.ts'
import { validateRecords } from './validate.ts'

/**
 * The door for a transaction that comes in one piece: `{ readPosition, readIds, writes }`, with each write
 * `{ kind, records }` in the columns of `add`, or `{ kind: 'delete', ids }`. Throws `invalid_argument`,
 * `limit_exceeded`, `unsupported_option`.
 */
export function validateTransaction(args: unknown): Transaction {
  const given = checkObject(args, 'transaction')
  checkKeys(given, ['readPosition', 'readIds', 'writes'], 'transaction')
  const readPosition = given.readPosition == null ? null : checkInteger(given.readPosition, 'readPosition', 0)
  const readIds = checkArray(given.readIds ?? [], 'readIds').map((id, index) =>
    checkId(id, `readIds[${index}]`),
  )
  if (readPosition === null && readIds.length > 0)
    throw invalid('readPosition', 'must say at which position the ids were read', given.readPosition)
  const writes = checkArray(given.writes, 'writes').map((write, index) =>
    checkWrite(write, `writes[${index}]`),
  )
  const transaction = { readPosition, readIds: [...new Set(readIds)], writes }
  checkTransaction(transaction)
  return transaction
}

/** Refuses what is too large, and a record that is written twice. */
export function checkTransaction(transaction: Transaction): void {
  const { readIds, writes } = transaction
  const count = countOf({ kind: 'transaction', collection: '', ...transaction })
  if (count > limits.recordsPerWriteMax) throw tooMany('records in one transaction', count)
  if (readIds.length > limits.recordsPerWriteMax) throw tooMany('ids read', readIds.length)
  const written = new Set<string>()
  for (const id of writes.flatMap(writtenIds)) {
    if (written.has(id)) throw invalid('writes', 'a transaction may write a record once', id)
    written.add(id)
  }
}

/** The ids that a write is about. */
export function writtenIds(write: TransactionWrite): string[] {
  return 'ids' in write ? write.ids : write.records.map(({ id }) => id)
}

function checkWrite(value: unknown, place: string): TransactionWrite {
  const given = checkObject(value, place)
  const { kind } = given
  switch (kind) {
    case 'add':
    case 'update':
    case 'upsert':
      checkKeys(given, ['kind', 'records'], place)
      return { kind, records: validateRecords(kind, given.records) }
    case 'delete':
      checkKeys(given, ['kind', 'ids'], place)
      return { kind, ids: checkIds(given.ids, `${place}.ids`) }
    default:
      throw invalid(`${place}.kind`, 'must be add, update, upsert or delete', kind)
  }
}

function tooMany(what: string, count: number): AnnalsError {
  return new AnnalsError(
    'limit_exceeded',
    `transaction: ${count} ${what}; at most ${show(limits.recordsPerWriteMax)} are allowed.`,
    { fate: 'not_written', hint: 'What need not happen at once goes into several transactions.' },
  )
}
