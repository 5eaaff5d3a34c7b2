import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * Throws what listening would throw, such as EADDRINUSE: asked before a store is opened, so that none is made for
 * a server that cannot start.
 */
export async function probePort(host: string, port: number): Promise<void> {
  const server = createServer()
  try {
    await once(server.listen({ host, port }), 'listening')
  } finally {
    server.close()
  }
  await once(server, 'close')
}
