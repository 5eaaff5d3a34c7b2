/** The frontier against RFC 6962, section 2.1, word for word, and against the vectors of Certificate Transparency. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MerkleFrontier } from '../../src/log/merkle-tree.ts'

const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
const leafOf = (data: Uint8Array) => sha256(Buffer.from([0]), data)

/** MTH of RFC 6962: split at the largest power of two smaller than n. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256()
  if (leaves.length === 1) return leaves[0]!
  let split = 1
  while (split * 2 < leaves.length) split *= 2
  return sha256(Buffer.from([1]), treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)))
}

// The eight inputs and the roots of the trees over the first n of them, as Certificate Transparency tests them.
const inputs = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
]
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

describe('the Merkle frontier', () => {
  test('gives the roots of Certificate Transparency', () => {
    const frontier = new MerkleFrontier()
    expect(frontier.root().toString('hex')).toBe(roots[0])
    inputs.forEach((input, index) => {
      frontier.append(leafOf(Buffer.from(input, 'hex')))
      expect(frontier.root().toString('hex')).toBe(roots[index + 1])
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
    const rootOf = (list: readonly Buffer[]) => {
      const frontier = new MerkleFrontier()
      for (const leaf of list) frontier.append(leaf)
      return frontier.root().toString('hex')
    }
    const seen = new Set([rootOf(leaves)])
    for (let n = 0; n < leaves.length; n++) {
      seen.add(rootOf(leaves.toSpliced(n, 1)))
      seen.add(rootOf(leaves.with(n, leafOf(Buffer.from('other')))))
      if (n > 0) seen.add(rootOf(leaves.with(n, leaves[0]!).with(0, leaves[n]!)))
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
