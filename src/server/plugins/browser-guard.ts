import cors from '@fastify/cors'
import { AnnalsError } from '../../errors.ts'
import type { ServerPlugin } from './plugin.ts'

/** Headers of answers that pages may read beside the usual ones. */
const exposedHeaders = [
  'X-Request-Id',
  'X-Annals-Position',
  'X-Annals-Committed-At',
  'X-Annals-Count',
  'X-Annals-As-Of',
  'X-Annals-From',
  'X-Annals-To',
  'X-Annals-Version',
  'Retry-After',
]
const harmless = ['GET', 'HEAD', 'OPTIONS']

/**
 * What pages in a browser may do. Pages of the listed origins (`*`: all) may call the server. Others may not: they
 * read no answer, for want of CORS headers, and a request of theirs that could change something is refused. A
 * browser sends some of them without asking first, with the password that it remembers or from behind a firewall.
 */
export function browserGuard(origins: readonly string[]): ServerPlugin {
  return async (app) => {
    if (origins.length > 0)
      await app.register(cors, {
        origin: origins.includes('*') ? '*' : [...origins],
        exposedHeaders,
        methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
        maxAge: 600,
        strictPreflight: false,
      })
    app.addHook('onRequest', async ({ method, headers: { origin, host } }) => {
      if (origin === undefined || harmless.includes(method)) return
      if (origins.includes('*') || origins.includes(origin) || isOwn(origin, host)) return
      throw new AnnalsError('forbidden', `Pages of ${JSON.stringify(origin)} may not call this server.`, {
        fate: 'not_written',
        hint: 'Add the origin to corsOrigins.',
      })
    })
  }
}

/** Whether a page came from this very server. */
function isOwn(origin: string, host: string | undefined): boolean {
  return host !== undefined && (origin === `http://${host}` || origin === `https://${host}`)
}
