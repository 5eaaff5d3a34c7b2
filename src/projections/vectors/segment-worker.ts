/**
 * The worker thread that builds one segment and ends. It trusts nothing that hnswlib says about writing: the
 * file counts as written only when it was read back and found to hold this very matrix.
 *
 * The order that must hold: write to the temporary name, check, fsync the file, rename, fsync the folder. So a
 * segment's name never stands for a file that is torn or not yet on disk.
 */
import { createHash, type Hash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, fstatSync, fsyncSync, openSync, readlinkSync, renameSync, rmSync } from 'node:fs'
import { setPriority } from 'node:os'
import { basename, dirname } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import hnswlib from 'hnswlib-node'
import { messageOf } from '../../errors.ts'
import { readFully, removeIfPossible, syncFolder, temporarySuffix } from '../../files.ts'
import { checkHnswFile, elementOf, firstDifference, graphSeed, graphSpace } from './hnsw-file.ts'
import { control, type SegmentMessage, type SegmentReply, type SegmentTask } from './segment-build.ts'

/** Bytes that are read and hashed at a time; one call takes less than 2 GiB. */
const chunkBytes = 64 * 1024 * 1024
/** Rows of a matrix that are taken together. */
const rowsPerBlock = 1_024
/** As `nice` counts: behind the threads that answer, but not starved where other processes keep the machine busy. */
const buildPriority = 5

stepBack()
parentPort?.postMessage((await run(workerData as SegmentTask)) satisfies SegmentMessage)

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

async function run(task: SegmentTask): Promise<SegmentReply> {
  const temporary = task.file + temporarySuffix
  try {
    // hnswlib stays silent when it cannot write, and a leftover must not pass for what it wrote.
    rmSync(temporary, { force: true })
    const given = createHash('sha256')
    try {
      await writeGraph(task, temporary, given)
    } finally {
      setInGraph(task, false)
    }
    const reply = seal(task, temporary, given.digest())
    throwIfStopped(task)
    renameSync(temporary, task.file)
    syncFolder(dirname(task.file))
    return reply
  } catch (error) {
    removeIfPossible(temporary)
    return { reason: messageOf(error) }
  }
}

/** Builds the graph, has hnswlib write it, and adds up the digest of the vectors that it was given. */
async function writeGraph(task: SegmentTask, file: string, given: Hash): Promise<void> {
  const { dimension, count, firstLabel, labels } = task
  const graph = new hnswlib.HierarchicalNSW(graphSpace(task.space), dimension)
  graph.initIndex(count, task.maxNeighbors, task.efConstruction, graphSeed)
  const point = new Array<number>(dimension).fill(0)
  let row = 0
  for await (const block of blocksOf(task)) {
    if (task.matrix === null) given.update(bytesOf(block))
    for (let offset = 0; offset < block.length; offset += dimension, row++) {
      throwIfStopped(task)
      for (let i = 0; i < dimension; i++) point[i] = block[offset + i]!
      graph.addPoint(point, labels === null ? firstLabel + row : labels[row]!)
    }
  }
  if (row !== count) throw new Error(`its source gave ${row} vectors instead of ${count}`)
  throwIfStopped(task)
  graph.writeIndexSync(file)
  // Frees the graph at once; the garbage collector does not know how much hangs on it.
  graph.initIndex(1)
}

function throwIfStopped(task: SegmentTask): void {
  if (Atomics.load(task.control, control.stop) === 1) throw new Error('it was stopped')
}

/** The rows of the matrix, or what is asked for block by block. While it waits, the thread may be stopped. */
async function* blocksOf(task: SegmentTask): AsyncGenerator<Float32Array, void, undefined> {
  const { matrix, dimension, count } = task
  for (let row = 0; matrix !== null && row < count; row += rowsPerBlock)
    yield matrix.subarray(row * dimension, Math.min(count, row + rowsPerBlock) * dimension)
  if (matrix !== null || parentPort === null) return
  for (;;) {
    const answer = once(parentPort, 'message')
    setInGraph(task, false)
    parentPort.postMessage('next' satisfies SegmentMessage)
    const [block] = (await answer) as [Float32Array | null]
    setInGraph(task, true)
    if (block === null) return
    yield block
  }
}

/** Whether the thread may be inside hnswlib. While it is not, it may be stopped at any time. */
function setInGraph(task: SegmentTask, inGraph: boolean): void {
  Atomics.store(task.control, control.inGraph, inGraph ? 1 : 0)
  Atomics.notify(task.control, control.inGraph)
}

/** Checks the written file against the vectors that were given, and brings it to the disk. */
function seal(task: SegmentTask, file: string, given: Buffer): SegmentReply {
  // Not read-only: Windows syncs only what is open for writing.
  const descriptor = openSync(file, 'r+')
  try {
    const bytes = readWhole(descriptor)
    const { dimension, count, firstLabel, nextLabel, maxNeighbors, efConstruction } = task
    const expected = { dimension, count, firstLabel, nextLabel, maxNeighbors, efConstruction }
    const reason = checkHnswFile(bytes, expected)
    if (reason !== null) throw new Error(`what hnswlib wrote is damaged: ${reason}`)
    if (!holdsVectors(bytes, task, given))
      throw new Error('what hnswlib wrote differs from the vectors that it was given')
    const digest = digestOf(bytes)
    fsyncSync(descriptor)
    return { bytes: bytes.byteLength, digest }
  } finally {
    closeSync(descriptor)
  }
}

/** A matrix must still be what was built from; of a source only the digest is left. */
function holdsVectors(bytes: Uint8Array, task: SegmentTask, given: Buffer): boolean {
  const { matrix, dimension, firstLabel, labels } = task
  if (matrix !== null) return firstDifference(bytes, { matrix, dimension, firstLabel, labels }) === -1
  const hash = createHash('sha256')
  for (let element = 0; element < task.count; element++)
    hash.update(bytesOf(elementOf(bytes, dimension, element).vector))
  return hash.digest().equals(given)
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
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
