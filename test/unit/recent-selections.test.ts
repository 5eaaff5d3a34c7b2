/** Sets of labels are remembered as long as they are right. */
import { expect, test } from 'vitest'
import type { Filter } from '../../src/filter/filter.ts'
import { RecentSelections } from '../../src/readers/recent-selections.ts'

const filter = (value: number): Filter => ({ kind: 'compare', key: 'n', operator: 'eq', value })
const asked = { collection: 1, position: 10, filter: filter(0), at: null }
const bits = Uint32Array.of(5)

test('a set is handed out to whoever asks the same', () => {
  const recent = new RecentSelections()
  expect(recent.find(asked)).toBeUndefined()
  expect(recent.keep(asked, bits)).toBe(bits)
  expect(recent.find({ ...asked, filter: filter(0) })).toBe(bits)
})

test('not for another collection, filter or point of the past', () => {
  const recent = new RecentSelections()
  recent.keep(asked, bits)
  expect(recent.find({ ...asked, collection: 2 })).toBeUndefined()
  expect(recent.find({ ...asked, filter: filter(1) })).toBeUndefined()
  expect(recent.find({ ...asked, at: 10 })).toBeUndefined()
  expect(recent.find(asked)).toBe(bits)
})

test('not once the collection has moved on', () => {
  const recent = new RecentSelections()
  recent.keep(asked, bits)
  expect(recent.find({ ...asked, position: 11 })).toBeUndefined()
  expect(recent.find(asked)).toBeUndefined()
})

test('those that nobody has asked for lately go', () => {
  const recent = new RecentSelections()
  recent.keep(asked, bits)
  for (let value = 1; value <= 100; value++) {
    recent.keep({ ...asked, filter: filter(value) }, bits)
    if (value < 50) recent.find(asked)
  }
  expect(recent.find({ ...asked, filter: filter(1) })).toBeUndefined()
  expect(recent.find({ ...asked, filter: filter(100) })).toBe(bits)
})
