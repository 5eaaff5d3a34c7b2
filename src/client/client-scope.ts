import { defaultDatabase, defaultTenant } from '../projections/metadata/catalog.ts'
import { checkKeys, checkName, checkObject } from '../validation/values.ts'

/** The tenant and database that a client works in. */
export interface Scope {
  readonly tenant: string
  readonly database: string
}

/** Which tenant and database a client works in. */
export interface ClientScope {
  /** Default `default_tenant`. */
  tenant?: string
  /** Default `default_database`. */
  database?: string
}

/** What a new client works in; checked. */
export function scopeOf({ tenant = defaultTenant, database = defaultDatabase }: ClientScope): Scope {
  return { tenant: checkName(tenant, 'tenant'), database: checkName(database, 'database') }
}

/** What a client works in that `from` is asked for: what is not named stays as it is there. */
export function scopeWithin(from: Scope, given: ClientScope): Scope {
  checkKeys(checkObject(given, 'scope'), ['tenant', 'database'], 'scope')
  const { tenant = from.tenant, database = from.database } = given
  return scopeOf({ tenant, database })
}
