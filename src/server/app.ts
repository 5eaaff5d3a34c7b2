/**
 * The HTTP application: every route over one store. Nothing here listens; `serve.ts` does.
 *
 * What holds:
 * - A request is parsed and checked by our own code alone: Fastify's validation and coercion are off.
 * - Every answer that is an error has Chroma's body; unknown routes and methods have none, as in Chroma.
 * - Plugins run before every route, and see its `access` in the route's configuration.
 */
import { type FastifyInstance, type FastifyReply, type FastifyServerOptions, fastify } from 'fastify'
import type { ServerContext } from './http/context.ts'
import { describeError, HttpError } from './http/http-error.ts'
import { jsonOf } from './http/json.ts'
import { UnknownPaths } from './http/unknown-paths.ts'
import { UnreadableRequests } from './http/unreadable-requests.ts'
import { describeApi } from './openapi/openapi.ts'
import type { ServerPlugin } from './plugins/plugin.ts'
import { registerRoute } from './register-route.ts'
import { routes } from './routes/index.ts'

export interface AppOptions {
  /** In their order, before every route. */
  plugins?: readonly ServerPlugin[]
  /** Handed to Fastify: logging, TLS, timeouts. */
  fastify?: FastifyServerOptions & { https?: object | null }
}

/** The application with all of its routes, ready to be given requests (`inject`) or a port. */
export async function buildApp(context: ServerContext, options: AppOptions = {}): Promise<FastifyInstance> {
  const unreadable = new UnreadableRequests()
  const app = fastify({
    bodyLimit: context.limits.bodyBytes,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 8_192 },
    frameworkErrors: (error, _request, reply) => answerError(error, reply as unknown as FastifyReply),
    clientErrorHandler: (error, socket) => void unreadable.end(error, socket),
    ...options.fastify,
  } as FastifyServerOptions) as unknown as FastifyInstance
  unreadable.watch(app.server)
  takeBodiesAsBytes(app)
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => jsonOf)
  app.decorateRequest('identity', null)
  app.decorateRequest('place', null)
  app.setErrorHandler((error, _request, reply) => answerError(error, reply))
  const paths = new UnknownPaths(routes)
  app.setNotFoundHandler((request, reply) => paths.answer(request, reply))
  for (const plugin of options.plugins ?? []) await plugin(app, context)
  await describeApi(app)
  await app.register(async (scope) => {
    for (const route of routes) registerRoute(scope, context, route)
  })
  await app.ready()
  return app
}

/** Bodies are parsed by the routes that have one: a body that no route asks for is no error. */
function takeBodiesAsBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
}

function answerError(thrown: unknown, reply: FastifyReply): void {
  const error = ofFramework(thrown)
  const { status, body } = describeError(error)
  if (error === tooLarge) {
    reply.code(413).type('text/plain; charset=utf-8').send(tooLarge.message)
    return
  }
  if (status >= 500 && body.code === 'internal') reply.log.error({ err: thrown }, 'a request failed')
  if (error instanceof HttpError) reply.headers({ ...error.headers })
  if (body.code === 'busy') reply.header('retry-after', '1')
  reply.code(status).type('application/json').send(jsonOf(body))
}

/** Chroma answers this one as text. */
const tooLarge = new HttpError(413, 'InvalidArgumentError', 'limit_exceeded', 'Payload too large')

/** Fastify's own refusals in our words. */
function ofFramework(thrown: unknown): unknown {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return tooLarge
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_INVALID_TYPE':
      return new HttpError(
        415,
        'ChromaError',
        'invalid_argument',
        'Expected request with `Content-Type: application/json`',
      )
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_BAD_URL':
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new HttpError(400, 'InvalidArgumentError', 'invalid_argument', (thrown as Error).message)
    default:
      return refusalOf(thrown) ?? thrown
  }
}

/** What a plugin refuses, such as a path that leads out of its folder. */
function refusalOf(thrown: unknown): HttpError | undefined {
  if (!(thrown instanceof Error && 'statusCode' in thrown) || thrown instanceof HttpError) return undefined
  const status = Number(thrown.statusCode)
  const isRefusal = status >= 400 && status < 500
  return isRefusal ? new HttpError(status, 'ChromaError', 'invalid_argument', thrown.message) : undefined
}
