// The server of `bench/server-load.js`, in a process of its own: tells every second how it fares.
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { serve } from '../dist/server/index.js'

const server = await serve({ path: process.argv[2], port: 0 })
const resolutionMs = 2
const delays = monitorEventLoopDelay({ resolution: resolutionMs })
delays.enable()
let collectingMs = 0
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) collectingMs = Math.max(collectingMs, duration)
}).observe({ entryTypes: ['gc'] })

const told = setInterval(() => {
  const { rss, heapUsed, arrayBuffers, external } = process.memoryUsage()
  process.send({
    stallMs: Math.max(0, delays.max / 1e6 - resolutionMs),
    p99Ms: Math.max(0, delays.percentile(99) / 1e6 - resolutionMs),
    collectingMs,
    cpu: process.cpuUsage(),
    rss,
    heapUsed,
    arrayBuffers,
    external,
  })
  delays.reset()
  collectingMs = 0
}, 1_000)

process.on('message', async () => {
  clearInterval(told)
  await server.close()
  process.disconnect()
})
process.send({ url: server.url })
