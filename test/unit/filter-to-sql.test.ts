import Database from 'better-sqlite3'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WholeFloat } from '../../src/exact-number.ts'
import type { Filter } from '../../src/filter/filter.ts'
import { matchesFilter } from '../../src/filter/match-filter.ts'
import { conjunction, parseWhere, parseWhereDocument } from '../../src/filter/parse-filter.ts'
import { limits } from '../../src/limits.ts'
import { registerFilterFunctions } from '../../src/projections/metadata/filter-functions.ts'
import { filterToSql } from '../../src/projections/metadata/filter-to-sql.ts'
import { schema } from '../../src/projections/metadata/schema.ts'
import type { Metadata, MetadataScalar } from '../../src/types.ts'

interface TestRecord {
  metadata: Metadata | null
  document: string | null
}

const collection = 7
const otherCollection = 8

/** A database that holds the records twice: collection 8 has them too, to be found by no filter on 7. */
class TestDatabase {
  readonly db = new Database(':memory:')

  constructor() {
    registerFilterFunctions(this.db)
    this.db.exec(schema)
  }

  fill(records: TestRecord[]): void {
    for (const table of ['records', 'record_metadata', 'record_metadata_array', 'documents_fts'])
      this.db.exec(`DELETE FROM ${table}`)
    records.forEach((record, index) => {
      this.insert(index + 1, collection, record)
      this.insert(index + 1001, otherCollection, record)
    })
  }

  private insert(added: number, owner: number, { metadata, document }: TestRecord): void {
    this.db
      .prepare(
        `INSERT INTO records (added, collection, id, label, position, vector_at, document_at, document)
         VALUES (?, ?, ?, 0, 0, 0, 0, ?)`,
      )
      .run(added, owner, `id-${added}`, document)
    for (const [key, value] of Object.entries(metadata ?? {})) this.insertValue(added, owner, key, value)
    if (document !== null)
      this.db
        .prepare('INSERT INTO documents_fts (rowid, document) VALUES (?, ?)')
        .run(added, document.replaceAll('\0', '\uFFFD'))
  }

  private insertValue(added: number, owner: number, key: string, value: Metadata[string]): void {
    if (!Array.isArray(value)) {
      this.db
        .prepare('INSERT INTO record_metadata VALUES (?, ?, ?, ?, ?, ?, ?)')
        .run(added, key, owner, ...columnsOf(value))
      return
    }
    const insert = this.db.prepare('INSERT INTO record_metadata_array VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
    const asFloats = value.some((element) => columnsOf(element)[2] !== null)
    value.forEach((element, index) => {
      insert.run(added, key, index, owner, ...columnsOf(element, asFloats))
    })
  }

  /** Indexes of the records that the filter selects. */
  select(filter: Filter): number[] {
    const { sql, parameters } = filterToSql(filter, collection)
    return this.db
      .prepare<unknown[], number>(
        `SELECT r.added - 1 FROM records r WHERE r.collection = ? AND ${sql} ORDER BY 1`,
      )
      .pluck()
      .all(collection, ...parameters)
  }

  /** How often the expression is neither 0 nor 1. */
  unclear(filter: Filter): number {
    const { sql, parameters } = filterToSql(filter, collection)
    return this.db
      .prepare<unknown[], number>(
        `SELECT count(*) FROM records r WHERE (${sql}) IS NULL OR (${sql}) NOT IN (0, 1)`,
      )
      .pluck()
      .get(...parameters, ...parameters)!
  }

  plan(filter: Filter): string[] {
    const { sql, parameters } = filterToSql(filter, collection)
    return this.db
      .prepare<unknown[], { detail: string }>(
        `EXPLAIN QUERY PLAN SELECT r.label FROM records r WHERE r.collection = ? AND ${sql}`,
      )
      .all(collection, ...parameters)
      .map((row) => row.detail)
  }
}

function columnsOf(value: MetadataScalar, asFloat = false): unknown[] {
  if (typeof value === 'string') return [value, null, null, null]
  if (typeof value === 'boolean') return [null, null, null, value ? 1 : 0]
  const isInteger = typeof value === 'bigint' || Number.isInteger(value)
  return isInteger && !asFloat ? [null, value, null, null] : [null, null, Number(value), null]
}

/** As the store takes an array: of integers, or of floats altogether. */
function asArray(values: MetadataScalar[]): MetadataScalar[] {
  if (!values.some((value) => columnsOf(value)[2] !== null)) return values
  return values.map((value) => {
    const float = Number(value)
    return Number.isInteger(float) ? (new WholeFloat(float) as unknown as number) : float
  })
}

const database = new TestDatabase()
afterAll(() => database.db.close())

function selectedBy(filter: Filter, records: TestRecord[]): number[] {
  return records.flatMap((record, index) =>
    matchesFilter(filter, { id: `id-${index + 1}`, ...record }) ? [index] : [],
  )
}

describe('SQL and matcher agree', () => {
  // Small alphabets, so that values meet; `1` and `true` and '1' are to be told apart.
  const key = fc.constantFrom('a', 'b', "it's", '__proto__', 'ключ "x"')
  const string = fc.constantFrom('', '1', 'true', "O'Brien", '"', 'naïve', 'nai\u0308ve', '😀', 'a\0b', 'A')
  const number = fc.oneof(
    fc.constantFrom(0, -0, 1, -1, 1.5, 0.1, 2, -1.5, 1e-9, 1e15 + 0.5, Number.MAX_SAFE_INTEGER, 5e-324),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -3, max: 3 }),
  )
  // Around the powers of two where integers and floats part, and around the ends of 64 bits.
  const large = fc.oneof(
    fc
      .tuple(fc.constantFrom(53n, 54n, 60n, 62n), fc.bigInt(-3n, 3n))
      .map(([power, more]) => 2n ** power + more),
    fc.constantFrom(2n ** 63n - 1n, 2n ** 63n - 513n, -(2n ** 63n), 1n - 2n ** 63n, -(2n ** 53n) - 1n),
  )
  const largeFloat = fc.oneof(
    large.map(Number),
    fc.constantFrom(2 ** 63, -(2 ** 63), 2 ** 64, 1e21, -1e300, Number.MAX_VALUE),
  )
  const wholeFloat = fc
    .oneof(fc.constantFrom(0, -0, 1, -1, 2), largeFloat)
    .map((value) => new WholeFloat(value) as unknown as number)
  const storedNumber = fc.oneof(number, large, wholeFloat)
  const operand = fc.oneof(number, large, largeFloat)
  const scalarOf = (one: fc.Arbitrary<MetadataScalar>) => fc.oneof(string, one, one, fc.boolean())
  const listOf = (one: fc.Arbitrary<MetadataScalar>) =>
    fc.oneof(
      fc.array(string, { minLength: 1, maxLength: 4 }),
      fc.array(one, { minLength: 1, maxLength: 4 }),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
    )
  const metadata = fc.option(
    fc
      .array(fc.tuple(key, fc.oneof(scalarOf(storedNumber), listOf(storedNumber).map(asArray))), {
        maxLength: 4,
      })
      .map((entries) => Object.fromEntries(entries)),
  )
  const fragment = fc.constantFrom(
    ...['a', 'b', 'ab', 'aba', 'A', '"', "'", '*', ' ', '\n', '\0', '\uFFFD', '\uFFFF', '\uFEFF'],
    ...['é', 'e\u0301', 'ß', 'Ω', '中', '文字', '😀', '😁', '👨\u200d👩', '1', '_', '-', 'AND', '%'],
  )
  const text = (maxLength: number) => fc.array(fragment, { maxLength }).map((parts) => parts.join(''))
  const record = fc.record({ metadata, document: fc.option(text(14)) })
  const pattern = fc.constantFrom(
    ...[
      '',
      'a',
      '^a',
      'b$',
      '\\ba',
      'a\\b',
      '\\w{3}',
      '[^\\W\\d]+-',
      '\\s',
      '(?i)AB',
      '.😀',
      '\\p{Han}',
      '\\B',
    ],
  )
  const id = fc.constantFrom('id-1', 'id-2', 'id-7', 'id-1001', 'ID-1', '')
  const negated = fc.boolean()
  const leaf: fc.Arbitrary<Filter> = fc.oneof(
    fc.record({
      kind: fc.constant('compare'),
      key,
      operator: fc.constantFrom('eq', 'ne'),
      value: scalarOf(operand),
    }),
    fc.record({
      kind: fc.constant('compare'),
      key,
      operator: fc.constantFrom('gt', 'gte', 'lt', 'lte'),
      value: operand,
    }),
    fc.record({ kind: fc.constant('in'), key, values: listOf(operand), negated }),
    fc.record({ kind: fc.constant('contains'), key, value: scalarOf(operand), negated }),
    fc.record({ kind: fc.constant('id'), ids: fc.array(id, { minLength: 1, maxLength: 3 }), negated }),
    fc.record({ kind: fc.constant('document-contains'), text: text(6), negated }),
    fc.record({ kind: fc.constant('document-matches'), pattern, negated }),
  )
  const filter: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter; branch: Filter }>((tie) => ({
    filter: fc.oneof({ maxDepth: 3 }, leaf, tie('branch')),
    branch: fc.record({
      kind: fc.constantFrom('and', 'or'),
      children: fc.array(tie('filter'), { maxLength: 3 }),
    }),
  })).filter

  test('on random records and filters', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 12 }),
        fc.array(filter, { minLength: 1, maxLength: 12 }),
        (records, filters) => {
          database.fill(records)
          for (const each of filters) {
            expect(database.select(each)).toEqual(selectedBy(each, records))
            expect(database.unclear(each)).toBe(0)
          }
        },
      ),
      { numRuns: 400 },
    )
  })

  test('on whole floats beyond the integers that are exact, in lists', () => {
    const values = [2 ** 53, 2 ** 62, -(2 ** 62) - 2 ** 20, 2 ** 63, 1e21, Number.MAX_VALUE]
    const records = [...values.map((value) => new WholeFloat(value) as unknown as number), 2n ** 62n].map(
      (a) => ({ metadata: { a }, document: null }),
    )
    database.fill(records)
    for (const list of [values, ...values.map((value) => [value]), [1, 2 ** 62, 2n ** 53n]]) {
      const filter: Filter = { kind: 'in', key: 'a', values: list, negated: false }
      expect(database.select(filter)).toEqual(selectedBy(filter, records))
      expect(database.select(filter).length).toBeGreaterThan(0)
    }
  })

  test('on every substring of awkward documents', () => {
    const documents = [
      'say "hello", \'world\' AND (NOT) NEAR* ^x: {y} -z + col:umn',
      'naïve cafe\u0301 ZAŻÓŁĆ Ångström ﬁne İstanbul ſ ẞ',
      '😀😁😂👨‍👩‍👧‍👦🇩🇪 \u{10FFFF}\uFFFE\uFFFF\uFEFF\uFDD0',
      'nul\0in\0\0the middle\0',
      '\uFFFDnul\uFFFDin\uFFFD\uFFFDthe middle',
      'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
      '',
    ]
    const records = documents.map((document) => ({ metadata: null, document }))
    database.fill([...records, { metadata: null, document: null }])
    for (const document of documents) {
      const characters = Array.from(document)
      for (let from = 0; from <= characters.length; from++)
        for (let to = from; to <= characters.length; to += to < from + 6 ? 1 : 7) {
          const contains: Filter = {
            kind: 'document-contains',
            text: characters.slice(from, to).join(''),
            negated: false,
          }
          expect(database.select(contains)).toEqual(selectedBy(contains, records))
        }
    }
  })

  test('on texts whose trigrams all stand in a document that has them elsewhere', () => {
    const records = ['abcd bcde', 'abcde', 'bcdeabcd'].map((document) => ({ metadata: null, document }))
    database.fill(records)
    expect(database.select({ kind: 'document-contains', text: 'abcde', negated: false })).toEqual([1])
    expect(database.select({ kind: 'document-contains', text: 'abcde', negated: true })).toEqual([0, 2])
  })

  test('on a text far longer than its trigrams', () => {
    const long = Array.from({ length: 5000 }, (_, index) => String.fromCodePoint(0x4e00 + index)).join('')
    const records = [long, `${long.slice(0, 2500)}!${long.slice(2501)}`].map((document) => ({
      metadata: null,
      document,
    }))
    database.fill(records)
    expect(database.select({ kind: 'document-contains', text: long.slice(1), negated: false })).toEqual([0])
  })
})

describe('the statement', () => {
  beforeAll(() => {
    database.fill(
      Array.from({ length: 200 }, (_, index) => ({
        metadata: { n: index, f: index + 0.5, s: `s${index}`, b: index % 2 === 0, tags: [`t${index % 9}`] },
        document: `document number ${index}`,
      })),
    )
    database.db.exec('ANALYZE')
  })

  test.each<[string, unknown, string[]]>([
    ['strings', { s: 's1' }, ['record_metadata_strings (collection=? AND key=? AND string_value=?)']],
    ['booleans', { b: true }, ['record_metadata_bools (collection=? AND key=? AND bool_value=?)']],
    [
      'numbers',
      { n: 1 },
      [
        'record_metadata_ints (collection=? AND key=? AND int_value=?)',
        'record_metadata_floats (collection=? AND key=? AND float_value=?)',
      ],
    ],
    [
      'ranges',
      { n: { $gt: 1 } },
      [
        'record_metadata_ints (collection=? AND key=? AND int_value>?)',
        'record_metadata_floats (collection=? AND key=? AND float_value>?)',
      ],
    ],
    [
      'negations',
      { s: { $ne: 's1' } },
      ['record_metadata_strings (collection=? AND key=? AND string_value=?)'],
    ],
    [
      'lists of strings',
      { s: { $in: ['s1', 's2'] } },
      ['record_metadata_strings (collection=? AND key=? AND string_value=?)'],
    ],
    [
      'lists of numbers',
      { n: { $nin: [1, 2.5] } },
      [
        'record_metadata_ints (collection=? AND key=? AND int_value=?)',
        'record_metadata_floats (collection=? AND key=? AND float_value=?)',
      ],
    ],
    [
      'arrays',
      { tags: { $contains: 't1' } },
      ['record_metadata_array_strings (collection=? AND key=? AND string_value=?)'],
    ],
  ])('finds %s by their index', (_, where, searches) => {
    const plan = database.plan(parseWhere(where)!)
    for (const search of searches) expect(plan.join('\n')).toContain(`USING COVERING INDEX ${search}`)
    expect(plan.filter((line) => /SCAN (record_|r\b|records)/.test(line))).toEqual([])
  })

  test('finds documents by their trigrams, and shorter texts by looking', () => {
    const plan = (text: string) => database.plan(parseWhereDocument({ $contains: text })!).join('\n')
    expect(plan('num')).toContain('documents_fts')
    expect(plan('nu')).not.toContain('documents_fts')
  })

  test('carries lists of any length and type', () => {
    const many = Array.from({ length: limits.filterValuesMax }, (_, index) => index)
    expect(database.select(parseWhere({ n: { $in: many } })!)).toHaveLength(200)
    expect(database.select(parseWhere({ f: { $in: many.map((n) => n + 0.5) } })!)).toHaveLength(200)
    expect(database.select(parseWhere({ s: { $in: many.map((n) => `s${n}`) } })!)).toHaveLength(200)
    expect(database.select(parseWhere({ b: { $in: [true, true] } })!)).toHaveLength(100)
    expect(database.select(parseWhere({ b: { $nin: [true, false] } })!)).toHaveLength(0)
  })

  test('carries the widest and the deepest filters together', () => {
    const wide = Array.from({ length: limits.filterClausesMax }, (_, index) => ({ n: { $ne: 1000 + index } }))
    const documents = Array.from({ length: limits.filterClausesMax }, () => ({ $not_contains: 'absent' }))
    const both = conjunction(parseWhere({ $and: wide }), parseWhereDocument({ $and: documents }))
    expect(database.select(both!)).toHaveLength(200)
    let deep: object = { $or: wide.slice(0, 100) }
    for (let depth = 1; depth < limits.filterDepthMax; depth++)
      deep = { [depth % 2 === 0 ? '$or' : '$and']: [{ n: { $gte: 0 } }, deep] }
    expect(database.select(parseWhere(deep)!)).toHaveLength(200)
  })
})
