import type { LoadGate } from '../operation/load-gate.ts'
import type { ServerPlugin } from './plugin.ts'

/** Where the figures are; they are wanted most when there is much to do. */
const metricsUrl = '/metrics'

/**
 * Every request passes the gate, except those that a server in trouble must answer all the same: what is public
 * (signs of life, documents) and the figures.
 */
export function admission(gate: LoadGate): ServerPlugin {
  return (app) => {
    app.addHook('onRequest', async (request, reply) => {
      const { access, stream, url } = request.routeOptions.config
      if (request.is404 || access === 'public' || url === metricsUrl) return
      const place = gate.place(stream === true ? 'stream' : 'request')
      // Whatever becomes of the answer, even when the client goes away: its end is this event.
      reply.raw.once('close', place.hold())
      // Whoever works for it holds it, too.
      request.place = place
    })
  }
}
