import { AnnalsError } from '../../errors.ts'
import { isLoopback } from '../configuration/server-options.ts'
import type { ServerPlugin } from './plugin.ts'

/**
 * Refuses requests for hosts with other names than `allowed` and those of this machine, whatever their port.
 *
 * A server without authentication that only this machine reaches is reached by the browsers of this machine too.
 * A page may have its own name lead to 127.0.0.1 after it was loaded; the browser then takes the server for the
 * page's own, and lets it read. Only the header `Host` still tells the name.
 */
export function hostGuard(allowed: readonly string[]): ServerPlugin {
  const names = new Set(allowed.map((name) => plainName(name)))
  return (app) => {
    app.addHook('onRequest', async ({ headers: { host } }) => {
      // Browsers always send it.
      if (host === undefined) return
      const name = plainName(host.replace(/:\d*$/, ''))
      if (isLoopback(name) || names.has(name)) return
      throw new AnnalsError('forbidden', `This server is not ${JSON.stringify(host)}.`, {
        fate: 'not_written',
        hint: 'Add the name to allowedHosts, or have callers authenticate.',
      })
    })
  }
}

/** In lower case, and an IPv6 address without its brackets. */
function plainName(host: string): string {
  return host.toLowerCase().replace(/^\[(.*)\]$/, '$1')
}
