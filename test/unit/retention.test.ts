import { describe, expect, test } from 'vitest'
import { mergePlan } from '../../src/maintenance/merge-plan.ts'
import { planRecordVacuum, type VersionSpan } from '../../src/maintenance/retention.ts'

const version = (
  position: number,
  died: number | null,
  vector_at = position,
  document_at = position,
): VersionSpan => ({
  position,
  vector_at,
  document_at,
  died,
})

describe('which versions of a record go', () => {
  const all = { supersededBy: 100, keepNewest: 0 }

  test('superseded ones, but never the live one', () => {
    expect(planRecordVacuum([version(1, 2), version(2, null)], all)).toEqual({ versions: [2], payloads: [1] })
  })

  test('none that was superseded later than the rule says', () => {
    const versions = [version(1, 5), version(5, 9), version(9, null)]
    expect(planRecordVacuum(versions, { ...all, supersededBy: 5 })).toEqual({ versions: [5], payloads: [1] })
  })

  test('the newest stay, the live one counted', () => {
    const versions = [version(1, 2), version(2, 3), version(3, null)]
    expect(planRecordVacuum(versions, { ...all, keepNewest: 2 })).toEqual({ versions: [2], payloads: [1] })
  })

  test('of a deleted record all may go', () => {
    expect(planRecordVacuum([version(1, 2), version(2, 7)], all)).toEqual({
      versions: [2, 7],
      payloads: [1, 2],
    })
  })

  test('a payload stays while a version that stays stands on it', () => {
    const versions = [version(1, 2), version(2, 3, 1, 2), version(3, null, 1, 2)]
    expect(planRecordVacuum(versions, all)).toEqual({ versions: [2, 3], payloads: [] })
  })

  test('and goes with the last version that stood on it', () => {
    expect(planRecordVacuum([version(3, 8, 1, 2), version(8, null)], all)).toEqual({
      versions: [8],
      payloads: [1, 2, 3],
    })
  })
})

describe('which segments are merged', () => {
  const segments = (...sizes: number[]) => {
    let next = 0
    return sizes.map((size) => {
      next += size
      return { firstLabel: next - size, nextLabel: next }
    })
  }
  const sizesOf = (groups: { firstLabel: number; nextLabel: number }[][]) =>
    groups.map((group) => group.map(({ firstLabel, nextLabel }) => nextLabel - firstLabel))

  test('all, up to the largest segment that may be', () => {
    expect(sizesOf(mergePlan(segments(300_000, 200_000, 1_000), { mergeAll: true }))).toEqual([
      [300_000],
      [200_000, 1_000],
    ])
  })

  test('small neighbours, but not a large one for the sake of a small one', () => {
    expect(sizesOf(mergePlan(segments(50_000, 1_000, 1_000, 1_000), { mergeAll: false }))).toEqual([
      [1_000, 1_000, 1_000],
    ])
  })

  test('nothing where nothing can be merged', () => {
    expect(mergePlan(segments(5_000), { mergeAll: false })).toEqual([])
  })
})
