import { MerkleFrontier, parent } from '../log/merkle-tree.ts'
import type { OperationLog } from '../log/operation-log.ts'
import { isPowerOfTwo, largestPowerBelow, type Subtree } from './merkle-proof.ts'

/** Leaves of one tile. */
const tileLeaves = 256
/** Tiles whose leaves are kept: a proof reads one tile at its leaf and one at the tree's right edge. */
const keptTiles = 4

/**
 * Hashes of subtrees of the log's Merkle tree, computed when they are asked for.
 *
 * The hashes of complete tiles of 256 leaves, and of all perfect subtrees above them, are kept in memory: 64
 * bytes for 256 operation records. They never change, because the log is only appended to. The first proof of
 * an open store therefore reads the whole log once; the next ones read what was appended since and two tiles.
 *
 * What holds: `#levels[h][i]` is the hash of the leaves from `i * 256 * 2^h` up to `(i + 1) * 256 * 2^h`.
 */
export class TreeHashes {
  readonly #log: OperationLog
  readonly #levels: Buffer[][] = [[]]
  readonly #leaves = new Map<number, Buffer[]>()
  #filling: Promise<void> = Promise.resolve()

  constructor(log: OperationLog) {
    this.#log = log
  }

  /** The hash of the whole tree when it had `size` leaves. */
  root(size: number): Promise<Buffer> {
    return this.hash({ start: 0, end: size })
  }

  /** `MTH(D[start:end])`, for subtrees of some tree: `start` is a multiple of a power of two >= the length. */
  async hash({ start, end }: Subtree): Promise<Buffer> {
    const count = end - start
    if (count < tileLeaves) return this.#hashOfLeaves(start, end)
    if (isPowerOfTwo(count)) return this.#perfect(start, count)
    const middle = start + largestPowerBelow(count)
    const left = await this.hash({ start, end: middle })
    return parent(left, await this.hash({ start: middle, end }))
  }

  async #perfect(start: number, count: number): Promise<Buffer> {
    await this.#fill((start + count) / tileLeaves)
    return this.#levels[Math.log2(count / tileLeaves)]![start / count]!
  }

  /** Completes the tiles up to, but without, number `tiles`; one caller at a time reads. */
  #fill(tiles: number): Promise<void> {
    const filling = this.#filling.then(() => this.#readTiles(tiles))
    this.#filling = filling.catch(() => undefined)
    return filling
  }

  async #readTiles(tiles: number): Promise<void> {
    const done = this.#levels[0]!.length
    if (done >= tiles) return
    let frontier = new MerkleFrontier()
    for await (const { leaf } of this.#log.leaves({ after: done * tileLeaves, until: tiles * tileLeaves })) {
      frontier.append(leaf)
      if (frontier.size < tileLeaves) continue
      this.#addTile(frontier.root())
      frontier = new MerkleFrontier()
    }
  }

  #addTile(tile: Buffer): void {
    let hash = tile
    for (let level = 0; ; level++) {
      this.#levels[level] ??= []
      const hashes = this.#levels[level]!
      hashes.push(hash)
      if (hashes.length % 2 === 1) return
      hash = parent(hashes.at(-2)!, hash)
    }
  }

  async #hashOfLeaves(start: number, end: number): Promise<Buffer> {
    const frontier = new MerkleFrontier()
    for (let at = start; at < end; ) {
      const tile = Math.floor(at / tileLeaves)
      const leaves = await this.#tile(tile, end)
      const until = Math.min(end, (tile + 1) * tileLeaves)
      for (; at < until; at++) frontier.append(leaves[at - tile * tileLeaves]!)
    }
    return frontier.root()
  }

  /** The leaves of a tile, at least up to leaf `end` where the tile is not complete. */
  async #tile(tile: number, end: number): Promise<Buffer[]> {
    const after = tile * tileLeaves
    const until = Math.min(after + tileLeaves, this.#log.head)
    const kept = this.#leaves.get(tile)
    if (kept !== undefined && kept.length >= Math.min(tileLeaves, end - after)) return kept
    const leaves: Buffer[] = []
    for await (const { leaf } of this.#log.leaves({ after, until })) leaves.push(Buffer.from(leaf))
    this.#leaves.delete(tile)
    this.#leaves.set(tile, leaves)
    if (this.#leaves.size > keptTiles) this.#leaves.delete(this.#leaves.keys().next().value!)
    return leaves
  }
}
