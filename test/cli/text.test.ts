import { describe, expect, test } from 'vitest'
import { TablePrinter } from '../../src/cli/table.ts'
import { bytesText, countText, durationText } from '../../src/cli/units.ts'
import { metadataText, oneLine } from '../../src/cli/values.ts'
import { cut, cutMiddle, widthOf } from '../../src/cli/width.ts'

const plain = (text: string) => text

describe('tables', () => {
  const columns = [
    { head: 'ID', cuttable: true, cutAt: 'middle' as const },
    { head: 'COUNT', align: 'right' as const },
    { head: 'DOCUMENT', cuttable: true },
  ]
  const rows = [
    ['a-very-long-name-that-ends-in-1', '1', '冥王星は海王星の外側にある準惑星です。'.repeat(40)],
    ['a-very-long-name-that-ends-in-2', '12,345', 'An emoji 👩‍🚀 and\na\ttab'],
  ]

  test.each([40, 80, 120])('fit %i columns, wide characters and long documents included', (width) => {
    const lines = new TablePrinter(columns, width, plain).lines(rows)
    expect(lines).toHaveLength(3)
    expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(width)
    expect(lines[1]).toMatch(/^a-ver.*in-1 {2,}1 {2}冥王.*…$/)
    expect(lines[2]).toContain('12,345')
  })

  test('keep the widths of their first rows, and tell the heads once', () => {
    const table = new TablePrinter(columns, 80, plain)
    const [head, first] = table.lines([['a', '1', 'short']])
    expect([head, first]).toEqual(['ID  COUNT  DOCUMENT', 'a       1  short'])
    expect(table.lines([['long', '2', 'longer than before']])).toEqual(['l…      2  longer …'])
  })

  test('without a terminal, a cell is still no whole document', () => {
    const [, row] = new TablePrinter(columns, Number.POSITIVE_INFINITY, plain).lines([
      ['a', '1', 'x'.repeat(1e6)],
    ])
    expect(row!.length).toBeLessThan(300)
  })
})

test('a table leaves out what is optional rather than cut what must be whole', () => {
  const id = '01890a5d-ac96-774b-bcce-b302099a8057'
  const columns = [
    { head: 'NAME', cuttable: true },
    { head: 'EMBEDDING', optional: true },
    { head: 'METADATA', cuttable: true, optional: true },
    { head: 'ID' },
  ]
  const row = ['a-rather-long-name', 'feature-hashing', 'topic=iron year=1868', id]
  const at = (width: number) => {
    const table = new TablePrinter(columns, width, plain)
    const [head, line] = table.lines([row])
    expect(line).toMatch(new RegExp(`${id}$`))
    expect(widthOf(line!)).toBeLessThanOrEqual(width)
    return [head!.split(/ +/), table.leftOut]
  }
  expect(at(100)).toEqual([['NAME', 'EMBEDDING', 'METADATA', 'ID'], []])
  expect(at(80)).toEqual([['NAME', 'EMBEDDING', 'ID'], ['METADATA']])
  expect(at(60)).toEqual([
    ['NAME', 'ID'],
    ['EMBEDDING', 'METADATA'],
  ])
})

test('cutting measures columns, not characters', () => {
  expect(cut('金は柔らかい', 7)).toBe('金は柔…')
  expect(cut('金は柔らかい', 12)).toBe('金は柔らかい')
  expect(cutMiddle('element-rutherfordium', 12)).toBe('element…rdium'.replace('element', 'elemen'))
  expect(widthOf(cutMiddle('金は柔らかい', 9))).toBeLessThanOrEqual(9)
})

test('text is harmless to a terminal', () => {
  expect(oneLine(' a\n\tb\u001b[31mc\u202ed ')).toBe('a b\ufffd[31mc\ufffdd')
  expect(metadataText({ a: 1, b: [true, 'x'], c: 2n ** 62n })).toBe('a=1 b=[true, x] c=4611686018427387904')
})

test('figures', () => {
  expect([0, 999, 1_000, 1_234_567].map(countText)).toEqual(['0', '999', '1,000', '1,234,567'])
  expect([0, 1023, 1536, 5 * 1024 ** 3].map(bytesText)).toEqual(['0 B', '1023 B', '1.5 KiB', '5.0 GiB'])
  expect([0, 61_000, 3_600_000].map(durationText)).toEqual(['0:00', '1:01', '1:00:00'])
})
