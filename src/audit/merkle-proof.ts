/**
 * Proofs over the RFC 6962 Merkle tree of the operation log, after RFC 9162, section 2.1
 * (https://www.rfc-editor.org/rfc/rfc9162#section-2.1): which subtrees a proof consists of, and how it is
 * verified. Pure; knows hashes and numbers only.
 *
 * In the words of the RFC, `MTH(D[start:end])` is the hash of the subtree over the leaves `start` to `end - 1`.
 */
import { emptyRoot, parent } from '../log/merkle-tree.ts'

/** The leaves from `start` up to, but without, `end`; the first leaf is 0. */
export interface Subtree {
  start: number
  end: number
}

/** The subtrees whose hashes prove that leaf `index` is in the tree of `size` leaves (2.1.3.1), lowest first. */
export function inclusionSubtrees(index: number, size: number): Subtree[] {
  const path: Subtree[] = []
  let start = 0
  let end = size
  while (end - start > 1) {
    const middle = start + largestPowerBelow(end - start)
    if (index < middle) {
      path.push({ start: middle, end })
      end = middle
    } else {
      path.push({ start, end: middle })
      start = middle
    }
  }
  return path.reverse()
}

/** The subtrees whose hashes prove that the tree of `first` leaves begins that of `second` (2.1.4.1). */
export function consistencySubtrees(first: number, second: number): Subtree[] {
  if (first === 0 || first === second) return []
  const path: Subtree[] = []
  let start = 0
  let end = second
  // The first tree itself is known to the verifier, so it is left out where it is a whole subtree.
  let isFirstTree = true
  while (end !== first) {
    const middle = start + largestPowerBelow(end - start)
    if (first <= middle) {
      path.push({ start: middle, end })
      end = middle
    } else {
      path.push({ start, end: middle })
      start = middle
      isFirstTree = false
    }
  }
  if (!isFirstTree) path.push({ start, end })
  return path.reverse()
}

/** RFC 9162, 2.1.3.2: whether `leaf`, as number `index`, leads to `root` through `path`. */
export function pathLeadsTo(
  root: Buffer,
  { index, size, leaf, path }: { index: number; size: number; leaf: Buffer; path: readonly Buffer[] },
): boolean {
  if (index >= size) return false
  let [fn, sn] = [index, size - 1]
  let hash = leaf
  for (const sibling of path) {
    if (sn === 0) return false
    if (isOdd(fn) || fn === sn) {
      hash = parent(sibling, hash)
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else hash = parent(hash, sibling)
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 && hash.equals(root)
}

/** RFC 9162, 2.1.4.2: whether `path` shows that the tree of `second` leaves continues that of `first`. */
export function isContinuation(
  first: { size: number; root: Buffer },
  second: { size: number; root: Buffer },
  path: readonly Buffer[],
): boolean {
  if (first.size > second.size) return false
  if (first.size === second.size) return path.length === 0 && first.root.equals(second.root)
  if (first.size === 0) return path.length === 0 && first.root.equals(emptyRoot)
  const [start, ...rest] = isPowerOfTwo(first.size) ? [first.root, ...path] : path
  if (start === undefined) return false
  let [fn, sn] = [first.size - 1, second.size - 1]
  while (isOdd(fn)) [fn, sn] = [half(fn), half(sn)]
  let firstHash = start
  let secondHash = start
  for (const sibling of rest) {
    if (sn === 0) return false
    if (isOdd(fn) || fn === sn) {
      firstHash = parent(sibling, firstHash)
      secondHash = parent(sibling, secondHash)
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)]
    } else secondHash = parent(secondHash, sibling)
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 && firstHash.equals(first.root) && secondHash.equals(second.root)
}

/** The largest power of two that is smaller than `count`; `count` is at least 2. */
export function largestPowerBelow(count: number): number {
  let power = 1
  while (power * 2 < count) power *= 2
  return power
}

/** Whether `count` is a power of two; also beyond 32 bits. */
export function isPowerOfTwo(count: number): boolean {
  return count > 0 && largestPowerBelow(count + 1) === count
}

// Positions have up to 53 bits: no bitwise operators.
function isOdd(value: number): boolean {
  return value % 2 === 1
}

function half(value: number): number {
  return Math.floor(value / 2)
}
