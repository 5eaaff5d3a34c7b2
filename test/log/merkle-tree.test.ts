/** The frontier against RFC 6962, section 2.1, word for word, and against the vectors of Certificate Transparency. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { leafOf } from '../../src/format/frame.ts'
import { MerkleFrontier } from '../../src/log/merkle-tree.ts'
import { rootOf, vectorLeaves, vectorRoots } from '../support/merkle.ts'

const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()

/** MTH of RFC 6962: split at the largest power of two smaller than n. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256()
  if (leaves.length === 1) return leaves[0]!
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return sha256(Buffer.from([1]), treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)))
}

describe('the Merkle frontier', () => {
  test('gives the roots of Certificate Transparency', () => {
    vectorRoots.forEach((root, size) => {
      expect(rootOf(vectorLeaves.slice(0, size)).toString('hex')).toBe(root)
    })
  })

  test('agrees with the definition at every size', () => {
    const frontier = new MerkleFrontier()
    const leaves: Buffer[] = []
    for (let size = 1; size <= 300; size++) {
      const leaf = leafOf(Buffer.from(`leaf ${size}`))
      leaves.push(leaf)
      frontier.append(leaf)
      expect(frontier.size).toBe(size)
      expect(frontier.root()).toEqual(treeHash(leaves))
    }
  })

  test('goes on from its peaks as if it had never stopped', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(50), (before, after) => {
        const whole = new MerkleFrontier()
        for (let n = 0; n < before; n++) whole.append(leafOf(Buffer.from([n])))
        const resumed = new MerkleFrontier(whole.size, whole.peaks)
        for (let n = 0; n < after; n++)
          for (const frontier of [whole, resumed]) frontier.append(leafOf(Buffer.from(`${n}`)))
        expect(resumed.root()).toEqual(whole.root())
      }),
      { numRuns: 50 },
    )
  })

  test('tells a changed, a lost and a swapped leaf', () => {
    const leaves = Array.from({ length: 21 }, (_, n) => leafOf(Buffer.from([n])))
    const hexRootOf = (list: readonly Buffer[]) => rootOf(list).toString('hex')
    const seen = new Set([hexRootOf(leaves)])
    for (let n = 0; n < leaves.length; n++) {
      seen.add(hexRootOf(leaves.toSpliced(n, 1)))
      seen.add(hexRootOf(leaves.with(n, leafOf(Buffer.from('other')))))
      if (n > 0) seen.add(hexRootOf(leaves.with(n, leaves[0]!).with(0, leaves[n]!)))
    }
    expect(seen.size).toBe(1 + 21 + 21 + 20)
  })

  test('clones are independent', () => {
    const frontier = new MerkleFrontier(1, [leafOf(Buffer.from('a'))])
    const clone = frontier.clone()
    clone.append(leafOf(Buffer.from('b')))
    expect(frontier.size).toBe(1)
    expect(frontier.root()).toEqual(leafOf(Buffer.from('a')))
  })

  test('refuses peaks that do not fit the size', () => {
    expect(() => new MerkleFrontier(3, [Buffer.alloc(32)])).toThrow(RangeError)
    expect(() => new MerkleFrontier(2 ** 40 + 1, [Buffer.alloc(32)])).toThrow(RangeError)
    expect(new MerkleFrontier(2 ** 40, [Buffer.alloc(32)]).size).toBe(2 ** 40)
  })
})
