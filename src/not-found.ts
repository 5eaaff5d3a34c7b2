/** What is reported for what is not there; for a write with its fate. */
import { AnnalsError, type AnnalsErrorOptions, show } from './errors.ts'

type Details = Pick<AnnalsErrorOptions, 'fate'>

/** By name or UUID; `at` is the position of the past that it was looked for at, `null` for now. */
export function collectionNotFound(
  name: string,
  { at = null, ...details }: Details & { at?: number | null } = {},
): AnnalsError {
  const when = at === null ? '' : ` at position ${at}`
  return new AnnalsError('collection_not_found', `Collection [${name}] does not exist${when}.`, details)
}

export function tenantNotFound(name: string, details: Details = {}): AnnalsError {
  return new AnnalsError('tenant_not_found', `The tenant ${show(name)} does not exist.`, details)
}

export function databaseNotFound(tenant: string, database: string, details: Details = {}): AnnalsError {
  const message = `The database ${show(database)} does not exist in tenant ${show(tenant)}.`
  return new AnnalsError('database_not_found', message, details)
}

export function tagNotFound(name: string, details: Details = {}): AnnalsError {
  return new AnnalsError('tag_not_found', `The tag ${show(name)} does not exist.`, details)
}
