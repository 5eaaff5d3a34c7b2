import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { planSegment, type SegmentFacts } from '../../src/readers/plan.ts'

function facts(parts: Partial<SegmentFacts>): SegmentFacts {
  return { size: 50_000, live: 50_000, allowedLive: 50_000, allowedDead: 0, k: 10, ef: 100, ...parts }
}

describe('planSegment', () => {
  test('skips a segment in which nothing is admitted, or nothing is sought', () => {
    expect(planSegment(facts({ allowedLive: 0 }))).toEqual({ kind: 'skip' })
    expect(planSegment(facts({ k: 0 }))).toEqual({ kind: 'skip' })
  })

  test('searches a large segment without a filter through its graph', () => {
    expect(planSegment(facts({}))).toEqual({ kind: 'graph', ef: 100, scanDead: false })
  })

  test('scans where few are admitted', () => {
    expect(planSegment(facts({ allowedLive: 1 }))).toEqual({ kind: 'scan' })
    expect(planSegment(facts({ size: 500, live: 500, allowedLive: 500 }))).toEqual({ kind: 'scan' })
    expect(planSegment(facts({ size: 200_000, live: 200_000, allowedLive: 3_900 }))).toEqual({ kind: 'scan' })
  })

  test('sifts where many are admitted, and else searches with the filter', () => {
    const sift = { kind: 'sift', candidates: 200, ef: 400, scanDead: false }
    expect(planSegment(facts({ allowedLive: 40_000 }))).toEqual(sift)
  })

  test('takes the more candidates the less is admitted: what is sought lies further out', () => {
    const candidates = (allowedLive: number): number => {
      const plan = planSegment(facts({ allowedLive }))
      return plan.kind === 'sift' ? plan.candidates : 0
    }
    expect(candidates(25_000)).toBeLessThanOrEqual(215)
    expect(candidates(12_500)).toBe(300)
    expect(candidates(6_250)).toBeGreaterThan(400)
  })

  test('sifts many candidates where few of a large segment are admitted, and else scans', () => {
    const sift = planSegment(facts({ size: 100_000, live: 100_000, allowedLive: 5_000 }))
    if (sift.kind !== 'sift') throw new Error(`planned to ${sift.kind}`)
    // Twenty times as many as are sought, and some more: chance must not leave too few.
    expect(sift.candidates).toBeGreaterThan(200)
    expect(sift.ef).toBeNull()
  })

  test('needs no filter when only dead labels are left out, which the graph leaves out by itself', () => {
    expect(planSegment(facts({ live: 30_000, allowedLive: 30_000 }))).toMatchObject({ kind: 'graph' })
  })

  test('scans the dead that a query on the past admits beside the graph', () => {
    const past = facts({ live: 49_000, allowedLive: 49_000, allowedDead: 1_000 })
    expect(planSegment(past)).toMatchObject({ kind: 'graph', scanDead: true })
  })

  test('scans when as many are sought as there are', () => {
    expect(planSegment(facts({ k: 50_000 }))).toEqual({ kind: 'scan' })
  })

  test('keeps more candidates the more is dead, and never fewer than k', () => {
    const ef = (parts: Partial<SegmentFacts>): number => {
      const plan = planSegment(facts(parts))
      return plan.kind === 'graph' ? plan.ef : 0
    }
    expect(ef({ live: 25_000, allowedLive: 25_000 })).toBeGreaterThan(ef({}))
    expect(ef({ k: 500 })).toBeGreaterThanOrEqual(500)
  })

  test('plans something sound for any facts', () => {
    const any = fc
      .record({
        size: fc.nat(100_000),
        a: fc.double({ min: 0, max: 1, noNaN: true }),
        b: fc.double({ min: 0, max: 1, noNaN: true }),
        dead: fc.double({ min: 0, max: 1, noNaN: true }),
        k: fc.nat(20_000),
        ef: fc.integer({ min: 1, max: 1_000 }),
      })
      .map(({ size, a, b, dead, k, ef }) => {
        const live = Math.floor(size * a)
        const allowedDead = Math.floor((size - live) * dead)
        return { size, live, allowedLive: Math.floor(live * b), allowedDead, k, ef }
      })
    fc.assert(
      fc.property(any, (given) => {
        const plan = planSegment(given)
        const nothing = given.k === 0 || given.allowedLive + given.allowedDead === 0
        expect(plan.kind === 'skip').toBe(nothing)
        if (plan.kind === 'skip' || plan.kind === 'scan') return
        const kept = plan.kind === 'sift' ? plan.candidates : plan.ef
        expect(kept).toBeGreaterThanOrEqual(Math.max(given.k, given.ef))
        expect(kept).toBeLessThan(Number.POSITIVE_INFINITY)
        expect(plan.scanDead).toBe(given.allowedDead > 0)
        // Without a filter the graph answers with any live label.
        expect(plan.kind === 'sift').toBe(given.allowedLive < given.live)
      }),
    )
  })
})
