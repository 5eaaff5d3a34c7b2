/**
 * The OpenAPI document: generated from the routes as they are registered, so it cannot lack one. `/openapi.json`
 * and a reference page at `/docs`, which loads nothing from elsewhere.
 */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import type { JsonSchema, Route } from '../http/route.ts'
import { components } from './components.ts'

const documentUrl = '/openapi.json'

/** Must run before the routes are registered. */
export async function describeApi(app: FastifyInstance): Promise<void> {
  for (const [name, schema] of Object.entries(components)) app.addSchema({ $id: name, ...schema })
  app.addHook('onRoute', (route) => {
    if (route.url === '/docs' || route.url.startsWith('/docs/'))
      route.config = { ...route.config, access: 'public' }
  })
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'annals',
        description: "Chroma's HTTP API v2, and what an event-sourced store has beyond it.",
        version: '2',
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          basic: { type: 'http', scheme: 'basic' },
          ApiKeyAuth: { type: 'apiKey', in: 'header', name: 'x-chroma-token' },
        },
      },
    },
    hideUntagged: true,
    refResolver: {
      buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `def-${index}`),
    },
  })
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })
  app.get(documentUrl, { config: { access: 'public' } }, async (_request, reply) => {
    return reply.type('application/json').send(JSON.stringify(app.swagger()))
  })
}

/** A route's place in the document, in the form that @fastify/swagger takes. */
export function operationOf(route: Route): object {
  const { id, summary, tag, url, query = {}, body, success, access } = route
  const { status = 200, description = 'Success', type = 'application/json', schema } = success
  const names = [...url.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)
  return {
    operationId: id,
    summary,
    tags: [tag],
    ...(access !== 'public' && { security: [{ bearer: [] }, { basic: [] }, { ApiKeyAuth: [] }] }),
    ...(names.length > 0 && {
      params: parameters(Object.fromEntries(names.map((name) => [name, text])), names),
    }),
    ...(Object.keys(query).length > 0 && { querystring: parameters(query, []) }),
    ...(route.writes === true && { headers: parameters(writeHeaders, []) }),
    ...(body !== undefined && { body }),
    response: {
      [status]: { description, ...(schema !== undefined && { content: { [type]: { schema } } }) },
      ...Object.fromEntries(errorsOf(route).map((error) => [error, errorAnswer])),
    },
  }
}

const text: JsonSchema = { type: 'string' }

const writeHeaders: Readonly<Record<string, JsonSchema>> = {
  'X-Annals-Actor': { type: 'string', description: 'Who writes; percent-encoded UTF-8.' },
  'X-Annals-Reason': { type: 'string', description: 'Why; percent-encoded UTF-8.' },
  'Idempotency-Key': {
    type: 'string',
    description:
      'A write repeated with the same key is answered with the first receipt; percent-encoded UTF-8.',
  },
  'X-Annals-Expected-Position': {
    type: 'integer',
    description: "The collection's newest position as the caller knows it; else 409.",
  },
}

const errorAnswer = {
  description: 'An error.',
  content: { 'application/json': { schema: { $ref: 'ErrorResponse#' } } },
}

function errorsOf({ access, body, errors = [], writes }: Route): number[] {
  const always = [400, 500, 503]
  const known = access === 'public' ? [] : [401, 403, 429]
  const ofBody = body === undefined ? [] : [413, 415, 422]
  const ofWrites = writes === true ? [409, 507] : []
  return [...new Set([...always, ...known, ...ofBody, ...ofWrites, ...errors])].sort((a, b) => a - b)
}

function parameters(properties: Readonly<Record<string, JsonSchema>>, required: string[]): JsonSchema {
  return { type: 'object', properties, ...(required.length > 0 && { required }) }
}
