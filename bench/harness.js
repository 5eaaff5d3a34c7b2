/**
 * What every workload needs: seeded data, clocks, medians, and the table that is printed in the end.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'

const require = createRequire(import.meta.url)

/** A generator of numbers in [0, 1), the same for the same seed (mulberry32). */
export function seeded(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const words = 'river stone ledger harbor winter copper garden letter signal mirror thread autumn'.split(' ')
/** Distance of vectors from the centre of their cluster, measured in distances between centres. */
const spread = 0.5
const clusterCount = 50

/** Clustered vectors with documents of a hundred characters and three metadata keys; the same for one seed. */
export class Dataset {
  constructor({ records, dimension, seed = 1 }) {
    this.records = records
    this.dimension = dimension
    this.random = seeded(seed)
    this.centres = Array.from({ length: clusterCount }, () => this.#noise(1))
    this.vectors = []
    this.clusters = new Uint8Array(records)
    this.shares = new Uint16Array(records)
    for (let index = 0; index < records; index++) {
      this.clusters[index] = Math.floor(this.random() * clusterCount)
      this.shares[index] = Math.floor(this.random() * 1000)
      this.vectors.push(this.near(this.clusters[index]))
    }
  }

  /** A new vector of a cluster: by default one of any cluster. */
  near(cluster = Math.floor(this.random() * clusterCount)) {
    const vector = this.#noise(spread)
    const centre = this.centres[cluster]
    for (let i = 0; i < vector.length; i++) vector[i] += centre[i]
    return vector
  }

  queries(count) {
    return Array.from({ length: count }, () => this.near())
  }

  id(index) {
    return `record-${String(index).padStart(7, '0')}`
  }

  document(index) {
    let text = `${this.id(index)}:`
    for (let word = index; text.length < 100; word = Math.imul(word, 31) + 7)
      text += ` ${words[(word >>> 3) % words.length]}`
    return text.slice(0, 100)
  }

  metadata(index) {
    const share = this.shares[index]
    return { topic: `topic-${this.clusters[index]}`, share, score: (share + 0.5) / 1000 }
  }

  /** Columns for `add`, `update` and `upsert`. */
  columns(from, to) {
    const indexes = Array.from({ length: Math.min(to, this.records) - from }, (_, at) => from + at)
    return {
      ids: indexes.map((index) => this.id(index)),
      embeddings: indexes.map((index) => this.vectors[index]),
      documents: indexes.map((index) => this.document(index)),
      metadatas: indexes.map((index) => this.metadata(index)),
    }
  }

  // The sum of four uniform numbers is as good as normal here.
  #noise(scale) {
    const { random } = this
    const factor = scale * Math.sqrt(3)
    return Float32Array.from(
      { length: this.dimension },
      () => factor * (random() + random() + random() + random() - 2),
    )
  }
}

/** Indexes of the k nearest vectors by squared distance, of those that `admits` accepts. */
export function exactNearest(vectors, query, k, admits = () => true) {
  const nearest = []
  let worst = Number.POSITIVE_INFINITY
  for (let index = 0; index < vectors.length; index++) {
    if (!admits(index)) continue
    const vector = vectors[index]
    let distance = 0
    for (let i = 0; i < query.length; i++) {
      const difference = query[i] - vector[i]
      distance += difference * difference
    }
    if (distance >= worst) continue
    nearest.push({ index, distance })
    nearest.sort((a, b) => a.distance - b.distance)
    if (nearest.length > k) nearest.pop()
    if (nearest.length === k) worst = nearest[k - 1].distance
  }
  return nearest.map(({ index }) => index)
}

/** The share of what should have been found that was found. */
export function recall(expected, found) {
  if (expected.length === 0) return 1
  const ids = new Set(found)
  return expected.filter((id) => ids.has(id)).length / expected.length
}

export async function timed(work) {
  const start = performance.now()
  const result = await work()
  return { ms: performance.now() - start, result }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * Runs several kinds of work by turns, so that a noisy moment of the machine meets all of them, and answers for
 * each the median of what a round of `times` took per call, in ms.
 */
export async function sideBySide(works, { rounds, times }) {
  const names = Object.keys(works)
  const samples = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++)
    for (const name of names) {
      const { ms } = await timed(async () => {
        for (let time = 0; time < times; time++) await works[name](round * times + time)
      })
      samples[name].push(ms / times)
    }
  return Object.fromEntries(names.map((name) => [name, median(samples[name])]))
}

/** The longest time for which the event loop stood still while `work` ran. */
export async function watchingStalls(work) {
  const resolutionMs = 2
  const delays = monitorEventLoopDelay({ resolution: resolutionMs })
  delays.enable()
  const outcome = await timed(work)
  // A stall is only noted by the timer that comes too late for it.
  await setTimeout(5 * resolutionMs)
  delays.disable()
  const stallMs = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - resolutionMs)
  return { ...outcome, maxMs: stallMs(delays.max), p99Ms: stallMs(delays.percentile(99)) }
}

export function bytesBelow(path) {
  const found = statSync(path)
  if (!found.isDirectory()) return found.size
  return readdirSync(path).reduce((sum, name) => sum + bytesBelow(join(path, name)), 0)
}

/** Where the figures were taken: they compare only with others of the same machine. */
export function machine() {
  const processors = cpus()
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    node: process.version,
    processor: `${processors.length} × ${processors[0]?.model.trim() ?? 'unknown'}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    hnswlib: hnswlibBuild(),
  }
}

/** hnswlib chooses its instructions when it is compiled, and they decide how fast a distance is. */
function hnswlibBuild() {
  const manifest = require.resolve('hnswlib-node/package.json')
  const binary = readFileSync(join(dirname(manifest), 'build', 'Release', 'addon.node'))
  const instructions = ['AVX512', 'AVX', 'SSE'].find((name) => binary.includes(`SIMD16Ext${name}`))
  return `hnswlib-node ${require(manifest).version}, ${instructions ?? 'instructions unknown'}`
}

export function rate(perSecond) {
  return `${perSecond >= 100 ? Math.round(perSecond).toLocaleString('en-US') : perSecond.toFixed(1)}/s`
}

export function milliseconds(ms) {
  return `${ms >= 100 ? Math.round(ms) : ms.toFixed(ms >= 10 ? 1 : 2)} ms`
}

export function megabytes(bytes) {
  return `${Math.round(bytes / 2 ** 20)} MiB`
}

/** Memory of this process that is no mapped file: LevelDB maps its tables, which the system may drop again. */
export function anonymousBytes() {
  try {
    return 1024 * Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1])
  } catch {
    return process.memoryUsage.rss()
  }
}

/**
 * The rows of figures as a Markdown table.
 * A figure: `{ name, value, baseline?, ratio?, recall?, target?, note? }`; the texts are ready to be printed.
 */
export function table(figures) {
  const head = ['workload', 'annals', 'baseline', 'ratio', 'recall', 'target']
  const rows = figures.map(({ name, value, baseline = '', ratio, recall: found, target = '' }) => [
    name,
    value,
    baseline,
    ratio === undefined ? '' : ratio.toFixed(2),
    found === undefined ? '' : found.toFixed(3),
    target,
  ])
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((cells) => cells[column].length)),
  )
  const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [line(head), rule, ...rows.map(line)].join('\n')
}
