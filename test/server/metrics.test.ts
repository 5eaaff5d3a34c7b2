import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { PersistentClient } from '../../src/client/persistent-client.ts'
import { LoadGate } from '../../src/server/operation/load-gate.ts'
import { Metrics } from '../../src/server/operation/metrics.ts'

const path = mkdtempSync(join(tmpdir(), 'annals-metrics-'))
const client = new PersistentClient({ path })
afterAll(async () => {
  await client.close()
  rmSync(path, { recursive: true, force: true })
})

/** The value of one figure, by its name with labels. */
function figure(text: string, name: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1) ?? Number.NaN)
}

test('the figures follow the store, the requests and the gate', async () => {
  const gate = new LoadGate({ concurrentRequests: 8, openStreams: 8 })
  const metrics = new Metrics({ store: await client.store(), stats: () => client.stats(), gate })
  const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
  await notes.add({ ids: ['a', 'b'], embeddings: [[1], [2]] })
  await notes.delete({ ids: ['a'] })
  gate.place('request').hold()
  metrics.answered({ method: 'GET', route: '/api/v2/heartbeat', status: 200, seconds: 0.002 })
  metrics.answered({ method: 'GET', route: '/api/v2/heartbeat', status: 200, seconds: 3 })
  const text = await metrics.text()
  const { head, disk } = await client.stats()
  expect({
    commits: figure(text, 'annals_commits_total'),
    adds: figure(text, 'annals_operations_total{type="add"}'),
    deletes: figure(text, 'annals_operations_total{type="delete"}'),
    head: figure(text, 'annals_log_head'),
    lag: figure(text, 'annals_checkpoint_lag'),
    records: figure(text, 'annals_records'),
    collections: figure(text, 'annals_collections'),
    growing: figure(text, 'annals_growing_vectors'),
    segments: figure(text, 'annals_segments'),
    requests: figure(text, 'annals_http_in_progress{part="requests"}'),
  }).toEqual({
    commits: 3,
    adds: 2,
    deletes: 1,
    head,
    lag: 0,
    records: 1,
    collections: 1,
    growing: 2,
    segments: 0,
    requests: 1,
  })
  expect(figure(text, 'annals_disk_bytes{part="metadata"}')).toBe(disk.metadata)
  expect(figure(text, 'annals_disk_free_bytes')).toBeGreaterThan(0)
  expect(figure(text, 'process_resident_memory_bytes')).toBeGreaterThan(1_000_000)
  expect(text).toContain('nodejs_eventloop_lag_seconds')
  const bucket =
    'annals_http_request_duration_seconds_bucket{le="0.0025",method="GET",route="/api/v2/heartbeat",status="200"}'
  expect(figure(text, bucket)).toBe(1)
  metrics.close()
})
