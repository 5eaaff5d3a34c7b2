/**
 * Who may do what. Pure: identity, what a route asks for and what the request aims at go in, a decision comes out.
 * Nothing here looks at the store, so an answer of 403 says nothing about what exists.
 */
import { createHash } from 'node:crypto'
import type { ErrorCode } from '../../errors.ts'
import { limits } from '../../limits.ts'

/** What an identity may do; each one includes those before it. */
export type Role = 'read' | 'write' | 'admin'

/** Every role, the weakest first. */
export const roles: readonly Role[] = ['read', 'write', 'admin']

/**
 * What a route reaches:
 * - `database`: one database, which the path names;
 * - `tenant`: a whole tenant, all of its databases;
 * - `tenant-name`: nothing but the tenant itself, so whoever is at home in one of its databases may;
 * - `store`: everything.
 */
export type AccessScope = 'database' | 'tenant' | 'tenant-name' | 'store'

/**
 * What a route asks of its caller. Declared as `config: { access }` of each route.
 * `public`: nothing. `anyone`: to be known, whatever the role.
 */
export type Access = 'public' | 'anyone' | { role: Role; scope: AccessScope }

/** Somebody whom the server knows. */
export interface Identity {
  /** Stands in the log as the actor of what it writes. */
  name: string
  role: Role
  /** The only tenant that it may see; `null`: all of them, and the store as a whole. */
  tenant: string | null
  /** The only database of that tenant that it may see; `null`: all of them. */
  database: string | null
}

/** What the path of a request names. */
export interface Target {
  tenant?: string
  database?: string
}

export type AccessDecision =
  | { allowed: true }
  | { allowed: false; code: Extract<ErrorCode, 'unauthorized' | 'forbidden'>; message: string }

const allowed: AccessDecision = { allowed: true }

/** Whether `identity` (`null`: nobody whom we know) may do what a route asks for. */
export function decideAccess(identity: Identity | null, access: Access, target: Target): AccessDecision {
  if (access === 'public') return allowed
  if (identity === null)
    return {
      allowed: false,
      code: 'unauthorized',
      message: 'This needs a valid token, or a name and password.',
    }
  if (access === 'anyone') return allowed
  if (roles.indexOf(identity.role) < roles.indexOf(access.role))
    return forbidden(`This needs the role ${access.role}; yours is ${identity.role}.`)
  return reaches(identity, access.scope, target)
    ? allowed
    : forbidden(`This lies outside of what you may see: ${homeOf(identity)}.`)
}

/**
 * The actor that the log names for a write: whoever is logged in. Only an admin may write in another's name;
 * `null` when somebody else tries.
 */
export function actorFor(identity: Identity, given: string | undefined): string | null {
  if (given === undefined || given === identity.name) return identity.name
  return identity.role === 'admin' ? given : null
}

/**
 * The idempotency key that stands in the log. Keys count in one tenant and database; whoever is bound to a tenant
 * has keys of that tenant's own besides, so an identity that is bound to none cannot take them by chance.
 */
export function idempotencyKeyFor(identity: Identity | null, given: string): string {
  // An empty key is none, and refused as such.
  if (identity === null || identity.tenant === null || given === '') return given
  // A tenant's name holds no colon.
  const key = `${identity.tenant}:${given}`
  // What is too long with the tenant stands there as its digest; a key of its own that is too long is refused.
  if (key.length <= limits.idempotencyKeyLengthMax || given.length > limits.idempotencyKeyLengthMax)
    return key
  return createHash('sha256').update(key).digest('hex')
}

/** Whether a tenant and database are within what an identity may see. */
export function reaches(identity: Identity, scope: AccessScope, target: Target): boolean {
  if (identity.tenant === null) return true
  if (scope === 'store' || target.tenant !== identity.tenant) return false
  if (identity.database === null || scope === 'tenant-name') return true
  return scope === 'database' && target.database === identity.database
}

function homeOf({ tenant, database }: Identity): string {
  return database === null ? `the tenant ${tenant}` : `the database ${database} of the tenant ${tenant}`
}

function forbidden(message: string): AccessDecision {
  return { allowed: false, code: 'forbidden', message }
}
