import { digestBytes, sha256 } from '../format/sha256.ts'

/** What an inner node is hashed from: 0x01, left, right. Written anew for each: hashing is one call. */
const nodeBytes: Buffer = Buffer.alloc(1 + 2 * digestBytes, 1)
/** The root of a tree without leaves: SHA-256 of nothing. */
export const emptyRoot: Buffer = sha256(Buffer.alloc(0))

/**
 * The frontier of an RFC 6962 Merkle tree (https://www.rfc-editor.org/rfc/rfc6962#section-2.1): the roots of
 * the perfect subtrees of the leaves so far, largest first. It is all that appending needs: at most one hash
 * per bit of the size, whatever the size.
 *
 * What holds: `peaks` has one entry per set bit of `size`.
 */
export class MerkleFrontier {
  #size: number
  #peaks: Buffer[]

  constructor(size = 0, peaks: readonly Buffer[] = []) {
    if (peaks.length !== bitsSet(size))
      throw new RangeError(`a tree of ${size} leaves has ${bitsSet(size)} peaks, not ${peaks.length}`)
    this.#size = size
    this.#peaks = [...peaks]
  }

  /** Leaves so far. */
  get size(): number {
    return this.#size
  }

  get peaks(): readonly Buffer[] {
    return this.#peaks
  }

  /** Adds the next leaf: a leaf hash, SHA-256(0x00 | data). */
  append(leaf: Buffer): void {
    let node = leaf
    for (let size = this.#size; size % 2 === 1; size = Math.floor(size / 2))
      node = parent(this.#peaks.pop()!, node)
    this.#peaks.push(node)
    this.#size += 1
  }

  /** The Merkle tree hash of all leaves; of none, SHA-256 of nothing. */
  root(): Buffer {
    const smallest = this.#peaks.at(-1)
    if (smallest === undefined) return emptyRoot
    return this.#peaks.slice(0, -1).reduceRight((right, left) => parent(left, right), smallest)
  }

  clone(): MerkleFrontier {
    return new MerkleFrontier(this.#size, this.#peaks)
  }
}

/** The hash of an inner node: SHA-256(0x01 | left | right). */
export function parent(left: Buffer, right: Buffer): Buffer {
  // A forged proof may hand in anything: nothing of the node before may stand in for what is missing.
  if (left.length !== digestBytes || right.length !== digestBytes)
    return sha256(Buffer.concat([nodeBytes.subarray(0, 1), left, right]))
  left.copy(nodeBytes, 1)
  right.copy(nodeBytes, 1 + digestBytes)
  return sha256(nodeBytes)
}

function bitsSet(size: number): number {
  let bits = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2
  return bits
}
