/** Paths of the routes. */

/** Query parameters; those that are `undefined` are left out, lists are repeated. */
export type Parameters = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>

export const apiRoot = '/api/v2'

/** Where a tenant's databases are. */
export function databasesPath(tenant: string): string {
  return `${apiRoot}/tenants/${encodeURIComponent(tenant)}/databases`
}

/** Of a database by its name. */
export function databasePath({ tenant, database }: { tenant: string; database: string }): string {
  return `${databasesPath(tenant)}/${encodeURIComponent(database)}`
}

/** Of a collection by its UUID. */
export function collectionPath(collection: { tenant: string; database: string; id: string }): string {
  return `${databasePath(collection)}/collections/${collection.id}`
}

/** The path with its parameters. */
export function withQuery(path: string, parameters: Parameters): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters))
    for (const each of Array.isArray(value) ? value : [value])
      if (each !== undefined) search.append(name, String(each))
  const text = search.toString()
  return text === '' ? path : `${path}?${text}`
}

/** Whether a name can stand in a path: a dot or two would be taken for a step in the tree, and nothing for nothing. */
export function fitsPath(name: string): boolean {
  return !/^\.{0,2}$/.test(name)
}
