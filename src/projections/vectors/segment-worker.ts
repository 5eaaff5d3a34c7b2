/**
 * The worker thread that builds one segment and ends. It trusts nothing that hnswlib says about writing: the
 * file counts as written only when it was read back and found to hold this very matrix.
 *
 * The order that must hold: write to the temporary name, check, fsync the file, rename, fsync the folder. So a
 * segment's name never stands for a file that is torn or not yet on disk.
 */
import { createHash } from 'node:crypto'
import { closeSync, fstatSync, fsyncSync, openSync, readlinkSync, renameSync, rmSync } from 'node:fs'
import { setPriority } from 'node:os'
import { basename, dirname } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import hnswlib from 'hnswlib-node'
import { messageOf } from '../../errors.ts'
import { readFully, removeIfPossible, syncFolder, temporarySuffix } from '../../files.ts'
import { checkHnswFile, firstDifference, graphSeed, graphSpace } from './hnsw-file.ts'
import { control, type SegmentReply, type SegmentTask } from './segment-builder.ts'

/** Bytes that are read and hashed at a time; one call takes less than 2 GiB. */
const chunkBytes = 64 * 1024 * 1024
/** As `nice` counts: behind the threads that answer, but not starved where other processes keep the machine busy. */
const buildPriority = 5

stepBack()
parentPort?.postMessage(run(workerData as SegmentTask))

/** Who waits for a write or a query shall not wait for a graph: it takes what the other threads leave. */
function stepBack(): void {
  // Linux has a priority for each thread; elsewhere this would be the whole process's.
  if (process.platform !== 'linux') return
  try {
    const thread = Number(basename(readlinkSync('/proc/thread-self')))
    setPriority(thread, buildPriority)
  } catch {
    // Then it builds at the priority of all others.
  }
}

function run(task: SegmentTask): SegmentReply {
  const temporary = task.file + temporarySuffix
  try {
    // hnswlib stays silent when it cannot write, and a leftover must not pass for what it wrote.
    rmSync(temporary, { force: true })
    try {
      writeGraph(task, temporary)
    } finally {
      leaveGraph(task)
    }
    const reply = seal(task, temporary)
    throwIfStopped(task)
    renameSync(temporary, task.file)
    syncFolder(dirname(task.file))
    return reply
  } catch (error) {
    removeIfPossible(temporary)
    return { reason: messageOf(error) }
  }
}

/** Builds the graph and has hnswlib write it. */
function writeGraph(task: SegmentTask, file: string): void {
  const { matrix, dimension, count, firstLabel, labels } = task
  const graph = new hnswlib.HierarchicalNSW(graphSpace(task.space), dimension)
  graph.initIndex(count, task.maxNeighbors, task.efConstruction, graphSeed)
  const point = new Array<number>(dimension).fill(0)
  for (let row = 0; row < count; row++) {
    throwIfStopped(task)
    const offset = row * dimension
    for (let i = 0; i < dimension; i++) point[i] = matrix[offset + i]!
    graph.addPoint(point, labels === null ? firstLabel + row : labels[row]!)
  }
  throwIfStopped(task)
  graph.writeIndexSync(file)
  // Frees the graph at once; the garbage collector does not know how much hangs on it.
  graph.initIndex(1)
}

function throwIfStopped(task: SegmentTask): void {
  if (Atomics.load(task.control, control.stop) === 1) throw new Error('it was stopped')
}

/** From here on the thread may be stopped at any time. */
function leaveGraph(task: SegmentTask): void {
  Atomics.store(task.control, control.inGraph, 0)
  Atomics.notify(task.control, control.inGraph)
}

/** Checks the written file against the matrix, and brings it to the disk. */
function seal(task: SegmentTask, file: string): SegmentReply {
  // Not read-only: Windows syncs only what is open for writing.
  const descriptor = openSync(file, 'r+')
  try {
    const bytes = readWhole(descriptor)
    const { dimension, count, firstLabel, nextLabel, maxNeighbors, efConstruction } = task
    const expected = { dimension, count, firstLabel, nextLabel, maxNeighbors, efConstruction }
    const reason = checkHnswFile(bytes, expected)
    if (reason !== null) throw new Error(`what hnswlib wrote is damaged: ${reason}`)
    const element = firstDifference(bytes, task)
    if (element !== -1) throw new Error(`what hnswlib wrote differs from the matrix in element ${element}`)
    const digest = digestOf(bytes)
    fsyncSync(descriptor)
    return { bytes: bytes.byteLength, digest }
  } finally {
    closeSync(descriptor)
  }
}

function readWhole(descriptor: number): Uint8Array {
  const bytes = new Uint8Array(fstatSync(descriptor).size)
  for (let at = 0; at < bytes.byteLength; at += chunkBytes) {
    const chunk = bytes.subarray(at, at + chunkBytes)
    if (readFully(descriptor, chunk, at) < chunk.byteLength)
      throw new Error(`it has fewer than its ${bytes.byteLength} bytes`)
  }
  return bytes
}

function digestOf(bytes: Uint8Array): Uint8Array {
  const hash = createHash('sha256')
  for (let at = 0; at < bytes.byteLength; at += chunkBytes) hash.update(bytes.subarray(at, at + chunkBytes))
  return hash.digest()
}
