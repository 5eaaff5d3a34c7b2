import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { encodeReceipt } from '../wire/write-headers.ts'
import { type Answer, bytesType, eventsType, linesType } from './http/answer.ts'
import type { ServerContext } from './http/context.ts'
import { HttpError } from './http/http-error.ts'
import { parseBody } from './http/json.ts'
import { Parameters } from './http/parameters.ts'
import type { Call, Route } from './http/route.ts'
import { seesStore } from './http/store-wide.ts'
import { writeContext } from './http/write-context.ts'
import { operationOf } from './openapi/openapi.ts'
import { within } from './operation/deadline.ts'
import { during } from './operation/load-gate.ts'
import { checkBodyLimits } from './operation/request-limits.ts'

const streamTypes = [linesType, eventsType, bytesType]

/** Makes one declaration a route of Fastify's. */
export function registerRoute(app: FastifyInstance, context: ServerContext, route: Route): void {
  const { method, url, access, endless = false, slow = false, writes = false } = route
  const stream = isStream(route)
  app.route({
    method,
    url: url.replace(/\{(\w+)\}/g, ':$1'),
    schema: operationOf(route),
    config: { access, endless, stream },
    // An endless answer has no length that a HEAD request could ask for.
    exposeHeadRoute: method === 'GET',
    handler: (request, reply) =>
      during(request.place, async () => {
        if (request.method === 'HEAD' && endless) return reply.code(200).send()
        const end = endOf(reply, context.stopping)
        await context.turns.next()
        // What is late goes on, and so has a hold of its own.
        const handle = () =>
          during(request.place, () => route.handle(callOf(route, context, request, end.signal)))
        const onLate = () => end.abort()
        const answer =
          stream || slow
            ? await handle()
            : await within(context.limits.requestTimeoutMs, { writes, onLate }, handle)
        return send(route, answer, reply)
      }),
  })
}

/** Aborted when the client goes before its answer has ended, or the server stops. */
function endOf(reply: FastifyReply, stopping: AbortSignal): AbortController {
  const end = new AbortController()
  const abort = () => end.abort()
  // Not `AbortSignal.any`: what it keeps of a request lives as long as the server.
  stopping.addEventListener('abort', abort, { once: true })
  reply.raw.once('close', () => {
    stopping.removeEventListener('abort', abort)
    if (!reply.raw.writableFinished) abort()
  })
  return end
}

/** Whether the answer is one that goes on: lines, events, bytes. */
function isStream({ endless, success: { type } }: Route): boolean {
  return endless === true || (type !== undefined && streamTypes.includes(type))
}

function callOf(route: Route, server: ServerContext, request: FastifyRequest, signal: AbortSignal): Call {
  const query = new Parameters(request.query, { tags: seesStore(request.identity) })
  if (route.strict === true) query.only(Object.keys(route.query ?? {}))
  return {
    server,
    request,
    params: request.params as Record<string, string>,
    query,
    body: route.body === undefined ? undefined : limited(route, bodyOf(route, request), server),
    write: route.writes === true ? writeContext(request.headers, request.identity) : {},
    signal,
  }
}

function limited({ writes = false }: Route, body: unknown, { limits }: ServerContext): unknown {
  checkBodyLimits(body, limits, { writes })
  return body
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
  if (receipt !== undefined) reply.headers(encodeReceipt(receipt))
  if (type !== null) reply.type(type)
  // Its source lets go of what it holds some time after the reader has left.
  const { place } = reply.request
  if (body instanceof Readable && place !== null) body.once('close', place.hold())
  if (reply.request.method !== 'HEAD' || body === null || typeof body === 'string')
    return reply.send(body ?? undefined)
  // Nobody reads it: what it holds is let go.
  body.destroy()
  return reply.send()
}
