/**
 * The one way to declare a route. From one declaration come Fastify's route, who may call it (`access`), and its
 * place in the OpenAPI document.
 */
import type { FastifyRequest } from 'fastify'
import type { WriteOptions } from '../../types.ts'
import type { Access } from '../access/access.ts'
import type { Answer } from './answer.ts'
import type { ServerContext } from './context.ts'
import type { Parameters } from './parameters.ts'

/** A JSON schema, as OpenAPI 3.1 has it; `{ $ref: 'Name#' }` names a component. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** One route: where it is, what it takes and answers, and what it does. */
export interface Route {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** As OpenAPI writes it: `/api/v2/tenants/{tenant_name}`. */
  url: string
  access: Access
  /** Unique; the name of the operation in generated clients. */
  id: string
  tag: string
  summary: string
  /** Query parameters. A route of ours refuses others; Chroma's ignore them, as Chroma does. */
  query?: Readonly<Record<string, JsonSchema>>
  /** Whether query parameters that are not declared are refused. */
  strict?: boolean
  /** The body as JSON; without it no body is read. */
  body?: JsonSchema
  /** Whether the body may be missing: then it is `{}`. */
  optionalBody?: boolean
  /** What success answers: its status, default 200, and the schema of its body. */
  success: { status?: number; description?: string; type?: string; schema?: JsonSchema }
  /** The statuses of errors beside those that every route can have. */
  errors?: readonly number[]
  /** Takes the write context in headers, and answers with the receipt in headers. */
  writes?: boolean
  /** The answer goes on for as long as the client listens. */
  endless?: boolean
  /** Its work takes as long as the store is large: no limit of time. Answers that go on have none either. */
  slow?: boolean
  handle(call: Call): Answer | Promise<Answer>
}

/** What a handler is given. */
export interface Call {
  server: ServerContext
  request: FastifyRequest
  /** Parameters in the path, decoded. */
  params: Readonly<Record<string, string>>
  query: Parameters
  /** The parsed body; `undefined` for routes that read none. */
  body: unknown
  /** Who writes, why, and under which conditions: from the request's headers. */
  write: WriteOptions
  /** Aborted when the client is gone, or the server stops. */
  signal: AbortSignal
}
