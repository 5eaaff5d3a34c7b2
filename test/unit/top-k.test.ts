import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Neighbor, nearestFirst, TopK } from '../../src/projections/vectors/top-k.ts'

function filled(k: number, pairs: Neighbor[]): TopK {
  const nearest = new TopK(k)
  for (const { distance, label } of pairs) nearest.push(distance, label)
  return nearest
}

const pair = fc.record({
  // Few distances, so that most pairs are tied.
  distance: fc.oneof(fc.constantFrom(0, 0.5, 1, -0.25, Number.POSITIVE_INFINITY), fc.double({ noNaN: true })),
  label: fc.integer({ min: 0, max: 0xffff_ffff }),
})
const pairs = fc.uniqueArray(pair, { selector: (one) => one.label, maxLength: 300 })

describe('TopK', () => {
  test('is a sort cut off at k', () => {
    fc.assert(
      fc.property(pairs, fc.integer({ min: 0, max: 310 }), (all, k) => {
        const nearest = filled(k, all)
        expect(nearest.sorted()).toEqual([...all].sort(nearestFirst).slice(0, k))
        expect(nearest.size).toBe(Math.min(k, all.length))
      }),
    )
  })

  test('does not depend on the order of the pushes', () => {
    const shuffled = pairs.chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
    )
    fc.assert(
      fc.property(shuffled, fc.integer({ min: 0, max: 50 }), ([all, other], k) => {
        expect(filled(k, other).sorted()).toEqual(filled(k, all).sorted())
      }),
    )
  })

  test('worst is the bound beyond which nothing enters', () => {
    const nearest = new TopK(2)
    expect(nearest.worst()).toBe(Number.POSITIVE_INFINITY)
    nearest.push(3, 1)
    expect(nearest.worst()).toBe(Number.POSITIVE_INFINITY)
    nearest.push(5, 2)
    expect(nearest.worst()).toBe(5)
    nearest.push(4, 3)
    expect(nearest.worst()).toBe(4)
    nearest.push(4.5, 4)
    expect(nearest.sorted().map((one) => one.label)).toEqual([1, 3])
  })

  test('at equal distances the smaller label wins, whenever it comes', () => {
    expect(
      filled(
        2,
        [7, 3, 5, 9].map((label) => ({ label, distance: 1 })),
      ).sorted(),
    ).toEqual([
      { label: 3, distance: 1 },
      { label: 5, distance: 1 },
    ])
  })

  test('k = 0 takes nothing', () => {
    const nearest = filled(0, [{ label: 1, distance: 0 }])
    expect(nearest.sorted()).toEqual([])
    expect(nearest.worst()).toBe(Number.NEGATIVE_INFINITY)
  })

  test('sorted leaves the heap as it is', () => {
    const nearest = filled(
      3,
      [5, 1, 4, 2, 3].map((n) => ({ label: n, distance: n })),
    )
    nearest.sorted()
    nearest.push(0, 9)
    expect(nearest.sorted().map((one) => one.label)).toEqual([9, 1, 2])
  })
})
