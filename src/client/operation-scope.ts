import { collectionOf } from '../audit/operation.ts'
import { AnnalsError, show } from '../errors.ts'
import { collectionNotFound } from '../not-found.ts'
import type { Catalog } from '../projections/metadata/catalog.ts'
import type { OperationRecord } from '../types.ts'
import type { Scope } from './client-scope.ts'

/** Accepts the operations on a database, its collections, their records, the tenant, and the store as a whole. */
export function operationsIn(
  catalog: Catalog,
  { tenant, database }: Scope,
): (record: OperationRecord) => boolean {
  const mine = new Map<string, boolean>()
  return (record) => {
    const collection = collectionOf(record)
    if (collection !== null) {
      const known = mine.get(collection) ?? catalog.isIn(collection, tenant, database)
      mine.set(collection, known)
      return known
    }
    if ('database' in record) return record.tenant === tenant && record.database === database
    if ('tenant' in record) return record.tenant === tenant
    // Tags and the retention of the whole store concern everybody.
    return true
  }
}

/**
 * UUIDs of the collections that a caller means: by UUID, or by a name that they bear or bore, deleted ones
 * included. Throws `collection_not_found`.
 */
export function collectionsMeant(catalog: Catalog, { tenant, database }: Scope, given: string): Set<string> {
  const named = catalog.everNamed(tenant, database, given)
  const id = given.toLowerCase()
  if (catalog.isIn(id, tenant, database)) named.push(id)
  if (named.length > 0) return new Set(named)
  throw new AnnalsError('collection_not_found', `No collection is or was named ${show(given)}.`)
}

/**
 * The UUID of the collection that a caller means: by name, or by UUID, and then it may be deleted already. Throws
 * `collection_not_found`.
 */
export function collectionMeant(catalog: Catalog, { tenant, database }: Scope, given: string): string {
  const named = catalog.collection(tenant, database, given)
  if (named !== undefined) return named.id
  const id = given.toLowerCase()
  if (catalog.isIn(id, tenant, database)) return id
  throw collectionNotFound(id, { fate: 'not_written' })
}

/** Accepts the operations of `operationsIn`, or those on one collection that a caller means. */
export function operationsMeant(
  catalog: Catalog,
  scope: Scope,
  collection: string | undefined,
): (record: OperationRecord) => boolean {
  if (collection === undefined) return operationsIn(catalog, scope)
  const id = collectionMeant(catalog, scope, collection)
  return (record) => collectionOf(record) === id
}
