import type { FastifyInstance } from 'fastify'
import type { ServerContext } from '../http/context.ts'

/** Adds hooks or routes to the application before its own routes are registered. */
export type ServerPlugin = (app: FastifyInstance, context: ServerContext) => Promise<void> | void
