import fc from 'fast-check'
import { expect, test } from 'vitest'
import { floatsText, floatText } from '../../src/exact-number.ts'

test('floats as an array are written like each by itself', () => {
  const float = fc.oneof(
    fc.double(),
    fc.integer().map(Number),
    fc.constantFrom(0, -0, 1e21, 1e-7, Number.NaN, Number.POSITIVE_INFINITY),
  )
  fc.assert(
    fc.property(fc.array(float), (values) => {
      expect(floatsText(values)).toBe(`[${values.map(floatText).join(',')}]`)
    }),
  )
})
