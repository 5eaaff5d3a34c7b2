import type { OperationType } from '../types.ts'

/** Persisted: a number is never given another meaning. */
export const operationTypeNumbers: Readonly<Record<OperationType, number>> = {
  'create-tenant': 1,
  'create-database': 2,
  'delete-database': 3,
  'create-collection': 4,
  'modify-collection': 5,
  'delete-collection': 6,
  add: 7,
  update: 8,
  delete: 9,
  'create-tag': 10,
  'delete-tag': 11,
  'set-retention': 12,
  vacuum: 13,
  erase: 14,
  lost: 255,
}
/** What only says something about one record; all else is needed to make sense of the log. */
export const erasableTypes: ReadonlySet<unknown> = new Set([
  operationTypeNumbers.add,
  operationTypeNumbers.update,
  operationTypeNumbers.delete,
])
/** The types by their numbers. */
export const operationTypes: ReadonlyMap<number, OperationType> = new Map(
  Object.entries(operationTypeNumbers).map(([name, number]) => [number, name as OperationType]),
)
