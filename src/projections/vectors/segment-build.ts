/**
 * Builds one sealed segment in a worker thread.
 *
 * No worker is ever terminated: when its thread is stopped inside a call, hnswlib-node takes the whole process
 * with it. Builds are asked to stop, and a process that ends waits until they have left hnswlib.
 */
import { rm } from 'node:fs/promises'
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
 * fulfilled. On one machine the same vectors and parameters give the same bytes. `enlist` is handed the worker.
 *
 * Whatever goes wrong is an `AnnalsError` with the code `segment_damaged`, and leaves no file behind; only when
 * the last step failed, the fsync of the folder, the file stands there, sound but not surely durable.
 */
export async function buildSegment(
  build: SegmentBuild,
  enlist: (worker: Worker) => void = () => undefined,
): Promise<BuiltSegment> {
  const { signal } = build
  signal?.throwIfAborted()
  const reason = unbuildable(build)
  if (reason !== null) throw buildFailed(build.file, reason)
  let reply: SegmentReply
  try {
    const rows = typeof build.matrix === 'function' ? build.matrix() : null
    reply = await replyOf(taskOf(build), rows, signal, enlist)
  } catch (error) {
    // The worker died and could not clean up.
    await rm(build.file + temporarySuffix, { force: true }).catch(() => undefined)
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
