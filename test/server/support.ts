import { afterAll, afterEach } from 'vitest'
import type { ServerOptions } from '../../src/server/configuration/server-options.ts'
import { type RunningServer, serve } from '../../src/server/serve.ts'

const running: Record<'test' | 'file', RunningServer[]> = { test: [], file: [] }

/** Starts a server on a free port, in memory unless told otherwise; it stops with the test, or with the file. */
export async function startServer(
  options: ServerOptions = {},
  stopsWith: 'test' | 'file' = 'test',
): Promise<RunningServer> {
  const server = await serve({ ...(options.path === undefined && { ephemeral: true }), port: 0, ...options })
  running[stopsWith].push(server)
  return server
}

async function stopAll(servers: RunningServer[]): Promise<void> {
  for (const server of servers.splice(0)) await server.close()
}

afterEach(() => stopAll(running.test))
afterAll(() => stopAll(running.file))

export const databasePath = '/api/v2/tenants/default_tenant/databases/default_database'

/** One answer, read whole. */
export interface Answered {
  status: number
  headers: Headers
  text: string
  /** The text as JSON; throws when it is none. */
  json: () => never
}

/** A body that is a string goes out as it is, everything else as JSON. */
export async function call(
  server: RunningServer,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const answer = await fetch(server.url + path, {
    method,
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, text, json: () => JSON.parse(text) as never }
}

/** Creates a collection and answers its path. */
export async function newCollection(
  server: RunningServer,
  payload: Record<string, unknown> = { name: 'notes' },
  database: string = databasePath,
): Promise<string> {
  const answer = await call(server, 'POST', `${database}/collections`, payload)
  if (answer.status !== 200) throw new Error(answer.text)
  return `${database}/collections/${(answer.json() as { id: string }).id}`
}
