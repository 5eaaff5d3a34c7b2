/**
 * A crowd on the server, on this machine alone: `node bench/server-load.js --seconds 60`. See docs/benchmarks.md.
 */
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Client } from 'undici'
import { PersistentClient } from '../dist/index.js'
import { Dataset, machine, megabytes, milliseconds, rate } from './harness.js'

const help = `Usage: node bench/server-load.js [options]

  --seconds <n>      how long (default 60, at most 3600)
  --connections <n>  each asks, waits for the answer, and asks again (default 200)
  --records <n>      records before it begins (default 5000)
  --dimension <n>    values in a vector (default 128)
  --help`

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    connections: { type: 'string', default: '200' },
    records: { type: 'string', default: '5000' },
    dimension: { type: 'string', default: '128' },
    help: { type: 'boolean', default: false },
  },
})

const database = '/api/v2/tenants/default_tenant/databases/default_database'

/** What a caller asks for: of a hundred requests so many. */
const mixture = { query: 45, 'query with a filter': 15, get: 20, count: 5, upsert: 9, add: 4, delete: 2 }

async function main() {
  const [seconds, connections, records, dimension] = ['seconds', 'connections', 'records', 'dimension'].map(
    wholeNumber,
  )
  const folder = mkdtempSync(join(tmpdir(), 'annals-load-'))
  const path = join(folder, 'data')
  const data = new Dataset({ records, dimension })
  try {
    const server = await startServer(path)
    const { date, node, processor, memory } = machine()
    console.log(`${connections} connections, ${seconds} s, ${records} records, ${dimension} dimensions`)
    console.log(`${date} UTC, Node ${node}, ${processor}, ${memory}\n`)
    // One connection for each: a pool of them would let some wait while others are served again and again.
    const callers = Array.from({ length: connections }, () => new Client(server.url))
    const crowd = new Crowd(callers, data, await prepared(callers[0], data))
    // Node accepts one connection in a turn of its loop: beside answers that take time, most would wait at the door.
    for (const caller of callers) await asked(caller, 'GET', '/api/v2/heartbeat')
    // What is built of the first records is not part of the load.
    await setTimeout(3_000)
    server.samples.length = 0
    const startedAt = performance.now()
    await crowd.ask(startedAt + seconds * 1_000)
    const elapsedMs = performance.now() - startedAt
    await setTimeout(1_100)
    report(crowd, server.samples, elapsedMs)
    await Promise.all(callers.map((caller) => caller.close()))
    await server.stop()
    await verified(path)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Starts the server in a process of its own; `samples` fill as it goes. */
async function startServer(path) {
  const child = fork(new URL('./server-under-load.js', import.meta.url), [path])
  const samples = []
  const url = await new Promise((resolve, reject) => {
    child.on('message', (message) => ('url' in message ? resolve(message.url) : samples.push(message)))
    child.on('exit', (code) => reject(new Error(`the server ended with code ${code}`)))
  })
  const ended = new Promise((resolve) => child.on('exit', resolve))
  const stop = () => {
    child.send('stop')
    return ended
  }
  return { url, samples, stop }
}

/** The path of a collection that holds all records. */
async function prepared(caller, data) {
  const { id } = await asked(caller, 'POST', `${database}/collections`, { name: 'load' })
  const collection = `${database}/collections/${id}`
  for (let from = 0; from < data.records; from += 500)
    await asked(caller, 'POST', `${collection}/add`, columns(data, from, from + 500))
  return collection
}

function columns(data, from, to) {
  const { embeddings, ...others } = data.columns(from, to)
  return { ...others, embeddings: embeddings.map((vector) => Array.from(vector)) }
}

async function asked(caller, method, path, body) {
  const { statusCode, body: answer } = await caller.request({
    method,
    path,
    headers: { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  const text = await answer.text()
  if (statusCode >= 300) throw new Error(`${statusCode} ${text.slice(0, 200)}`)
  return JSON.parse(text)
}

/** Many callers, each with one request at a time. */
class Crowd {
  /** Milliseconds of every answer, by what was asked. */
  latencies = Object.fromEntries(Object.keys(mixture).map((name) => [name, []]))
  errors = []
  #callers
  #data
  #collection
  #added = 0

  constructor(callers, data, collection) {
    this.#callers = callers
    this.#data = data
    this.#collection = collection
  }

  async ask(untilMs) {
    await Promise.all(
      this.#callers.map(async (caller) => {
        while (performance.now() < untilMs) await this.#askOnce(caller, this.#chosen())
      }),
    )
  }

  #chosen() {
    let ticket = Math.random() * 100
    for (const [name, share] of Object.entries(mixture)) {
      ticket -= share
      if (ticket < 0) return name
    }
    return 'query'
  }

  async #askOnce(caller, name) {
    const startedAt = performance.now()
    try {
      const [method, call, body] = this.#request(name)
      await asked(caller, method, `${this.#collection}/${call}`, body)
      this.latencies[name].push(performance.now() - startedAt)
    } catch (error) {
      this.errors.push(`${name}: ${error.message}`)
    }
  }

  #request(name) {
    const data = this.#data
    const at = Math.floor(Math.random() * (data.records - 10))
    const query = () => ({ query_embeddings: [Array.from(data.near())], n_results: 10 })
    switch (name) {
      case 'query':
        return ['POST', 'query', query()]
      case 'query with a filter':
        return ['POST', 'query', { ...query(), where: { topic: `topic-${at % 50}` } }]
      case 'get':
        return ['POST', 'get', { ids: [data.id(at), data.id(at + 1)] }]
      case 'count':
        return ['GET', 'count', undefined]
      case 'upsert':
        return ['POST', 'upsert', columns(data, at, at + 10)]
      case 'add': {
        const ids = Array.from({ length: 10 }, () => `added-${this.#added++}`)
        return ['POST', 'add', { ...columns(data, at, at + 10), ids }]
      }
      case 'delete':
        return ['POST', 'delete', { ids: [`added-${Math.floor(Math.random() * this.#added)}`] }]
    }
  }
}

function report({ latencies, errors }, samples, elapsedMs) {
  const row = (cells) =>
    console.log(`| ${cells.map((cell, at) => String(cell).padEnd(at === 0 ? 20 : 9)).join(' | ')} |`)
  row(['asked for', 'rate', 'median', '95 %', '99 %', 'longest'])
  row(['-'.repeat(20), ...Array(5).fill('-'.repeat(9))])
  for (const [name, values] of [['all', Object.values(latencies).flat()], ...Object.entries(latencies)]) {
    const sorted = Float64Array.from(values).sort()
    const at = (share) =>
      milliseconds(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)
    row([name, rate((sorted.length / elapsedMs) * 1_000), at(0.5), at(0.95), at(0.99), at(1)])
  }
  console.log(`\nerrors: ${errors.length}${errors.length > 0 ? `, first: ${errors[0]}` : ''}`)
  const stalls = samples.map(({ stallMs }) => stallMs).sort((a, b) => a - b)
  const over = stalls.filter((ms) => ms > 50).length
  const p99 = Math.max(...samples.map(({ p99Ms }) => p99Ms))
  const median = stalls[stalls.length >> 1] ?? 0
  console.log(
    `event loop of the server: longest stall ${milliseconds(stalls.at(-1) ?? 0)}, median of each second's longest ${milliseconds(median)}, seconds with one over 50 ms: ${over} of ${stalls.length}; 99th percentile at worst ${milliseconds(p99)}`,
  )
  const own = samples.map(({ ownMs }) => ownMs).sort((a, b) => a - b)
  if (own[0] !== null && own.length > 0)
    console.log(
      `the same without the time that its thread waited for a core: longest ${milliseconds(own.at(-1))}, median of each second's longest ${milliseconds(own[own.length >> 1])}, seconds with one over 50 ms: ${own.filter((ms) => ms > 50).length}`,
    )
  console.log(
    `longest garbage collection: ${milliseconds(Math.max(...samples.map(({ collectingMs }) => collectingMs)))}`,
  )
  const picked = samples.filter((_, at) => at % Math.max(1, Math.floor(samples.length / 6)) === 0)
  for (const name of ['rss', 'heapUsed', 'arrayBuffers'])
    console.log(`${name}: ${picked.map((sample) => megabytes(sample[name])).join(', ')}`)
}

async function verified(path) {
  const client = new PersistentClient({ path })
  const { ok, findings, checked } = await client.verify({ level: 'full' })
  await client.close()
  console.log(
    `\nverify, level full: ${ok ? 'clean' : JSON.stringify(findings)}, ${checked?.operations ?? '?'} operation records`,
  )
  if (!ok) process.exitCode = 1
}

function wholeNumber(name) {
  const value = Number(options[name])
  const max = name === 'seconds' ? 3_600 : 1_000_000
  if (Number.isInteger(value) && value > 0 && value <= max) return value
  throw new Error(`--${name}: must be a whole number from 1 to ${max}`)
}

if (options.help) console.log(help)
else await main()
