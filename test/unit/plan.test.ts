/** How a sealed segment is searched follows from what is known of it. */
import { describe, expect, test } from 'vitest'
import { planSegment, type SegmentFacts } from '../../src/readers/plan.ts'

const large: SegmentFacts = {
  size: 100_000,
  live: 100_000,
  allowedLive: 100_000,
  allowedDead: 0,
  k: 10,
  ef: 100,
}
const plan = (facts: Partial<SegmentFacts>) => planSegment({ ...large, ...facts })

describe('a segment is', () => {
  test('searched through its graph alone, when every live label is admitted', () => {
    expect(plan({})).toEqual({ kind: 'graph', ef: 100, scanDead: false })
  })

  test('passed over, when nothing is admitted or asked for', () => {
    expect(plan({ allowedLive: 0 }).kind).toBe('skip')
    expect(plan({ k: 0 }).kind).toBe('skip')
  })

  test('sifted when much is admitted, and else searched with the filter', () => {
    const sift = { kind: 'sift', candidates: 100, ef: 400, scanDead: false }
    expect(plan({ allowedLive: 50_000 })).toEqual(sift)
  })

  test('sifted with many candidates when little is admitted, and else scanned', () => {
    const sift = plan({ allowedLive: 5_000 })
    if (sift.kind !== 'sift') throw new Error(`planned to ${sift.kind}`)
    // Twenty times as many as are wanted, and some more: chance must not leave too few.
    expect(sift.candidates).toBeGreaterThan(20 * large.k)
    expect(sift.ef).toBeNull()
  })

  test('scanned, when few are admitted, or as many as are asked for', () => {
    expect(plan({ allowedLive: 100 }).kind).toBe('scan')
    expect(plan({ allowedLive: 20_000, k: 20_000 }).kind).toBe('scan')
    expect(plan({ size: 20_000, live: 20_000, allowedLive: 1_000 }).kind).toBe('scan')
  })

  test('scanned for the past, when nothing of it lives any more', () => {
    expect(plan({ live: 0, allowedLive: 0, allowedDead: 100_000 }).kind).toBe('scan')
  })

  test('searched with more candidates, the more of it is dead, and scanned for the dead', () => {
    const facts = { live: 80_000, allowedLive: 80_000, allowedDead: 20_000 }
    const half = plan(facts)
    expect(half).toMatchObject({ kind: 'graph', scanDead: true })
    expect(half.kind === 'graph' && half.ef).toBeGreaterThan(large.ef)
  })
})
