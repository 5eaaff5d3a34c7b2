import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Answer, receiptHeaders } from './answer.ts'
import type { ServerContext } from './context.ts'
import { HttpError } from './http-error.ts'
import { parseBody } from './json.ts'
import { operationOf } from './openapi.ts'
import { Parameters } from './parameters.ts'
import type { Call, Route } from './route.ts'
import { writeContext } from './write-context.ts'

/** Makes one declaration a route of Fastify's. */
export function registerRoute(app: FastifyInstance, context: ServerContext, route: Route): void {
  const { method, url, access, endless = false } = route
  app.route({
    method,
    url: url.replace(/\{(\w+)\}/g, ':$1'),
    schema: operationOf(route),
    config: { access, endless },
    // An endless answer has no length that a HEAD request could ask for.
    exposeHeadRoute: method === 'GET',
    handler: async (request, reply) => {
      if (request.method === 'HEAD' && endless) return reply.code(200).send()
      const left = new AbortController()
      reply.raw.once('close', () => left.abort())
      const answer = await route.handle(callOf(route, context, request, left.signal))
      return send(route, answer, reply)
    },
  })
}

function callOf(route: Route, server: ServerContext, request: FastifyRequest, left: AbortSignal): Call {
  const query = new Parameters(request.query)
  if (route.strict === true) query.only(Object.keys(route.query ?? {}))
  return {
    server,
    request,
    params: request.params as Record<string, string>,
    query,
    body: route.body === undefined ? undefined : bodyOf(route, request),
    write: route.writes === true ? writeContext(request.headers, request.identity) : {},
    signal: AbortSignal.any([left, server.stopping]),
  }
}

function bodyOf(route: Route, request: FastifyRequest): unknown {
  const body = request.body as Buffer | undefined
  if (route.optionalBody === true && (body === undefined || body.length === 0)) return {}
  checkContentType(request.headers['content-type'])
  return parseBody(body ?? Buffer.alloc(0))
}

/** JSON under any of its names; without a content type the body is taken for JSON, as in Chroma. */
function checkContentType(type: string | undefined): void {
  if (type === undefined || /^application\/([\w.!#$&^-]+\+)?json\s*(;|$)/i.test(type.trim())) return
  throw new HttpError(
    415,
    'ChromaError',
    'invalid_argument',
    'Expected request with `Content-Type: application/json`',
  )
}

function send(route: Route, answer: Answer, reply: FastifyReply): FastifyReply {
  const { status = route.success.status ?? 200, type, body, headers = {}, receipt } = answer
  reply.code(status).headers(headers)
  if (receipt !== undefined) reply.headers(receiptHeaders(receipt))
  if (type !== null) reply.type(type)
  return reply.send(body ?? undefined)
}
