import type { FastifyReply, FastifyRequest } from 'fastify'
import { AnnalsError } from '../../errors.ts'
import { type Access, decideAccess, type Identity, type Target } from '../access/access.ts'
import type { Authenticator } from '../access/authenticator.ts'
import type { ServerPlugin } from './plugin.ts'

/** A route that does not say who may call it: then hardly anybody. */
const undeclared: Access = { role: 'admin', scope: 'store' }

/**
 * The one place where requests are let in or refused. It runs before the body is read. Paths that no route has
 * pass: what follows answers 404, whoever asks.
 */
export function authentication(authenticator: Authenticator): ServerPlugin {
  return (app) => {
    app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
      if (request.is404) return
      const access = request.routeOptions.config.access ?? undeclared
      if (access === 'public') return
      const identity = await authenticator.identify(request.headers)
      admit(identity, access, request, reply, authenticator)
      request.identity = identity
    })
    app.addHook('onClose', () => authenticator.close())
  }
}

function admit(
  identity: Identity | null,
  access: Access,
  request: FastifyRequest,
  reply: FastifyReply,
  { challenges }: Authenticator,
): void {
  const decision = decideAccess(identity, access, targetOf(request))
  if (decision.allowed) return
  if (decision.code === 'unauthorized') reply.header('www-authenticate', challenges)
  throw new AnnalsError(decision.code, decision.message, { fate: 'not_written' })
}

/** The tenant and database that the path names, as the route will read them. */
function targetOf({ params }: FastifyRequest): Target {
  const { tenant, tenant_name, database } = params as Record<string, string | undefined>
  const named = tenant ?? tenant_name
  return { ...(named !== undefined && { tenant: named }), ...(database !== undefined && { database }) }
}
