import { describe, expect, test } from 'vitest'
import { limits } from '../../src/limits.ts'
import {
  type Access,
  actorFor,
  decideAccess,
  type Identity,
  idempotencyKeyFor,
  roles,
} from '../../src/server/access/access.ts'

const identity = (given: Partial<Identity> = {}): Identity => ({
  name: 'ada',
  role: 'admin',
  tenant: null,
  database: null,
  ...given,
})
const here = { tenant: 'acme', database: 'search' }
const scopes = ['database', 'tenant', 'tenant-name', 'store'] as const

/** `ok`, or the code of the refusal. */
function decided(who: Identity | null, access: Access, target = here): string {
  const decision = decideAccess(who, access, target)
  return decision.allowed ? 'ok' : decision.code
}

describe('decideAccess', () => {
  test('asks nothing on public routes, and of nobody anything else', () => {
    expect(decided(null, 'public')).toBe('ok')
    expect(decided(null, 'anyone')).toBe('unauthorized')
    for (const role of roles)
      for (const scope of scopes) expect(decided(null, { role, scope })).toBe('unauthorized')
  })

  test('a role includes the weaker ones, and no stronger one', () => {
    const table = roles.map((mine) =>
      roles.map((asked) => decided(identity({ role: mine }), { role: asked, scope: 'store' })),
    )
    expect(table).toEqual([
      ['ok', 'forbidden', 'forbidden'],
      ['ok', 'ok', 'forbidden'],
      ['ok', 'ok', 'ok'],
    ])
    expect(decided(identity({ role: 'read', tenant: 'acme' }), 'anyone')).toBe('ok')
  })

  test('a tenant’s identity stays in its tenant', () => {
    const who = identity({ tenant: 'acme' })
    const to = (target: { tenant: string; database: string }) =>
      scopes.map((scope) => decided(who, { role: 'read', scope }, target))
    expect(to(here)).toEqual(['ok', 'ok', 'ok', 'forbidden'])
    expect(to({ tenant: 'other', database: 'search' })).toEqual(Array(4).fill('forbidden'))
    // Names are compared as they are: no case folding, no prefixes.
    expect(to({ tenant: 'ACME', database: 'search' })).toEqual(Array(4).fill('forbidden'))
    expect(to({ tenant: 'acme2', database: 'search' })).toEqual(Array(4).fill('forbidden'))
  })

  test('a database’s identity stays in its database, and may know its tenant', () => {
    const who = identity({ tenant: 'acme', database: 'search' })
    const to = (target: { tenant: string; database: string }) =>
      scopes.map((scope) => decided(who, { role: 'read', scope }, target))
    expect(to(here)).toEqual(['ok', 'forbidden', 'ok', 'forbidden'])
    expect(to({ tenant: 'acme', database: 'other' })).toEqual(['forbidden', 'forbidden', 'ok', 'forbidden'])
    expect(to({ tenant: 'other', database: 'search' })).toEqual(Array(4).fill('forbidden'))
  })

  test('a path that names no tenant is nobody’s home', () => {
    const decision = decideAccess(identity({ tenant: 'acme' }), { role: 'read', scope: 'database' }, {})
    expect(decision).toMatchObject({ allowed: false, code: 'forbidden' })
  })
})

describe('actorFor', () => {
  test('names the identity; another only for admins', () => {
    const writer = identity({ role: 'write' })
    expect(actorFor(writer, undefined)).toBe('ada')
    expect(actorFor(writer, 'ada')).toBe('ada')
    expect(actorFor(writer, 'eve')).toBeNull()
    expect(actorFor(writer, '')).toBeNull()
    expect(actorFor(identity(), 'eve')).toBe('eve')
  })
})

describe('idempotencyKeyFor', () => {
  const longest = limits.idempotencyKeyLengthMax

  test('leaves the keys of whoever is bound to no tenant', () => {
    expect(idempotencyKeyFor(null, 'key')).toBe('key')
    expect(idempotencyKeyFor(identity(), 'key')).toBe('key')
  })

  test('keeps tenants apart, however long key and name are', () => {
    const [acme, other] = [
      identity({ tenant: 'acme' }),
      identity({ tenant: 'a'.repeat(limits.nameLengthMax) }),
    ]
    expect(idempotencyKeyFor(acme, 'key')).toBe('acme:key')
    const keys = [acme, other].flatMap((who) => [
      idempotencyKeyFor(who, 'k'.repeat(longest)),
      idempotencyKeyFor(who, 'l'.repeat(longest)),
    ])
    expect(new Set(keys).size).toBe(4)
    for (const key of keys) expect(key.length).toBeLessThanOrEqual(longest)
    expect(idempotencyKeyFor(other, 'key').length).toBeLessThanOrEqual(longest)
  })

  test('leaves a key that is too long, or none, to be refused', () => {
    expect(idempotencyKeyFor(identity({ tenant: 'acme' }), 'k'.repeat(longest + 1)).length).toBeGreaterThan(
      longest,
    )
    expect(idempotencyKeyFor(identity({ tenant: 'acme' }), '')).toBe('')
  })
})
