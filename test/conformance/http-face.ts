/** The suite over HTTP: a server over a real folder, and an `HttpClient` for it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HttpClient } from '../../src/index.ts'
import { type RunningServer, serve } from '../../src/server/index.ts'
import { Relay } from '../http/relay.ts'
import type { Face, OpenOptions, Place } from './fixture.ts'

export const overHttp: Face = { name: 'HttpClient', place: () => servedPlace() }

/** A server that starts when the first client is made; clients reach it through a relay, whose port is known before. */
function servedPlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'annals-http-'))
  const relay = new Relay()
  const clients: HttpClient[] = []
  let starting: Promise<RunningServer> | null = null
  const start = ({ env, memoryBudgetBytes }: OpenOptions): Promise<RunningServer> => {
    const path = join(folder, 'store')
    const given = {
      ...(env !== undefined && { env }),
      ...(memoryBudgetBytes !== undefined && { memoryBudgetBytes }),
    }
    return serve({ path, port: 0, ...given })
  }
  return {
    isShared: true,
    open: (options = {}) => {
      starting ??= start(options)
      relay.target = starting.then(({ port }) => port)
      const { tenant, database } = options
      const scope = { ...(tenant !== undefined && { tenant }), ...(database !== undefined && { database }) }
      const client = new HttpClient({ host: '127.0.0.1', port: relay.port, ...scope })
      clients.push(client)
      return client
    },
    dispose: async () => {
      for (const client of clients) await client.close()
      const server = await starting?.catch(() => null)
      await server?.close()
      await relay.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
