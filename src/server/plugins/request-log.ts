import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Metrics } from '../operation/metrics.ts'
import type { ServerPlugin } from './plugin.ts'

/** Refusals, for which an operator wants to know where they came from. */
const refused = [401, 403, 429]

/**
 * One line and one measurement for each request, when its answer ends or its client has left. The line names the
 * route, never the path: that may hold what a caller wrote.
 */
export function requestLog(metrics: Metrics): ServerPlugin {
  return (app) => {
    app.addHook('onClose', async () => metrics.close())
    app.addHook('onRequest', async (request, reply) => {
      reply.header('x-request-id', request.id)
      reply.raw.once('close', () => told(request, reply, metrics))
    })
  }
}

function told(request: FastifyRequest, reply: FastifyReply, metrics: Metrics): void {
  const { method, identity } = request
  const route = request.routeOptions.url ?? 'none'
  const hasLeft = !reply.raw.writableFinished
  // Nothing was answered: what nginx notes down for a client that closed its connection.
  const status = hasLeft && !reply.raw.headersSent ? 499 : reply.statusCode
  const ms = reply.elapsedTime
  metrics.answered({ method, route, status, seconds: ms / 1_000 })
  const line = {
    method,
    route,
    status,
    ms: Math.round(ms * 10) / 10,
    ...(identity !== null && { identity: identity.name }),
    ...(hasLeft && { left: true }),
    ...(refused.includes(status) && { from: request.ip }),
  }
  if (status >= 500) request.log.error(line, 'request')
  else request.log.info(line, 'request')
}
