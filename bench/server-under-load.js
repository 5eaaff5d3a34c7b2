// The server of `bench/server-load.js`, in a process of its own: tells every second how it fares.
import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import { serve } from '../dist/server/index.js'

const server = await serve({ path: process.argv[2], port: 0 })
const resolutionMs = 2
const delays = monitorEventLoopDelay({ resolution: resolutionMs })
delays.enable()
let collectingMs = 0

/** Of a stall, the time that this thread did not wait for a core; `null` where the system does not tell. */
const coreMs = { worst: waitedMs() === null ? null : 0 }
const tickMs = 5
let before = { at: performance.now(), waited: waitedMs() ?? 0 }
setInterval(() => {
  const now = { at: performance.now(), waited: waitedMs() ?? 0 }
  const lateMs = now.at - before.at - tickMs - (now.waited - before.waited)
  if (coreMs.worst !== null) coreMs.worst = Math.max(coreMs.worst, lateMs)
  before = now
}, tickMs).unref()

/** How long the main thread has been ready and without a core, since it began. */
function waitedMs() {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6
  } catch {
    return null
  }
}

new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) collectingMs = Math.max(collectingMs, duration)
}).observe({ entryTypes: ['gc'] })

const told = setInterval(() => {
  const { rss, heapUsed, arrayBuffers, external } = process.memoryUsage()
  process.send({
    stallMs: Math.max(0, delays.max / 1e6 - resolutionMs),
    p99Ms: Math.max(0, delays.percentile(99) / 1e6 - resolutionMs),
    ownMs: coreMs.worst,
    collectingMs,
    cpu: process.cpuUsage(),
    rss,
    heapUsed,
    arrayBuffers,
    external,
  })
  delays.reset()
  collectingMs = 0
  if (coreMs.worst !== null) coreMs.worst = 0
}, 1_000)

process.on('message', async () => {
  clearInterval(told)
  await server.close()
  process.disconnect()
})
process.send({ url: server.url })
