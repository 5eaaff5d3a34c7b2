import type { IncomingHttpHeaders } from 'node:http'
import { AnnalsError } from '../errors.ts'
import type { WriteOptions } from '../types.ts'
import { actorFor, type Identity, idempotencyKeyFor } from './access.ts'
import { wrongValue } from './http-error.ts'

/**
 * Who writes, why, and under which conditions, from a request's headers: `X-Annals-Actor`, `X-Annals-Reason` and
 * `Idempotency-Key`, percent-encoded UTF-8, and `X-Annals-Expected-Position`. Whoever is logged in is the actor;
 * only admins may write in another's name.
 */
export function writeContext(headers: IncomingHttpHeaders, identity: Identity | null): WriteOptions {
  const given = decoded(headers, 'x-annals-actor')
  const actor = identity === null ? given : actorFor(identity, given)
  if (actor === null)
    throw new AnnalsError('forbidden', 'X-Annals-Actor: only an admin may write in the name of another.', {
      fate: 'not_written',
    })
  const reason = decoded(headers, 'x-annals-reason')
  const idempotencyKey = decoded(headers, 'idempotency-key')
  const expectedPosition = position(headers, 'x-annals-expected-position')
  return {
    ...(actor !== undefined && { actor }),
    ...(reason !== undefined && { reason }),
    ...(idempotencyKey !== undefined && { idempotencyKey: idempotencyKeyFor(identity, idempotencyKey) }),
    ...(expectedPosition !== undefined && { expectedPosition }),
  }
}

function decoded(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name]
  if (value === undefined) return undefined
  try {
    return decodeURIComponent(String(value))
  } catch {
    throw wrongValue(`${name}: must be percent-encoded UTF-8`)
  }
}

function position(headers: IncomingHttpHeaders, name: string): number | undefined {
  const value = headers[name]
  if (value === undefined) return undefined
  if (/^\d{1,16}$/.test(String(value))) return Number(value)
  throw wrongValue(`${name}: must be a position, a whole number`)
}
