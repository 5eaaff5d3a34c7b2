import type { Store } from '../store.ts'
import type { RetentionSettings } from './api.ts'
import type { Scope } from './client-scope.ts'

/** What has been set for the whole store, and for collections of one database. */
export function retentionSettings({ catalog }: Store, { tenant, database }: Scope): RetentionSettings {
  const rows = catalog.ownRetentions(tenant, database)
  return {
    store: catalog.retention(null),
    collections: rows.map(({ id, name, died, retention }) => ({
      id,
      name,
      deleted: died !== null,
      retention,
    })),
  }
}
