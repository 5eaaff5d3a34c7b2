/**
 * What the server counts, for Prometheus. Names begin with `annals_`; those of the process itself (memory, event
 * loop, garbage collection) are prom-client's usual ones.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Subscription } from 'rxjs'
import type { StoreStats } from '../../client/api.ts'
import { type Env, systemEnv } from '../../env.ts'
import type { Store } from '../../store.ts'
import type { LoadGate } from './load-gate.ts'

/** What the figures are taken from. */
export interface MeasuredServer {
  store: Store
  stats: () => Promise<StoreStats>
  gate: LoadGate
  env?: Env
}

/** One answered request. */
export interface MeasuredRequest {
  method: string
  /** As it was declared, so that no id becomes a label. */
  route: string
  status: number
  seconds: number
}

/** From a millisecond to the limit of a minute. */
const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** The figures of one server: no two servers of a process share any. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #latencies: Histogram<'method' | 'route' | 'status'>
  readonly #commits: Subscription
  readonly #measured: MeasuredServer
  readonly #gauges: readonly StoreGauge[]

  constructor(measured: MeasuredServer) {
    this.#measured = measured
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry })
    this.#latencies = new Histogram({
      name: 'annals_http_request_duration_seconds',
      help: 'Time from the first byte of a request to the last one of its answer.',
      labelNames: ['method', 'route', 'status'],
      buckets: latencyBuckets,
      registers,
    })
    const commits = new Counter({
      name: 'annals_commits_total',
      help: 'Commits since the server started.',
      registers,
    })
    const operations = new Counter({
      name: 'annals_operations_total',
      help: 'Operation records since the server started.',
      labelNames: ['type'],
      registers,
    })
    this.#commits = measured.store.projector.commits.subscribe((records) => {
      for (const { position, type, commit } of records) {
        if (position === commit.first) commits.inc()
        operations.inc({ type })
      }
    })
    this.#gauges = storeGauges.map(({ name, help, labels, read }) => ({
      read,
      gauge: new Gauge({ name, help, labelNames: labels, registers }),
    }))
  }

  /** Notes one request that was answered, or left by its client. */
  answered({ method, route, status, seconds }: MeasuredRequest): void {
    this.#latencies.observe({ method, route, status: String(status) }, seconds)
  }

  /** All figures in Prometheus' text format. Throws `store_closed`. */
  async text(): Promise<string> {
    const { store, gate, env = systemEnv } = this.#measured
    const stats = await this.#measured.stats()
    const figures: Figures = { store, stats, gate, env }
    for (const { gauge, read } of this.#gauges)
      for (const [label, value] of Object.entries(read(figures)))
        if (label === '') gauge.set(value)
        else gauge.set(Object.fromEntries([[gaugeLabel, label]]), value)
    return this.#registry.metrics()
  }

  /** The media type of `text`. */
  get contentType(): string {
    return this.#registry.contentType
  }

  close(): void {
    this.#commits.unsubscribe()
    this.#registry.clear()
  }
}

interface Figures {
  store: Store
  stats: StoreStats
  gate: LoadGate
  env: Env
}

interface StoreGauge {
  gauge: Gauge
  read: (figures: Figures) => Record<string, number>
}

const gaugeLabel = 'part'

interface GaugeDeclaration {
  name: string
  help: string
  labels: string[]
  /** Values by label; the label `''` is none. */
  read: (figures: Figures) => Record<string, number>
}

function single(name: string, help: string, read: (figures: Figures) => number): GaugeDeclaration {
  return { name: `annals_${name}`, help, labels: [], read: (figures) => ({ '': read(figures) }) }
}

function parts(
  name: string,
  help: string,
  read: (figures: Figures) => Record<string, number>,
): GaugeDeclaration {
  return { name: `annals_${name}`, help, labels: [gaugeLabel], read }
}

function sum(stats: StoreStats, of: (collection: StoreStats['collections'][number]) => number): number {
  return stats.collections.reduce((total, collection) => total + of(collection), 0)
}

/** What is read when somebody asks. */
const storeGauges: readonly GaugeDeclaration[] = [
  single('log_head', 'Newest position of the operation log.', ({ stats }) => stats.head),
  single(
    'checkpoint_lag',
    'Operation records of the log that the tables have not applied yet.',
    ({ store }) => store.log.head - store.projector.position,
  ),
  single(
    'last_commit_timestamp_seconds',
    'When the newest commit was made.',
    ({ stats }) => stats.committedAt.getTime() / 1_000,
  ),
  single('collections', 'Live collections.', ({ stats }) => stats.collections.length),
  single('records', 'Live records.', ({ stats }) => sum(stats, ({ records }) => records)),
  single('segments', 'Sealed segments.', ({ stats }) => sum(stats, ({ sealedSegments }) => sealedSegments)),
  single('growing_vectors', 'Vectors that are not sealed yet.', ({ stats }) =>
    sum(stats, ({ growingVectors }) => growingVectors),
  ),
  single('sealing', 'Collections that are being sealed now.', ({ stats }) => stats.sealing),
  single('vector_memory_bytes', 'Memory of loaded vectors.', ({ stats }) => stats.vectorMemoryBytes),
  single('disk_free_bytes', 'Free space where the store lies; 0 for a store in memory.', ({ stats, env }) =>
    stats.path === null ? 0 : env.freeBytes(stats.path),
  ),
  parts('disk_bytes', 'Bytes on disk.', ({ stats }) => ({ ...stats.disk })),
  parts('http_in_progress', 'Requests and streams that are being worked on.', ({ gate }) => ({
    requests: gate.open('request'),
    streams: gate.open('stream'),
  })),
]
