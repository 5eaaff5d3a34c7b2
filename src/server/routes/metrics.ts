import { notImplemented } from '../http/http-error.ts'
import type { Route } from '../http/route.ts'

/** What Prometheus asks for. */
export const metricsRoutes: readonly Route[] = [
  {
    method: 'GET',
    url: '/metrics',
    access: { role: 'admin', scope: 'store' },
    id: 'metrics',
    tag: 'System',
    summary: "The server's figures, in Prometheus' text format.",
    success: { type: 'text/plain', schema: { type: 'string' } },
    errors: [501],
    handle: async ({ server: { metrics } }) => {
      if (metrics === null) throw notImplemented('This server measures nothing')
      return { type: metrics.contentType, body: await metrics.text() }
    },
  },
]
