/**
 * Builds sealed segments in worker threads: `buildSegment` one, `SegmentBuilders` many under a limit.
 *
 * Invariants of `SegmentBuilders`:
 * - At most `maxWorkers` builds run, and of one collection at most its `numThreads`.
 * - Builds of one collection start in the order of their calls. A collection that was served goes to the back,
 *   so none waits for another's whole queue.
 * - While any build waits, one runs; so who keeps the running ones alive keeps them all alive.
 * - A build in flight does not keep the process alive by itself: what it would have made can be made again from
 *   the log. `idle`, `close` and `retain` keep the process alive, because someone waits.
 *
 * No worker is ever terminated: when its thread is stopped inside a call, hnswlib-node takes the whole process
 * with it. Builds are asked to stop, and a process that ends waits until they have left hnswlib.
 */
import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { AnnalsError, messageOf } from '../../errors.ts'
import { temporarySuffix } from '../../files.ts'
import type { Space } from '../../types.ts'

/** One segment to build. */
export interface SegmentBuild {
  /**
   * Prepared vectors, row after row, on a `SharedArrayBuffer`, whose first `count` rows must not change. Or a
   * source of them in blocks, of which the worker takes one after the other: then no matrix is ever in memory.
   */
  matrix: Float32Array | RowSource
  dimension: number
  space: Space
  /** No label is below it. */
  firstLabel: number
  count: number
  /** The label of each row, ascending; default: row i has the label `firstLabel + i`. */
  labels?: Uint32Array
  /** From 2 to 10,000: what hnswlib can do. */
  maxNeighbors: number
  efConstruction: number
  /** Absolute path. A file that is there is replaced. */
  file: string
  /** Ends the build; the promise is then rejected with the signal's reason. */
  signal?: AbortSignal
}

/**
 * Blocks of prepared vectors, row after row, on a `SharedArrayBuffer`. A block has been used when the next one is
 * asked for, so one buffer does for all of them.
 */
export type RowSource = () => AsyncIterator<Float32Array>

/** What was built, for the manifest. */
export interface BuiltSegment {
  bytes: number
  /** SHA-256 of the file. */
  digest: Buffer
}

/** How a build stands in line. */
export interface BuildPlace {
  /** Whose build it is: a collection's id. */
  collection: string
  /** Builds of this collection that may run at once. */
  numThreads: number
}

/** What the worker is given. */
export interface SegmentTask extends Omit<SegmentBuild, 'matrix' | 'labels' | 'signal'> {
  /** `null`: the worker asks for blocks of rows. */
  matrix: Float32Array | null
  labels: Uint32Array | null
  /** All labels lie below it. */
  nextLabel: number
  /** Shared with the worker; `control` names its fields. */
  control: Int32Array
}

/** Fields of a task's shared control words. */
export const control = {
  /** 1: the build shall stop. Set by the builder, seen by the worker. */
  stop: 0,
  /** 1 from the start until the worker calls hnswlib no more. Cleared by the worker. */
  inGraph: 1,
} as const

/** How long an ending process waits for builds to leave hnswlib: much longer than one insertion takes. */
const exitWaitMs = 5_000

/** What the worker says: that it wants the next block of rows, or, at the end, how it went. */
export type SegmentMessage = 'next' | SegmentReply

/** What the worker answers in the end. */
export type SegmentReply = { bytes: number; digest: Uint8Array } | { reason: string }

/**
 * Builds the segment's graph in a worker thread, and writes it so that it is durable when the promise is
 * fulfilled. On one machine the same vectors and parameters give the same bytes.
 *
 * Whatever goes wrong is an `AnnalsError` with the code `segment_damaged`, and leaves no file behind; only when
 * the last step failed, the fsync of the folder, the file stands there, sound but not surely durable.
 */
export function buildSegment(build: SegmentBuild): Promise<BuiltSegment> {
  return runBuild(build, build.signal, () => {})
}

interface Line {
  /** Each lets one waiting build go. */
  readonly waiting: (() => void)[]
  running: number
  numThreads: number
}

/** Runs builds in worker threads, as many at once as there are cores for them. */
export class SegmentBuilders {
  readonly #maxWorkers: number
  /** By collection, in the order in which they are served. */
  readonly #lines = new Map<string, Line>()
  readonly #unfinished = new Map<AbortController, Promise<unknown>>()
  readonly #workers = new Set<Worker>()
  #running = 0
  #retained = 0
  #closed = false

  constructor(options: { maxWorkers?: number } = {}) {
    this.#maxWorkers = Math.max(1, options.maxWorkers ?? availableParallelism())
  }

  /** `buildSegment`, as soon as it is this build's turn. */
  build(build: SegmentBuild, place: BuildPlace): Promise<BuiltSegment> {
    if (this.#closed) return Promise.reject(storeClosed())
    const ending = new AbortController()
    const built = this.#run(build, place, ending)
    this.#unfinished.set(ending, built)
    return built
  }

  /** Until the answer is called, builds keep the process alive. */
  retain(): () => void {
    if (this.#retained++ === 0) for (const worker of this.#workers) worker.ref()
    let released = false
    return () => {
      if (released) return
      released = true
      if (--this.#retained === 0) for (const worker of this.#workers) worker.unref()
    }
  }

  /** Waits until no build runs or waits. Failed builds are no error here: their callers know. */
  async idle(): Promise<void> {
    const release = this.retain()
    try {
      while (this.#unfinished.size > 0) await Promise.allSettled(this.#unfinished.values())
    } finally {
      release()
    }
  }

  /** Takes no more builds, and ends those that run or wait, or with `finish` completes them. */
  async close(options: { finish?: boolean } = {}): Promise<void> {
    this.#closed = true
    if (options.finish !== true) for (const ending of this.#unfinished.keys()) ending.abort(storeClosed())
    await this.idle()
  }

  async #run(build: SegmentBuild, place: BuildPlace, ending: AbortController): Promise<BuiltSegment> {
    const end = (): void => ending.abort(build.signal?.reason)
    build.signal?.addEventListener('abort', end, { once: true })
    if (build.signal?.aborted) end()
    try {
      await this.#turn(place, ending.signal)
      return await runBuild(build, ending.signal, (worker) => this.#enlist(worker)).finally(() =>
        this.#leave(place.collection),
      )
    } finally {
      build.signal?.removeEventListener('abort', end)
      this.#unfinished.delete(ending)
    }
  }

  /** Fulfilled when a worker is free for this build, which then counts as running; rejected on the signal. */
  #turn(place: BuildPlace, signal: AbortSignal): Promise<void> {
    const line = this.#lines.get(place.collection) ?? { waiting: [], running: 0, numThreads: 1 }
    this.#lines.set(place.collection, line)
    line.numThreads = Math.max(1, place.numThreads)
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener('abort', stepOut)
        resolve()
      }
      const stepOut = (): void => {
        line.waiting.splice(line.waiting.indexOf(go), 1)
        this.#forget(place.collection)
        reject(signal.reason)
      }
      line.waiting.push(go)
      if (signal.aborted) return stepOut()
      signal.addEventListener('abort', stepOut, { once: true })
      this.#serve()
    })
  }

  #serve(): void {
    while (this.#running < this.#maxWorkers) {
      const next = this.#nextToServe()
      if (next === undefined) return
      const [collection, line] = next
      this.#lines.delete(collection)
      this.#lines.set(collection, line)
      this.#running++
      line.running++
      line.waiting.shift()?.()
    }
  }

  #nextToServe(): [string, Line] | undefined {
    for (const entry of this.#lines)
      if (entry[1].waiting.length > 0 && entry[1].running < entry[1].numThreads) return entry
    return undefined
  }

  #leave(collection: string): void {
    this.#running--
    this.#lines.get(collection)!.running--
    this.#forget(collection)
    this.#serve()
  }

  #forget(collection: string): void {
    const line = this.#lines.get(collection)!
    if (line.running === 0 && line.waiting.length === 0) this.#lines.delete(collection)
  }

  #enlist(worker: Worker): void {
    this.#workers.add(worker)
    worker.once('exit', () => this.#workers.delete(worker))
    if (this.#retained === 0) worker.unref()
  }
}

async function runBuild(
  build: SegmentBuild,
  signal: AbortSignal | undefined,
  enlist: (worker: Worker) => void,
): Promise<BuiltSegment> {
  signal?.throwIfAborted()
  const reason = unbuildable(build)
  if (reason !== null) throw buildFailed(build.file, reason)
  let reply: SegmentReply
  try {
    const rows = typeof build.matrix === 'function' ? build.matrix() : null
    reply = await replyOf(taskOf(build), rows, signal, enlist)
  } catch (error) {
    // The worker died and could not clean up.
    await rm(build.file + temporarySuffix, { force: true }).catch(() => {})
    throw buildFailed(build.file, messageOf(error), error)
  }
  if ('reason' in reply) {
    signal?.throwIfAborted()
    throw buildFailed(build.file, reply.reason)
  }
  return { bytes: reply.bytes, digest: Buffer.from(reply.digest) }
}

/** What hnswlib would answer with a crash, or structured cloning with a copy of all vectors. */
function unbuildable(build: SegmentBuild): string | null {
  const { matrix, count, dimension, labels, maxNeighbors } = build
  if (!(count >= 1 && dimension >= 1)) return `${count} vectors of ${dimension} values are no segment`
  if (typeof matrix !== 'function') {
    if (!(matrix.buffer instanceof SharedArrayBuffer)) return 'its vectors are not on a SharedArrayBuffer'
    if (matrix.length < count * dimension) return `${matrix.length} values are too few for ${count} vectors`
  }
  if (labels !== undefined && labels.length !== count) return `${count} vectors with ${labels.length} labels`
  if (!(maxNeighbors >= 2 && maxNeighbors <= 10_000)) return `no graph has ${maxNeighbors} neighbors a node`
  return null
}

function taskOf(build: SegmentBuild): SegmentTask {
  const { matrix, dimension, space, firstLabel, count, labels, maxNeighbors, efConstruction, file } = build
  const nextLabel = labels === undefined ? firstLabel + count : labels[count - 1]! + 1
  const words = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT))
  words[control.inGraph] = 1
  const task = { dimension, space, firstLabel, nextLabel, count, maxNeighbors, efConstruction, file }
  const given = typeof matrix === 'function' ? null : matrix
  return { ...task, matrix: given, labels: labels ?? null, control: words }
}

/** What the worker answered, once it is gone. */
function replyOf(
  task: SegmentTask,
  rows: AsyncIterator<Float32Array> | null,
  signal: AbortSignal | undefined,
  enlist: (worker: Worker) => void,
): Promise<SegmentReply> {
  return new Promise((resolve, reject) => {
    // The flags of the process (a loader, a debugger) are not the worker's business.
    const options = { workerData: task, execArgv: [], name: 'annals segment' }
    const worker = new Worker(new URL('./segment-worker.js', import.meta.url), options)
    const stop = (): void => void Atomics.store(task.control, control.stop, 1)
    signal?.addEventListener('abort', stop, { once: true })
    guardExit(task.control)
    let reply: SegmentReply | undefined
    let failure: unknown
    worker.on('message', (message: SegmentMessage) => {
      if (message !== 'next') reply = message
      else if (rows !== null)
        feed(worker, rows).catch((error: unknown) => {
          failure = error
        })
    })
    worker.on('error', (error) => {
      failure = error
    })
    worker.on('exit', (code) => {
      signal?.removeEventListener('abort', stop)
      unguardExit(task.control)
      if (reply !== undefined && failure === undefined) resolve(reply)
      else reject(failure ?? new Error(`the worker thread ended with exit code ${code} and no answer`))
    })
    // Only now: listening to messages makes a worker keep the process alive, whatever was said before.
    enlist(worker)
  })
}

/** Hands the worker the next block of rows, or says that there is none. */
async function feed(worker: Worker, rows: AsyncIterator<Float32Array>): Promise<void> {
  let block: Float32Array | null = null
  try {
    const { value, done } = await rows.next()
    if (done !== true) block = value
  } finally {
    worker.postMessage(block)
  }
}

/** The control words of all builds in flight. */
const inFlight = new Set<Int32Array>()

function guardExit(words: Int32Array): void {
  if (inFlight.size === 0) process.on('exit', stopBuilds)
  inFlight.add(words)
}

function unguardExit(words: Int32Array): void {
  inFlight.delete(words)
  if (inFlight.size === 0) process.off('exit', stopBuilds)
}

/** Node stops all threads when the process ends; it must not do so while one is inside hnswlib-node. */
function stopBuilds(): void {
  for (const words of inFlight) Atomics.store(words, control.stop, 1)
  for (const words of inFlight) Atomics.wait(words, control.inGraph, 1, exitWaitMs)
}

function buildFailed(file: string, reason: string, cause?: unknown): AnnalsError {
  return new AnnalsError('segment_damaged', `segment ${file} could not be built: ${reason}`, {
    hint: `Nothing is lost: the log holds every vector. Look at the space and the permissions of ${dirname(file)}.`,
    cause,
  })
}

function storeClosed(): AnnalsError {
  return new AnnalsError('store_closed', 'the store was closed before the segment was built')
}
