import type { IncomingHttpHeaders } from 'node:http'
import { AnnalsError } from '../../errors.ts'
import type { WriteOptions } from '../../types.ts'
import { decodeWriteOptions } from '../../wire/write-headers.ts'
import { actorFor, type Identity, idempotencyKeyFor } from '../access/access.ts'

/**
 * Who writes, why, and under which conditions, from a request's headers. Whoever is logged in is the actor; only
 * admins may write in another's name.
 */
export function writeContext(headers: IncomingHttpHeaders, identity: Identity | null): WriteOptions {
  const given = decodeWriteOptions((name) => headers[name]?.toString())
  if (identity === null) return given
  const actor = actorFor(identity, given.actor)
  const { idempotencyKey: key } = given
  if (actor !== null)
    return { ...given, actor, ...(key !== undefined && { idempotencyKey: idempotencyKeyFor(identity, key) }) }
  throw new AnnalsError('forbidden', 'X-Annals-Actor: only an admin may write in the name of another.', {
    fate: 'not_written',
  })
}

/** Who writes and why, for work that is many writes: conditions on one of them make no sense there. */
export function writerOf({ actor, reason }: WriteOptions): Pick<WriteOptions, 'actor' | 'reason'> {
  return { ...(actor !== undefined && { actor }), ...(reason !== undefined && { reason }) }
}
