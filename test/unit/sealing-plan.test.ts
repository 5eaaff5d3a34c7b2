import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { planSealing } from '../../src/maintenance/sealing-plan.ts'
import type { HnswConfiguration } from '../../src/types.ts'
import { defaultHnsw } from '../../src/validation/configuration.ts'

function hnsw(parts: Partial<HnswConfiguration> = {}): HnswConfiguration {
  return { ...defaultHnsw(), num_threads: 2, ...parts }
}

describe('planSealing', () => {
  test('waits until there are enough vectors', () => {
    expect(planSealing(hnsw(), 0, 0)).toEqual([])
    expect(planSealing(hnsw(), 0, 999)).toEqual([])
    expect(planSealing(hnsw(), 0, 1000)).toEqual([{ first: 0, next: 1000 }])
  })

  test('seals full batches and leaves the rest', () => {
    expect(planSealing(hnsw({ sync_threshold: 50, batch_size: 40 }), 0, 95)).toEqual([{ first: 0, next: 80 }])
    expect(planSealing(hnsw({ num_threads: 1 }), 0, 1999)).toEqual([{ first: 0, next: 1900 }])
  })

  test('waits for a full batch where a batch is larger than the threshold', () => {
    expect(planSealing(hnsw({ sync_threshold: 10, batch_size: 100 }), 0, 99)).toEqual([])
    expect(planSealing(hnsw({ sync_threshold: 10, batch_size: 100 }), 0, 100)).toEqual([
      { first: 0, next: 100 },
    ])
  })

  test('goes on behind what is sealed', () => {
    expect(planSealing(hnsw(), 1000, 2000)).toEqual([{ first: 1000, next: 2000 }])
  })

  test('builds as many segments at once as threads may, when there is enough for each', () => {
    expect(planSealing(hnsw(), 0, 2000)).toEqual([
      { first: 0, next: 1000 },
      { first: 1000, next: 2000 },
    ])
    expect(planSealing(hnsw({ num_threads: 8 }), 0, 2500)).toHaveLength(2)
    expect(planSealing(hnsw({ num_threads: 1 }), 0, 2000)).toHaveLength(1)
  })

  test('cuts segments to the size that is asked for, but never below the threshold', () => {
    const sizes = (max: number) => planSealing(hnsw(), 0, 10_000, max).map(({ first, next }) => next - first)
    expect(sizes(20_000)).toEqual([5000, 5000])
    expect(sizes(3000)).toEqual([2500, 2500, 2500, 2500])
    expect(sizes(10)).toEqual(Array.from({ length: 10 }, () => 1000))
  })

  test('waits longer the more is sealed, up to a limit', () => {
    expect(planSealing(hnsw(), 40_000, 49_999)).toEqual([])
    expect(planSealing(hnsw(), 40_000, 50_000)).not.toEqual([])
    expect(planSealing(hnsw(), 1_000_000, 1_020_000)).not.toEqual([])
  })

  test('plans full batches without gaps, from what is sealed on, and never more than there is', () => {
    const any = fc.record({
      threads: fc.integer({ min: 1, max: 16 }),
      batch: fc.integer({ min: 1, max: 300 }),
      threshold: fc.integer({ min: 1, max: 3_000 }),
      sealed: fc.nat(200_000),
      growing: fc.nat(50_000),
    })
    fc.assert(
      fc.property(any, ({ threads, batch, threshold, sealed, growing }) => {
        const plan = hnsw({ num_threads: threads, batch_size: batch, sync_threshold: threshold })
        const ranges = planSealing(plan, sealed, sealed + growing)
        expect(ranges.length).toBeLessThanOrEqual(threads)
        let next = sealed
        for (const range of ranges) {
          expect(range.first).toBe(next)
          expect(range.next).toBeGreaterThan(range.first)
          expect((range.next - range.first) % batch).toBe(0)
          next = range.next
        }
        expect(next).toBeLessThanOrEqual(sealed + growing)
        if (growing < threshold) expect(ranges).toEqual([])
      }),
    )
  })
})
