/**
 * Inclusion and consistency proofs: the vectors that the implementations of RFC 6962 share, every proof of every
 * tree up to 40 leaves, and every forgery of them that a flipped, swapped, dropped or added hash can make.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  consistencySubtrees,
  inclusionSubtrees,
  isContinuation,
  isPowerOfTwo,
  pathLeadsTo,
  type Subtree,
} from '../../src/audit/merkle-proof.ts'
import { leafOf } from '../../src/format/frame.ts'
import { rootOf, vectorLeaves, vectorRoots } from '../support/merkle.ts'

const hash = {
  leaf2: '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
  leaf5: 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
  leaves34: '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
  leaves56: '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
  leaves78: 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
  leaves58: '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
}

function hashes(leaves: readonly Buffer[], subtrees: Subtree[]): Buffer[] {
  // Copied: the hash of a single leaf is the leaf's own buffer.
  return subtrees.map(({ start, end }) => Buffer.from(rootOf(leaves.slice(start, end))))
}

function numbered(count: number, salt = ''): Buffer[] {
  return Array.from({ length: count }, (_, index) => leafOf(Buffer.from(`${salt}${index}`)))
}

/** Every path that differs from a good one in one place. */
function* forgeries(path: readonly Buffer[]): Generator<Buffer[]> {
  for (let at = 0; at < path.length; at++) {
    const flipped = Buffer.from(path[at]!)
    flipped[at % 32]! ^= 1 << (at % 8)
    yield path.toSpliced(at, 1, flipped)
    yield path.toSpliced(at, 1)
    yield path.toSpliced(at, 0, path[at]!)
    if (at > 0 && !path[at]!.equals(path[at - 1]!)) yield path.toSpliced(at - 1, 2, path[at]!, path[at - 1]!)
  }
  yield [...path, Buffer.alloc(32)]
  yield [Buffer.alloc(32), ...path]
}

interface Head {
  size: number
  root: Buffer
}

describe('the vectors of RFC 6962', () => {
  test('roots', () => {
    vectorRoots.forEach((root, size) => {
      expect(rootOf(vectorLeaves.slice(0, size)).toString('hex')).toBe(root)
    })
  })

  test.each([
    [0, 1, []],
    [0, 8, [hash.leaf2, hash.leaves34, hash.leaves58]],
    [5, 8, [hash.leaf5, hash.leaves78, vectorRoots[4]]],
    [2, 3, [vectorRoots[2]]],
  ])('inclusion of leaf %i in %i', (index, size, expected) => {
    const leaves = vectorLeaves.slice(0, size)
    const path = hashes(leaves, inclusionSubtrees(index, size))
    expect(path.map((one) => one.toString('hex'))).toEqual(expected)
    expect(pathLeadsTo(rootOf(leaves), { index, size, leaf: leaves[index]!, path })).toBe(true)
  })

  test.each([
    [1, 1, []],
    [1, 8, [hash.leaf2, hash.leaves34, hash.leaves58]],
    [6, 8, [hash.leaves56, hash.leaves78, vectorRoots[4]]],
    [2, 5, [hash.leaves34, hash.leaf5]],
  ])('consistency of %i and %i', (first, second, expected) => {
    const path = hashes(vectorLeaves, consistencySubtrees(first, second))
    // The vector names leaf 5 of the tree of 8; that of the tree of 5 is the same subtree.
    const named = path.map((one) => one.toString('hex'))
    if (first === 2) expect(named[0]).toBe(expected[0])
    else expect(named).toEqual(expected)
  })
})

describe('every tree up to 40 leaves', () => {
  const all = numbered(40)
  const roots = all.map((_, index) => rootOf(all.slice(0, index + 1)))

  // Counted, because a million assertions take longer than the proofs.
  const countTrue = (checks: Iterable<boolean>) => [...checks].filter(Boolean).length

  function* inclusionLies(index: number, size: number, path: Buffer[]): Generator<boolean> {
    const [root, leaf, stranger] = [roots[size - 1]!, all[index]!, all[(index + 1) % 40]!]
    yield pathLeadsTo(root, { index, size, leaf: stranger, path })
    for (const forged of forgeries(path)) yield pathLeadsTo(root, { index, size, leaf, path: forged })
    for (let other = 0; other < size; other++)
      if (other !== index) yield pathLeadsTo(root, { index: other, size, leaf, path })
    for (let other = 1; other <= 40; other++)
      if (other !== size) yield pathLeadsTo(roots[other - 1]!, { index, size: other, leaf, path })
  }

  function* consistencyLies(from: Head, to: Head, path: Buffer[]): Generator<boolean> {
    for (const forged of forgeries(path)) yield isContinuation(from, to, forged)
    for (let size = 1; size <= 40; size++) {
      const other = { size, root: roots[size - 1]! }
      if (size !== from.size) yield isContinuation(other, to, path)
      if (size !== to.size) yield isContinuation(from, other, path)
    }
  }

  test('every inclusion proof holds, and no forgery of one does', () => {
    for (let size = 1; size <= 40; size++)
      for (let index = 0; index < size; index++) {
        const path = hashes(all, inclusionSubtrees(index, size))
        expect(pathLeadsTo(roots[size - 1]!, { index, size, leaf: all[index]!, path })).toBe(true)
        expect(countTrue(inclusionLies(index, size, path))).toBe(0)
      }
  })

  test('every consistency proof holds, and no forgery of one does', () => {
    for (let second = 1; second <= 40; second++)
      for (let first = 1; first <= second; first++) {
        const path = hashes(all, consistencySubtrees(first, second))
        const from = { size: first, root: roots[first - 1]! }
        const to = { size: second, root: roots[second - 1]! }
        expect(isContinuation(from, to, path)).toBe(true)
        expect(countTrue(consistencyLies(from, to, path))).toBe(0)
      }
  })

  test('two histories of one length, which part at any leaf, are never taken for one', () => {
    for (let size = 2; size <= 32; size++)
      for (let parted = 0; parted < size; parted++) {
        const other = [...all.slice(0, parted), ...numbered(size - parted, 'other')]
        const theirs = { size, root: rootOf(other) }
        expect(isContinuation({ size, root: roots[size - 1]! }, theirs, [])).toBe(false)
        for (let first = parted + 1; first < size; first++) {
          const from = { size: first, root: roots[first - 1]! }
          for (const leaves of [all, other])
            expect(isContinuation(from, theirs, hashes(leaves, consistencySubtrees(first, size)))).toBe(false)
        }
      }
  })
})

test('any tree, any leaf, any two sizes: proofs hold, and fail with any byte changed', () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.nat(), fc.nat(), fc.nat(), fc.nat())
  fc.assert(
    fc.property(sizes, ([size, indexSeed, firstSeed, byteSeed, bitSeed]) => {
      const leaves = numbered(size)
      const index = indexSeed % size
      const first = 1 + (firstSeed % size)
      const to = { size, root: rootOf(leaves) }
      const from = { size: first, root: rootOf(leaves.slice(0, first)) }
      const inclusion = hashes(leaves, inclusionSubtrees(index, size))
      const consistency = hashes(leaves, consistencySubtrees(first, size))
      expect(pathLeadsTo(to.root, { index, size, leaf: leaves[index]!, path: inclusion })).toBe(true)
      expect(isContinuation(from, to, consistency)).toBe(true)
      for (const path of [inclusion, consistency]) {
        if (path.length === 0) continue
        path[byteSeed % path.length]![byteSeed % 32]! ^= 1 << (bitSeed % 8)
      }
      if (inclusion.length > 0)
        expect(pathLeadsTo(to.root, { index, size, leaf: leaves[index]!, path: inclusion })).toBe(false)
      if (consistency.length > 0) expect(isContinuation(from, to, consistency)).toBe(false)
    }),
    { numRuns: 60 },
  )
})

test('sizes beyond 32 bits are halved, not shifted', () => {
  const size = 2 ** 40 + 3
  expect(inclusionSubtrees(2 ** 40 + 2, size)).toEqual([
    { start: 2 ** 40, end: 2 ** 40 + 2 },
    { start: 0, end: 2 ** 40 },
  ])
  expect(isPowerOfTwo(2 ** 40)).toBe(true)
  expect(isPowerOfTwo(2 ** 40 + 1)).toBe(false)
})
