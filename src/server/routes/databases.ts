import type { Scope } from '../../client/client-scope.ts'
import { AnnalsError } from '../../errors.ts'
import type { WriteReceipt } from '../../types.ts'
import { json } from '../http/answer.ts'
import { placeOf } from '../http/context.ts'
import { notImplemented } from '../http/http-error.ts'
import type { Parameters } from '../http/parameters.ts'
import type { Call, Route } from '../http/route.ts'
import { name, object, text } from '../http/shape.ts'
import { writerOf } from '../http/write-context.ts'
import { databaseUrl, pageParameters } from './common.ts'

const none = { type: 'object' } as const

/** Tenants and databases. */
export const databaseRoutes: readonly Route[] = [
  {
    method: 'POST',
    url: '/api/v2/tenants',
    access: { role: 'admin', scope: 'store' },
    id: 'create_tenant',
    tag: 'Tenant',
    summary: 'Create a tenant.',
    body: { $ref: 'CreateTenantPayload#' },
    success: { schema: none },
    writes: true,
    handle: async ({ server, body, write }) =>
      json({}, await server.store.client.createTenant({ name: nameIn(body) }, write)),
  },
  {
    method: 'GET',
    url: '/api/v2/tenants',
    access: { role: 'admin', scope: 'store' },
    id: 'list_tenants',
    tag: 'Tenant',
    summary: 'The tenants of the store, by name.',
    query: pageParameters,
    strict: true,
    success: { schema: { type: 'array', items: { $ref: 'Tenant#' } } },
    handle: async ({ server, query }) => json(await server.store.client.listTenants(pageOf(query))),
  },
  {
    method: 'GET',
    url: '/api/v2/tenants/{tenant_name}',
    access: { role: 'read', scope: 'tenant-name' },
    id: 'get_tenant',
    tag: 'Tenant',
    summary: 'Whether a tenant exists.',
    success: { schema: { $ref: 'GetTenantResponse#' } },
    errors: [404],
    handle: async ({ server, params }) => {
      const tenant = await server.store.client.getTenant({ name: name(params.tenant_name, 'tenant') })
      return json({ name: tenant.name, resource_name: null })
    },
  },
  {
    method: 'PATCH',
    url: '/api/v2/tenants/{tenant_name}',
    access: { role: 'admin', scope: 'tenant' },
    id: 'update_tenant',
    tag: 'Tenant',
    summary: 'Give a tenant a resource name: not supported.',
    body: { $ref: 'UpdateTenantPayload#' },
    success: { schema: none },
    errors: [501],
    handle: ({ body }) => {
      text(object(body, 'body').resource_name, 'resource_name')
      throw notImplemented('resource_name: tenants have no resource names here')
    },
  },
  {
    method: 'GET',
    url: '/api/v2/tenants/{tenant}/databases',
    access: { role: 'read', scope: 'tenant' },
    id: 'list_databases',
    tag: 'Database',
    summary: 'The databases of a tenant, by name.',
    query: pageParameters,
    success: { schema: { type: 'array', items: { $ref: 'Database#' } } },
    handle: async ({ server, params, query }) => {
      const tenant = name(params.tenant, 'tenant')
      return json(await server.store.client.listDatabases({ tenant, ...pageOf(query) }))
    },
  },
  {
    method: 'POST',
    url: '/api/v2/tenants/{tenant}/databases',
    access: { role: 'write', scope: 'tenant' },
    id: 'create_database',
    tag: 'Database',
    summary: 'Create a database; its tenant is created too where there is none.',
    query: {
      create_tenant: { type: 'boolean', description: 'Whether to create the tenant too; default true.' },
    },
    body: { $ref: 'CreateDatabasePayload#' },
    success: { schema: none },
    errors: [404],
    writes: true,
    handle: async (call) =>
      json(
        {},
        await createDatabase(call, {
          tenant: name(call.params.tenant, 'tenant'),
          database: nameIn(call.body),
        }),
      ),
  },
  {
    method: 'GET',
    url: databaseUrl,
    access: { role: 'read', scope: 'database' },
    id: 'get_database',
    tag: 'Database',
    summary: 'A database by its name.',
    success: { schema: { $ref: 'Database#' } },
    errors: [404],
    handle: async ({ server, params }) => {
      const { tenant, database } = placeOf(params)
      return json(await server.store.client.getDatabase({ name: database, tenant }))
    },
  },
  {
    method: 'DELETE',
    url: databaseUrl,
    access: { role: 'write', scope: 'database' },
    id: 'delete_database',
    tag: 'Database',
    summary: 'Delete a database with all of its collections. The default one is emptied and stays.',
    success: { schema: none },
    errors: [404],
    writes: true,
    handle: async ({ server, params, write }) => {
      const { tenant, database } = placeOf(params)
      return json({}, await server.store.client.deleteDatabase({ name: database, tenant }, write))
    },
  },
]

/** All, where nobody has said how many. */
function pageOf(query: Parameters): { limit: number; offset: number } {
  return {
    limit: query.uint32('limit') ?? Number.MAX_SAFE_INTEGER,
    offset: query.uint32('offset') ?? 0,
  }
}

function nameIn(body: unknown): string {
  return name(object(body, 'body').name, 'name')
}

/** Chroma creates databases in tenants that are not there; here the tenant is created with the first one. */
async function createDatabase(
  { server, write, query }: Call,
  { tenant, database }: Scope,
): Promise<WriteReceipt> {
  const create = () => server.store.client.createDatabase({ name: database, tenant }, write)
  try {
    return await create()
  } catch (error) {
    const isMissing = error instanceof AnnalsError && error.code === 'tenant_not_found'
    if (!isMissing || query.flag('create_tenant') === false) throw error
  }
  await server.store.client.createTenant({ name: tenant }, writerOf(write)).catch((error: unknown) => {
    // Somebody else was faster.
    if (!(error instanceof AnnalsError && error.code === 'tenant_exists')) throw error
  })
  return create()
}
