import type { LogSelection } from '../audit/log-entries.ts'
import { collectionOf } from '../audit/operation.ts'
import { operationTypeNumbers } from '../format/operation-type.ts'
import { limits } from '../limits.ts'
import { checkPoint } from '../readers/read-request.ts'
import type { Store } from '../store.ts'
import type { OperationRecord, OperationType, Point } from '../types.ts'
import { checkArray, checkId, checkKeys, checkObject, checkText, invalid } from '../validation/values.ts'
import type { LogOptions } from './api.ts'
import type { Scope } from './client-scope.ts'
import { collectionsMeant, operationsIn } from './operation-scope.ts'
import { positionOf } from './session.ts'

type CheckedOptions = Omit<LogOptions, 'type'> & { types: Set<OperationType> | null }

/** Checks what a reader of the log asks for; throws before anything is read. */
export function checkLogOptions(value: unknown): CheckedOptions {
  const given = checkObject(value ?? {}, 'log')
  checkKeys(given, ['after', 'until', 'collection', 'id', 'actor', 'type'], 'log')
  const { after, until, collection, id, actor, type } = given
  return {
    ...(after !== undefined && { after: checkPoint(after) }),
    ...(until !== undefined && { until: checkPoint(until) }),
    ...(collection !== undefined && {
      collection: checkText(collection, 'log.collection', limits.nameLengthMax),
    }),
    ...(id !== undefined && { id: checkId(id, 'log.id') }),
    ...(actor !== undefined && { actor: checkText(actor, 'log.actor', limits.actorLengthMax) }),
    types: type === undefined ? null : checkTypes(type),
  }
}

/** Finds out what the options mean in an open store. */
export async function logSelection(
  store: Store,
  scope: Scope,
  options: CheckedOptions,
): Promise<LogSelection> {
  const { after, until, collection, id, actor, types } = options
  const { catalog, projector } = store
  const meant = collection === undefined ? null : collectionsMeant(catalog, scope, collection)
  const isIn = operationsIn(catalog, scope)
  const selects = (record: OperationRecord): boolean => {
    if (types !== null && !types.has(record.type)) return false
    if (actor !== undefined && record.commit.actor !== actor) return false
    if (id !== undefined && !concernsRecord(record, id)) return false
    if (meant !== null) return meant.has(collectionOf(record) ?? '')
    return isIn(record)
  }
  return {
    after: after === undefined ? 0 : await lastSeen(store, after),
    until: until === undefined ? projector.position : await positionOf(store, until),
    selects,
  }
}

/**
 * The position behind which reading goes on. Whoever names one has seen it: it counts as it is, also inside a
 * commit, where a point to read as of would stand for the commit before.
 */
async function lastSeen(store: Store, after: Point): Promise<number> {
  const position = await positionOf(store, after)
  return typeof after === 'number' ? after : position
}

function concernsRecord(record: OperationRecord, id: string): boolean {
  if ('recordId' in record) return record.recordId === id
  return record.type === 'erase' && record.ids.includes(id)
}

function checkTypes(value: unknown): Set<OperationType> {
  const given = Array.isArray(value) ? checkArray(value, 'log.type') : [value]
  const known = Object.keys(operationTypeNumbers)
  for (const type of given)
    if (!known.includes(type as string)) throw invalid('log.type', `must be one of ${known.join(', ')}`, type)
  return new Set(given as OperationType[])
}
