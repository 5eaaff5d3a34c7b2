/**
 * A sealed segment in memory: hnswlib's graph, and the matrix that it was built from.
 *
 * Invariants:
 * - hnswlib is handed a file only after its size, its digest and its structure were found good: it kills the
 *   process over a damaged one.
 * - Graph and matrix hold the same labels and vectors, and never change. Only the set of dead labels grows: a
 *   dead one is not found by `search` any more, but `scan` and `vectorAt` still reach it for reads of the past.
 * - Every distance is `distance.ts`'s, never the graph's; so a vector answers alike wherever it is stored.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import hnswlib, { type HierarchicalNSW } from 'hnswlib-node'
import { AnnalsError, messageOf } from '../../errors.ts'
import { inTurns } from '../../turns.ts'
import type { Space } from '../../types.ts'
import { distanceAt, rowOf, type Selection, scan, type VectorTable } from './distance.ts'
import { checkInSteps, graphSpace, type HnswVectors, readVectorsInSteps } from './hnsw-file.ts'
import { type Neighbor, nearestFirst, TopK } from './top-k.ts'

/** What the manifest says about a segment. */
export interface SealedSegmentSource {
  file: string
  /** SHA-256 of the file. */
  digest: Uint8Array
  /** Size of the file. */
  bytes: number
  firstLabel: number
  /** All labels lie in [firstLabel, nextLabel). */
  nextLabel: number
  /** How many labels it holds; default: every one of the range. */
  count?: number
  space: Space
  dimension: number
  /** Candidates that a search keeps when it does not say otherwise. */
  efSearch: number
}

/** Bytes that are read and hashed before the event loop gets its turn. */
const chunkBytes = 512 * 1024

/** What hnswlib allocates beside the file's content: for each graph 65,536 mutexes, for each element its own. */
const graphBytes = 65_536 * 40
const elementBytes = 120

/** An immutable segment, loaded. */
export class SealedSegment {
  readonly firstLabel: number
  readonly nextLabel: number
  /** The vectors with their labels, for exact scans and for building other segments. */
  readonly table: VectorTable
  /** Candidates that a search keeps when it does not say otherwise. */
  efSearch: number
  /** Bytes that it holds, the native ones estimated. */
  readonly memoryBytes: number
  readonly #graph: HierarchicalNSW
  /** One bit for each row. */
  readonly #dead: Uint32Array
  #deadCount = 0
  #ef = 0

  private constructor(source: SealedSegmentSource, table: VectorTable, graph: HierarchicalNSW) {
    this.firstLabel = source.firstLabel
    this.nextLabel = source.nextLabel
    this.table = table
    this.efSearch = source.efSearch
    this.memoryBytes = table.matrix.byteLength + source.bytes + graphBytes + table.count * elementBytes
    this.#graph = graph
    this.#dead = new Uint32Array(Math.ceil(table.count / 32))
  }

  /**
   * Reads, checks and loads a segment without holding the event loop. A file that is missing or damaged in any
   * way is an `AnnalsError` with the code `segment_damaged`; the segment can then be built again from the log.
   */
  static async load(source: SealedSegmentSource): Promise<SealedSegment> {
    const table = await readTable(source)
    const graph = new hnswlib.HierarchicalNSW(graphSpace(source.space), source.dimension)
    try {
      // hnswlib reads by name, so this is the file's second reading: whoever swaps the file between the two is
      // not caught. It guards against accidents of disks and tools, which do not strike at such a moment.
      await graph.readIndex(source.file)
    } catch (error) {
      throw damaged(source.file, messageOf(error), error)
    }
    return new SealedSegment(source, table, graph)
  }

  /** How many labels it holds, dead ones included. */
  get count(): number {
    return this.table.count
  }

  /** How many of them are dead. */
  get deadCount(): number {
    return this.#deadCount
  }

  /**
   * The k live vectors that lie nearest to a prepared query, as the graph finds them; all of them when there are
   * fewer. With a filter only labels that it accepts. `ef`: candidates to keep; hnswlib keeps at least k.
   */
  search(query: Float32Array, k: number, ef?: number, filter?: (label: number) => boolean): Neighbor[] {
    const wanted = Math.min(k, this.count - this.#deadCount)
    if (wanted <= 0) return []
    this.#setEf(ef ?? this.efSearch)
    const guard = filter && new FilterGuard(filter)
    const { neighbors } = this.#graph.searchKnn(numbersOf(query), wanted, guard?.accept)
    guard?.throwFailure()
    // Either the filter accepts no more, or the graph does not lead everywhere; looking is the only way to know.
    if (neighbors.length < wanted) return this.#searchExactly(query, wanted, filter)
    return neighbors.map((label) => this.#neighbor(query, label)).sort(nearestFirst)
  }

  /** Those of the `candidates` nearest live vectors, as the graph finds them, that the filter accepts. */
  sift(query: Float32Array, candidates: number, filter: (label: number) => boolean): Neighbor[] {
    const wanted = Math.min(candidates, this.count - this.#deadCount)
    if (wanted <= 0) return []
    this.#setEf(candidates)
    const { neighbors } = this.#graph.searchKnn(numbersOf(query), wanted)
    return neighbors.filter(filter).map((label) => this.#neighbor(query, label))
  }

  /** Pushes exact distances to all rows or the selected ones, dead ones included, into `nearest`. */
  scan(query: Float32Array, nearest: TopK, selection?: Selection): TopK {
    return scan(this.table, query, nearest, selection)
  }

  /** Takes a label out of all searches. No-op when it is dead already, or not in this segment. */
  markDead(label: number): void {
    const row = rowOf(this.table, label)
    if (row < 0 || this.#isDeadRow(row)) return
    this.#graph.markDelete(label)
    this.#dead[row >>> 5]! |= 1 << (row & 31)
    this.#deadCount++
  }

  /** Whether the label was marked dead. */
  isDead(label: number): boolean {
    const row = rowOf(this.table, label)
    return row >= 0 && this.#isDeadRow(row)
  }

  /** The prepared vector of a label, not to be written to; `null` when it is not in this segment. */
  vectorAt(label: number): Float32Array | null {
    const row = rowOf(this.table, label)
    if (row < 0) return null
    const { matrix, dimension } = this.table
    return matrix.subarray(row * dimension, (row + 1) * dimension)
  }

  /**
   * Gives the graph's memory back at once; the garbage collector does not know how much hangs on it. After this
   * nothing may be asked of the segment.
   */
  release(): void {
    this.#graph.initIndex(1)
  }

  #searchExactly(query: Float32Array, k: number, filter?: (label: number) => boolean): Neighbor[] {
    const accept = (label: number): boolean => !this.isDead(label) && (filter === undefined || filter(label))
    return this.scan(query, new TopK(k), { accept }).sorted()
  }

  #neighbor(query: Float32Array, label: number): Neighbor {
    const { space, matrix, dimension } = this.table
    const offset = rowOf(this.table, label) * dimension
    return { label, distance: distanceAt(space, query, matrix, offset, dimension) }
  }

  #setEf(ef: number): void {
    if (ef === this.#ef) return
    this.#graph.setEf(ef)
    this.#ef = ef
  }

  #isDeadRow(row: number): boolean {
    return ((this.#dead[row >>> 5]! >>> (row & 31)) & 1) === 1
  }
}

/** Keeps a filter's exception away from hnswlib-node, which cannot pass it on; the search then ends empty. */
class FilterGuard {
  readonly #filter: (label: number) => boolean
  #failure: { error: unknown } | null = null

  constructor(filter: (label: number) => boolean) {
    this.#filter = filter
  }

  readonly accept = (label: number): boolean => {
    if (this.#failure !== null) return false
    try {
      return this.#filter(label)
    } catch (error) {
      this.#failure = { error }
      return false
    }
  }

  throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error
  }
}

/** Everything but the graph. The file's bytes are free again when it returns. */
async function readTable(source: SealedSegmentSource): Promise<VectorTable> {
  const { file, dimension, space, firstLabel, nextLabel } = source
  const count = source.count ?? nextLabel - firstLabel
  const bytes = await readSegmentFile(source)
  const reason = await inTurns(checkInSteps(bytes, { dimension, count, firstLabel, nextLabel }))
  if (reason !== null) throw damaged(file, reason)
  const { labels, matrix }: HnswVectors = await inTurns(readVectorsInSteps(bytes, dimension))
  const gapless = count === nextLabel - firstLabel
  return { space, dimension, matrix, count, firstLabel: labels[0]!, labels: gapless ? null : labels }
}

/**
 * The file's bytes, of which size and digest are the manifest's, read without holding the event loop. Anything
 * else is `segment_damaged`.
 */
export async function readSegmentFile(
  source: Pick<SealedSegmentSource, 'file' | 'bytes' | 'digest'>,
): Promise<Uint8Array> {
  let handle: FileHandle | undefined
  try {
    handle = await open(source.file, 'r')
    const { size } = await handle.stat()
    if (size !== source.bytes) throw damaged(source.file, `it has ${size} bytes, not ${source.bytes}`)
    const bytes = new Uint8Array(size)
    const hash = createHash('sha256')
    for (let at = 0; at < size; ) {
      const { bytesRead } = await handle.read(bytes, at, Math.min(chunkBytes, size - at), at)
      if (bytesRead === 0) throw damaged(source.file, `it ended after ${at} of ${size} bytes`)
      hash.update(bytes.subarray(at, at + bytesRead))
      at += bytesRead
    }
    if (!hash.digest().equals(source.digest)) throw damaged(source.file, 'its digest is not the manifest’s')
    return bytes
  } catch (error) {
    throw error instanceof AnnalsError ? error : damaged(source.file, messageOf(error), error)
  } finally {
    await handle?.close()
  }
}

/** hnswlib-node takes plain arrays only. */
function numbersOf(vector: Float32Array): number[] {
  const numbers = new Array<number>(vector.length)
  for (let i = 0; i < vector.length; i++) numbers[i] = vector[i]!
  return numbers
}

function damaged(file: string, reason: string, cause?: unknown): AnnalsError {
  return new AnnalsError('segment_damaged', `segment ${file} is damaged: ${reason}`, {
    hint: 'Nothing is lost: the log holds every vector, and the segment can be built again from it.',
    cause,
  })
}
