import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Route } from './route.ts'

/** Chroma's answer to everything below `/api/v1/`. */
const deprecated = JSON.stringify({
  error: 'Unimplemented',
  message: 'The v1 API is deprecated. Please use /v2 apis',
})
const v1Methods = ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** What is answered where no route fits: 405 with `Allow` for another method, 410 for v1, else an empty 404. */
export class UnknownPaths {
  readonly #patterns: { segments: string[]; methods: string[] }[]

  constructor(routes: readonly Route[]) {
    this.#patterns = routes.map(({ method, url }) => ({
      segments: url.split('/'),
      methods: method === 'GET' ? ['GET', 'HEAD'] : [method],
    }))
  }

  answer(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const path = request.url.split('?', 1)[0]!
    if (/^\/api\/v1\/./.test(path))
      return v1Methods.includes(request.method)
        ? reply.code(410).type('application/json').send(deprecated)
        : reply.code(405).header('allow', v1Methods.join(',')).send()
    const methods = this.#methodsOf(path)
    if (methods.length === 0) return reply.code(404).send()
    return reply.code(405).header('allow', methods.join(',')).send()
  }

  #methodsOf(path: string): string[] {
    const given = path.split('/')
    const fits = this.#patterns.filter(
      ({ segments }) =>
        segments.length === given.length &&
        segments.every(
          (segment, index) => segment === given[index] || (segment[0] === '{' && given[index] !== ''),
        ),
    )
    return [...new Set(fits.flatMap(({ methods }) => methods))]
  }
}
