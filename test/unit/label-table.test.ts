import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bitsOf, countBits, LabelTable, labelsWithout } from '../../src/projections/vectors/label-table.ts'

/** The labels in a set, ascending. */
function members(bits: Uint32Array): number[] {
  const labels: number[] = []
  for (let label = 0; label < bits.length * 32; label++)
    if ((bits[label >>> 5]! >>> (label & 31)) & 1) labels.push(label)
  return labels
}

function liveCount(table: LabelTable): number {
  return members(table.live).length
}

describe('LabelTable', () => {
  test('knows what lives now and what lived then', () => {
    const table = new LabelTable()
    table.add(0, 10)
    table.add(1, 11)
    table.die(0, 12)
    table.add(2, 12)
    expect(members(table.live)).toEqual([1, 2])
    expect([9, 10, 11, 12, 99].map((at) => members(table.liveAt(at)))).toEqual([
      [],
      [0],
      [0, 1],
      [1, 2],
      [1, 2],
    ])
    expect({ next: table.next, live: liveCount(table) }).toEqual({ next: 3, live: 2 })
  })

  test('does not change what it said of the past', () => {
    const table = new LabelTable()
    table.add(0, 1)
    const before = members(table.liveAt(1))
    table.die(0, 2)
    table.add(1, 3)
    expect(members(table.liveAt(1))).toEqual(before)
  })

  test('counts labels that were skipped as never born', () => {
    const table = new LabelTable()
    table.add(0, 5)
    table.add(3, 9)
    expect(members(table.live)).toEqual([0, 3])
    expect(members(table.liveAt(5))).toEqual([0])
    expect(members(table.liveAt(9))).toEqual([0, 3])
    expect({ next: table.next, live: liveCount(table) }).toEqual({ next: 4, live: 2 })
  })

  test('counts labels that were skipped at the very beginning as never born', () => {
    const table = new LabelTable()
    table.add(2, 7)
    expect([1, 6, 7].map((at) => members(table.liveAt(at)))).toEqual([[], [], [2]])
  })

  test('lets a label die once, and only one that it knows', () => {
    const table = new LabelTable()
    table.add(0, 1)
    table.die(0, 2)
    table.die(0, 3)
    table.die(7, 3)
    expect(members(table.liveAt(2))).toEqual([])
    expect({ next: table.next, live: liveCount(table) }).toEqual({ next: 1, live: 0 })
  })

  test('agrees with a list of births and deaths', () => {
    const steps = fc.array(fc.record({ births: fc.nat(40), deaths: fc.array(fc.nat(4_000)) }), {
      maxLength: 80,
    })
    fc.assert(
      fc.property(steps, fc.array(fc.nat(100)), (given, points) => {
        const table = new LabelTable()
        const lives: { born: number; died: number }[] = []
        given.forEach(({ births, deaths }, index) => {
          const position = index + 1
          for (let birth = 0; birth < births; birth++) {
            table.add(lives.length, position)
            lives.push({ born: position, died: Number.POSITIVE_INFINITY })
          }
          for (const death of deaths) {
            const life = lives[death]
            table.die(death, position)
            if (life?.died === Number.POSITIVE_INFINITY) life.died = position
          }
          // Asked for while it goes on: what is remembered must stay true.
          table.liveAt(position)
        })
        for (const at of points) {
          const then = lives.flatMap(({ born, died }, label) => (born <= at && died > at ? [label] : []))
          expect(members(table.liveAt(at))).toEqual(then)
        }
        expect(liveCount(table)).toBe(lives.filter(({ died }) => died === Number.POSITIVE_INFINITY).length)
      }),
      { numRuns: 50 },
    )
  })
})

describe('sets of labels', () => {
  const labels = fc.uniqueArray(fc.nat(299), { maxLength: 300 })
  const bounds = fc.tuple(fc.nat(320), fc.nat(320))

  test('count as a list does', () => {
    fc.assert(
      fc.property(labels, bounds, (list, [from, to]) => {
        const inside = list.filter((label) => label >= from && label < to)
        expect(countBits(bitsOf(list, 300), from, to)).toBe(inside.length)
      }),
    )
  })

  test('subtract as lists do', () => {
    fc.assert(
      fc.property(labels, labels, bounds, (list, without, [from, to]) => {
        const rest = list.filter((label) => !without.includes(label) && label >= from && label < to)
        const found = labelsWithout(
          bitsOf(list, 300),
          bitsOf(without, 1 + Math.max(200, ...without)),
          from,
          to,
        )
        const known = rest.filter((label) => label < 300)
        expect([...found]).toEqual(known.sort((a, b) => a - b))
      }),
    )
  })

  test('are as long as they must be', () => {
    expect(bitsOf([], 0)).toHaveLength(0)
    expect(bitsOf([31, 32], 33)).toHaveLength(2)
    expect(members(bitsOf([31, 32], 33))).toEqual([31, 32])
  })
})
