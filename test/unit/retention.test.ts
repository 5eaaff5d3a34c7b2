import { describe, expect, test } from 'vitest'
import { mergePlan } from '../../src/maintenance/merge-plan.ts'
import { planRecordVacuum, type VersionSpan } from '../../src/maintenance/retention.ts'
import { shareable } from '../../src/maintenance/shared-segments.ts'

const version = (
  position: number,
  died: number | null,
  vector_at = position,
  document_at = position,
): VersionSpan => ({
  added: 1,
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

describe('which payloads of a fork family go', () => {
  const all = { supersededBy: 100, keepNewest: 0 }
  // The source added the record at 1; a fork took it over at 5, and changed its metadata at 7.
  const forked = { added: 5, position: 5, vector_at: 1, document_at: 1, died: 7 }
  const changed = { ...forked, position: 7, died: null }

  test('none that another collection stands on', () => {
    const plan = planRecordVacuum([version(1, 4), version(4, null)], all, [5, 1])
    expect(plan).toEqual({ versions: [4], payloads: [] })
  })

  test('not the add by which a fork took over what a version stands on', () => {
    expect(planRecordVacuum([forked, changed], all)).toEqual({ versions: [7], payloads: [] })
  })

  test('that add goes with the last version, though its own went before', () => {
    const last = [{ ...changed, died: 9 }]
    expect(planRecordVacuum(last, all)).toEqual({ versions: [9], payloads: [1, 5, 7] })
    const replaced = [
      { ...changed, died: 8 },
      { ...version(8, null), added: 5 },
    ]
    expect(planRecordVacuum(replaced, all)).toEqual({ versions: [8], payloads: [1, 5, 7] })
  })
})

describe('which segments a fork shares', () => {
  const segment = (first_label: number, next_label: number) => ({ first_label, next_label })
  const all = [segment(0, 40), segment(40, 100), segment(100, 120)]

  test('all that hold no label of later, from the beginning', () => {
    expect(shareable(all, 120)).toEqual(all)
    expect(shareable(all, 119)).toEqual(all.slice(0, 2))
    expect(shareable(all, 39)).toEqual([])
  })

  test('none behind a gap', () => {
    expect(shareable(all.slice(1), 120)).toEqual([])
    expect(shareable([all[0]!, all[2]!], 120)).toEqual(all.slice(0, 1))
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
