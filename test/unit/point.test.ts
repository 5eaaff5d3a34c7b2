import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AnnalsError } from '../../src/errors.ts'
import { formatPoint, parsePoint } from '../../src/wire/point.ts'

function codeOf(text: string): string {
  try {
    parsePoint(text)
  } catch (error) {
    if (error instanceof AnnalsError) return error.code
  }
  return 'no error'
}

describe('a point as text', () => {
  test.each([
    ['0', 0],
    ['123', 123],
    ['2026', 2026],
    [String(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER],
    ['release', 'release'],
    ['v1.0-rc', 'v1.0-rc'],
    ['1.5', '1.5'],
    ['2026-03', '2026-03'],
    ['tag:release', 'release'],
    ['tag:123', '123'],
    ['tag:2026-03-01', '2026-03-01'],
    ['tag:tag:x', 'tag:x'],
  ])('%s is read as %o', (text, point) => {
    expect(parsePoint(text)).toBe(point)
  })

  test.each([
    ['2026-03-01', '2026-03-01T00:00:00.000Z'],
    ['2024-02-29', '2024-02-29T00:00:00.000Z'],
    ['2026-03-01T12:30', '2026-03-01T12:30:00.000Z'],
    ['2026-03-01T12:30:15', '2026-03-01T12:30:15.000Z'],
    ['2026-03-01t12:30:15.25z', '2026-03-01T12:30:15.250Z'],
    ['2026-03-01T12:30:15,25Z', '2026-03-01T12:30:15.250Z'],
    ['2026-03-01T12:30:15.123+02:00', '2026-03-01T10:30:15.123Z'],
    ['2026-03-01T23:30-0530', '2026-03-02T05:00:00.000Z'],
    ['+012026-03-01T00:00:00.000Z', '+012026-03-01T00:00:00.000Z'],
    ['-000001-01-01', '-000001-01-01T00:00:00.000Z'],
  ])('%s is the instant %s, wherever it is read', (text, instant) => {
    expect(parsePoint(text)).toEqual(new Date(instant))
  })

  test.each([
    '',
    'tag:',
    '-1',
    '9007199254740993',
    '2026-02-30',
    '2026-13-01',
    '2026-03-01T25:00',
    '2026-03-01T12:00+99:00',
    'a b',
    'x',
    'a..b',
    'é',
  ])('%j is refused', (text) => {
    expect(codeOf(text)).toBe('invalid_argument')
  })

  test('what is written is read back, whatever the tag is called', () => {
    const point = fc.oneof(
      fc.nat({ max: Number.MAX_SAFE_INTEGER }),
      fc.date({ noInvalidDate: true }),
      fc.string({ minLength: 1 }),
      fc.constantFrom('1', '2026-03-01', 'tag:x'),
    )
    fc.assert(
      fc.property(point, (given) => {
        expect(parsePoint(formatPoint(given))).toEqual(given)
      }),
    )
  })
})
