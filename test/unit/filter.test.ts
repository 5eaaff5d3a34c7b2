import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AnnalsError } from '../../src/errors.ts'
import type { Filter } from '../../src/filter/filter.ts'
import { type FilteredRecord, matchesFilter } from '../../src/filter/match-filter.ts'
import { conjunction, parseWhere, parseWhereDocument } from '../../src/filter/parse-filter.ts'
import { regularExpression } from '../../src/filter/regular-expression.ts'
import { limits } from '../../src/limits.ts'

function errorOf(run: () => unknown): AnnalsError {
  try {
    run()
  } catch (error) {
    if (error instanceof AnnalsError) return error
    throw error
  }
  throw new Error('was accepted')
}

/** `levels` times `$and` around a clause. */
function nested(levels: number): object {
  let filter: object = { a: 1 }
  for (let level = 0; level < levels; level++) filter = { $and: [filter] }
  return filter
}

const malformed = 'must be well-formed Unicode, without lone surrogates, got "\\ud800".'

describe('parseWhere', () => {
  test.each<[unknown, Filter | null]>([
    [undefined, null],
    [null, null],
    [{ a: 'x' }, { kind: 'compare', key: 'a', operator: 'eq', value: 'x' }],
    [{ a: false }, { kind: 'compare', key: 'a', operator: 'eq', value: false }],
    [{ a: { $eq: 1.5 } }, { kind: 'compare', key: 'a', operator: 'eq', value: 1.5 }],
    [{ a: { $ne: '' } }, { kind: 'compare', key: 'a', operator: 'ne', value: '' }],
    [{ a: { $gt: 1 } }, { kind: 'compare', key: 'a', operator: 'gt', value: 1 }],
    [{ a: { $gte: -1 } }, { kind: 'compare', key: 'a', operator: 'gte', value: -1 }],
    [{ a: { $lt: 0.5 } }, { kind: 'compare', key: 'a', operator: 'lt', value: 0.5 }],
    [{ a: { $lte: 2 } }, { kind: 'compare', key: 'a', operator: 'lte', value: 2 }],
    [{ a: { $in: [1, 1.5] } }, { kind: 'in', key: 'a', values: [1, 1.5], negated: false }],
    [{ a: { $nin: ['x'] } }, { kind: 'in', key: 'a', values: ['x'], negated: true }],
    [{ a: { $contains: true } }, { kind: 'contains', key: 'a', value: true, negated: false }],
    [{ a: { $not_contains: 'x' } }, { kind: 'contains', key: 'a', value: 'x', negated: true }],
    [{ $and: [] }, { kind: 'and', children: [] }],
    [{ $or: [] }, { kind: 'or', children: [] }],
    [
      { $or: [{ $and: [{ a: 1 }] }] },
      {
        kind: 'or',
        children: [{ kind: 'and', children: [{ kind: 'compare', key: 'a', operator: 'eq', value: 1 }] }],
      },
    ],
    [{ '#id': 'x' }, { kind: 'id', ids: ['x'], negated: false }],
    [{ '#id': { $ne: 'x' } }, { kind: 'id', ids: ['x'], negated: true }],
    [{ '#id': { $in: ['x', 'y'] } }, { kind: 'id', ids: ['x', 'y'], negated: false }],
    [{ '#document': { $contains: 'x' } }, { kind: 'document-contains', text: 'x', negated: false }],
    [{ '#document': { $not_contains: '' } }, { kind: 'document-contains', text: '', negated: true }],
    [{ '#document': { $regex: '^x' } }, { kind: 'document-matches', pattern: '^x', negated: false }],
    [{ '#document': { $not_regex: 'x' } }, { kind: 'document-matches', pattern: 'x', negated: true }],
    // What is a key in JSON is a key here.
    [JSON.parse('{"__proto__":1}'), { kind: 'compare', key: '__proto__', operator: 'eq', value: 1 }],
    [{ constructor: 'x' }, { kind: 'compare', key: 'constructor', operator: 'eq', value: 'x' }],
    [Object.assign(Object.create(null), { a: 1 }), { kind: 'compare', key: 'a', operator: 'eq', value: 1 }],
    [runInNewContext('({ a: { $in: [1] } })'), { kind: 'in', key: 'a', values: [1], negated: false }],
  ])('reads %j', (where, filter) => {
    expect(parseWhere(where)).toEqual(filter)
  })

  test.each<[unknown, string]>([
    ['x', 'where: must be a plain object, got "x".'],
    [[], 'where: must be a plain object, got an array of 0.'],
    [{}, 'where: must have exactly one key, and has 0, got an object.'],
    [{ a: 1, b: 2 }, 'where: must have exactly one key, and has 2, got an object.'],
    [{ a: 1, b: undefined }, 'where: must have exactly one key, and has 2, got an object.'],
    [new Map([['a', 1]]), 'where: must be a plain object, got an object.'],
    [new Float32Array(1), 'where: must be a plain object, got a Float32Array.'],
    [{ a: undefined }, 'where.a: must be a string, a number or a boolean, got undefined.'],
    [{ a: null }, 'where.a: must be a string, a number or a boolean, got null.'],
    [{ a: 2n ** 63n }, 'where.a: must be an integer of 64 bits, got 9223372036854775808n.'],
    [{ a: Symbol('s') }, 'where.a: must be a string, a number or a boolean, got a symbol.'],
    [{ a: NaN }, 'where.a: must be a finite number, got NaN.'],
    [{ a: { $gt: Infinity } }, 'where.a.$gt: must be a finite number, got Infinity.'],
    [
      { a: 2 ** 53 },
      'where.a: a whole number must lie between -(2^53 - 1) and 2^53 - 1, got 9007199254740992.',
    ],
    [{ '': 1 }, 'where[""]: a metadata key must not be empty, got "".'],
    [{ '#score': 'x' }, 'where.#score: a metadata key must not begin with #, got "#score".'],
    [{ '#id': 1 }, 'where.#id: must be a plain object, got 1.'],
    [{ '#id': { $gt: 'x' } }, 'where.#id.$gt: there is no operator "$gt" here.'],
    [{ '#id': { $in: [] } }, 'where.#id.$in: must hold at least one value, got an array of 0.'],
    [{ '#id': { $nin: [1] } }, 'where.#id.$nin[0]: must be a string, got 1.'],
    [{ a: ['x'] }, 'where.a: must be a value or an operator, got an array of 1.'],
    [{ a: {} }, 'where.a: must have exactly one key, and has 0, got an object.'],
    [{ a: { $gt: 1, $lt: 2 } }, 'where.a: must have exactly one key, and has 2, got an object.'],
    [{ a: { b: { $eq: 1 } } }, 'where.a.b: there is no operator "b" here.'],
    [{ a: { $like: 'x' } }, 'where.a.$like: there is no operator "$like" here.'],
    [{ a: { $regex: 'x' } }, 'where.a.$regex: there is no operator "$regex" here.'],
    [{ a: { $and: [] } }, 'where.a.$and: there is no operator "$and" here.'],
    [{ $not: { a: 1 } }, 'where.$not: there is no operator "$not" here.'],
    [{ $contains: 'x' }, 'where.$contains: there is no operator "$contains" here.'],
    [{ a: new Date(0) }, 'where.a: must be a plain object, got 1970-01-01T00:00:00.000Z.'],
    [{ a: { $gt: '1' } }, 'where.a.$gt: must be a number, got "1".'],
    [{ a: { $eq: [1] } }, 'where.a.$eq: must be a string, a number or a boolean, got an array of 1.'],
    [{ a: { $in: 'x' } }, 'where.a.$in: must be an array, got "x".'],
    [{ a: { $in: [] } }, 'where.a.$in: must hold at least one value, got an array of 0.'],
    [{ a: { $in: ['x', 1] } }, 'where.a.$in[1]: all values must be of one type, here string, got 1.'],
    [{ a: { $nin: [1, true] } }, 'where.a.$nin[1]: all values must be of one type, here number, got true.'],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested
    [{ a: { $in: [1, , 2] } }, 'where.a.$in[1]: must be a string, a number or a boolean, got undefined.'],
    [{ $and: { a: 1 } }, 'where.$and: must be an array, got an object.'],
    [{ $or: [{ a: 1 }, null] }, 'where.$or[1]: must be a plain object, got null.'],
    [{ $and: [{ a: 1 }, { $or: [{ 'b c': '\ud800' }] }] }, `where.$and[1].$or[0]["b c"]: ${malformed}`],
    [{ a: '\ud800' }, `where.a: ${malformed}`],
    [{ '\ud800': 1 }, `where["\\ud800"]: ${malformed}`],
    [{ '#document': 'x' }, 'where.#document: must be a plain object, got "x".'],
    [{ '#document': { $eq: 'x' } }, 'where.#document.$eq: there is no operator "$eq" here.'],
    [{ '#document': { $in: ['x'] } }, 'where.#document.$in: there is no operator "$in" here.'],
    [{ '#document': { $contains: 1 } }, 'where.#document.$contains: must be a string, got 1.'],
  ])('refuses %o', (where, message) => {
    const error = errorOf(() => parseWhere(where))
    expect(error.code).toBe('invalid_filter')
    expect(error.message).toBe(message)
  })

  test('says what to do instead', () => {
    expect(errorOf(() => parseWhere({})).hint).toContain('leave the filter out')
    expect(errorOf(() => parseWhere({ a: [1] })).hint).toContain('$in')
    expect(errorOf(() => parseWhere({ a: { $regex: 'x' } })).hint).toContain('whereDocument')
  })

  test('holds the limits', () => {
    const clauses = (count: number) => Array.from({ length: count }, () => ({ a: 1 }))
    const values = (count: number) => ({ a: { $in: Array.from({ length: count }, () => 1) } })
    expect(parseWhere(nested(limits.filterDepthMax))).not.toBeNull()
    expect(parseWhere({ $or: clauses(limits.filterClausesMax) })).not.toBeNull()
    expect(parseWhere(values(limits.filterValuesMax))).not.toBeNull()
    const half = { $and: clauses(limits.filterClausesMax / 2) }
    for (const tooLarge of [
      nested(limits.filterDepthMax + 1),
      { $or: clauses(limits.filterClausesMax + 1) },
      { $or: [half, half, { a: 1 }] },
      { $or: Array.from({ length: limits.filterClausesMax }, () => ({ $or: [{ $and: [] }, { a: 1 }] })) },
      { $or: new Array(2 ** 32 - 1) },
      values(limits.filterValuesMax + 1),
      { a: { $in: new Array(2 ** 32 - 1) } },
    ])
      expect(errorOf(() => parseWhere(tooLarge)).code).toBe('limit_exceeded')
  })

  test('survives hostile objects', () => {
    const circular: { $and: unknown[] } = { $and: [] }
    circular.$and.push(circular)
    expect(errorOf(() => parseWhere(circular)).code).toBe('limit_exceeded')
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    expect(errorOf(() => parseWhere(revoked.proxy)).message).toBe('where: cannot be read.')
    const throwing = {
      get a(): unknown {
        throw Object.create(null)
      },
    }
    expect(errorOf(() => parseWhere(throwing)).code).toBe('invalid_filter')
    let reads = 0
    const changing = {
      get $gt(): unknown {
        return reads++ === 0 ? 1 : 'x'
      },
    }
    expect(parseWhere({ a: changing })).toEqual({ kind: 'compare', key: 'a', operator: 'gt', value: 1 })
  })

  test('shares nothing with what was given', () => {
    const where = { a: { $in: [1] } }
    const filter = parseWhere(where)
    where.a.$in.push(2)
    expect(filter).toMatchObject({ values: [1] })
  })
})

describe('parseWhereDocument', () => {
  test.each<[unknown, Filter | null]>([
    [undefined, null],
    [null, null],
    [{ $contains: '' }, { kind: 'document-contains', text: '', negated: false }],
    [{ $not_contains: 'x' }, { kind: 'document-contains', text: 'x', negated: true }],
    [{ $regex: 'x|y' }, { kind: 'document-matches', pattern: 'x|y', negated: false }],
    [{ $not_regex: '' }, { kind: 'document-matches', pattern: '', negated: true }],
    [{ $and: [] }, { kind: 'and', children: [] }],
    [
      { $or: [{ $contains: 'x' }] },
      { kind: 'or', children: [{ kind: 'document-contains', text: 'x', negated: false }] },
    ],
  ])('reads %j', (whereDocument, filter) => {
    expect(parseWhereDocument(whereDocument)).toEqual(filter)
  })

  test.each<[unknown, string]>([
    [{}, 'whereDocument: must have exactly one key, and has 0, got an object.'],
    [{ $contains: 1 }, 'whereDocument.$contains: must be a string, got 1.'],
    [{ $matches: 'x' }, 'whereDocument.$matches: there is no operator "$matches" here.'],
    [{ topic: 'x' }, 'whereDocument.topic: there is no operator "topic" here.'],
    [{ '#document': { $contains: 'x' } }, 'whereDocument.#document: there is no operator "#document" here.'],
    [{ $regex: '(' }, 'whereDocument.$regex: "(" is not a regular expression: missing closing ): "("'],
    [
      { $or: [{ $not_regex: 'a(?=b)' }] },
      'whereDocument.$or[0].$not_regex: "a(?=b)" is not a regular expression: look-around is not offered: "(?="',
    ],
  ])('refuses %o', (whereDocument, message) => {
    const error = errorOf(() => parseWhereDocument(whereDocument))
    expect(error.code).toBe('invalid_filter')
    expect(error.message).toBe(message)
  })

  test('refuses patterns that are too large', () => {
    for (const $regex of ['x'.repeat(limits.regexLengthMax + 1), '(?:(?:a{90}){90}b)', 'a{5000}'])
      expect(errorOf(() => parseWhereDocument({ $regex })).code).toBe('limit_exceeded')
  })
})

test('conjunction joins the filters that are there', () => {
  const a: Filter = { kind: 'compare', key: 'a', operator: 'eq', value: 1 }
  const b: Filter = { kind: 'document-contains', text: 'b', negated: false }
  expect(conjunction()).toBeNull()
  expect(conjunction(null, null)).toBeNull()
  expect(conjunction(null, a)).toBe(a)
  expect(conjunction(a, null, b)).toEqual({ kind: 'and', children: [a, b] })
})

describe('matchesFilter', () => {
  const record: FilteredRecord = {
    id: 'r',
    metadata: { s: 'x', i: 1, f: 1.5, t: true, zero: 0, tags: ['a', 'b'], sizes: [1, 2.5], flags: [true] },
    document: 'Hello, wörld',
  }
  const bare: FilteredRecord = { id: 'b', metadata: null, document: null }

  test.each<[unknown, boolean, boolean]>([
    // filter, on the record, on a record without metadata
    [{ s: 'x' }, true, false],
    [{ s: 'X' }, false, false],
    [{ s: { $ne: 'x' } }, false, true],
    [{ s: { $ne: 1 } }, true, true],
    [{ missing: { $ne: 'x' } }, true, true],
    [{ i: 1.0 }, true, false],
    [{ i: 1.5 }, false, false],
    [{ i: { $gt: 0.5 } }, true, false],
    [{ i: { $lt: 1.5 } }, true, false],
    [{ i: { $gte: 1 } }, true, false],
    [{ i: { $lte: 0.99 } }, false, false],
    [{ f: { $gt: 1 } }, true, false],
    [{ s: { $gt: 0 } }, false, false],
    [{ t: { $gte: 0 } }, false, false],
    [{ sizes: { $gte: 0 } }, false, false],
    [{ zero: -0 }, true, false],
    [{ t: 1 }, false, false],
    [{ i: true }, false, false],
    [{ t: { $ne: 1 } }, true, true],
    [{ i: '1' }, false, false],
    [{ i: { $in: [3, 1] } }, true, false],
    [{ i: { $in: [true] } }, false, false],
    [{ i: { $nin: [1] } }, false, true],
    [{ tags: 'a' }, false, false],
    [{ tags: { $in: ['a'] } }, false, false],
    [{ tags: { $nin: ['a'] } }, true, true],
    [{ tags: { $contains: 'a' } }, true, false],
    [{ tags: { $contains: 'A' } }, false, false],
    [{ sizes: { $contains: 1 } }, true, false],
    [{ flags: { $contains: 1 } }, false, false],
    [{ s: { $contains: 'x' } }, false, false],
    [{ s: { $not_contains: 'x' } }, true, true],
    [{ tags: { $not_contains: 'a' } }, false, true],
    [{ toString: { $ne: 'x' } }, true, true],
    [{ constructor: { $contains: 'x' } }, false, false],
    [{ $and: [] }, true, true],
    [{ $or: [] }, false, false],
    [{ $and: [{ s: 'x' }, { i: 2 }] }, false, false],
    [{ $or: [{ s: 'y' }, { i: 1 }] }, true, false],
    [{ '#id': 'r' }, true, false],
    [{ '#id': { $nin: ['r', 'x'] } }, false, true],
    [{ '#document': { $contains: 'wör' } }, true, false],
    [{ '#document': { $contains: 'Wör' } }, false, false],
    [{ '#document': { $contains: '' } }, true, false],
    [{ '#document': { $not_contains: '' } }, false, true],
    [{ '#document': { $not_contains: 'absent' } }, true, true],
    [{ '#document': { $regex: '^H.*d$' } }, true, false],
    [{ '#document': { $not_regex: 'w' } }, false, true],
  ])('%j', (where, onRecord, onBare) => {
    const filter = parseWhere(where)!
    expect([matchesFilter(filter, record), matchesFilter(filter, bare)]).toEqual([onRecord, onBare])
  })
})

describe('regularExpression', () => {
  test.each<[pattern: string, text: string, matches: boolean]>([
    ['', '', true],
    ['b', 'abc', true],
    ['B', 'abc', false],
    ['(?i)É', 'é', true],
    ['^.$', '😀', true],
    ['a.b', 'a\nb', false],
    ['(?s)a.b', 'a\nb', true],
    ['a$', 'a\n', false],
    ['(?m)^b$', 'a\nb\nc', true],
    // Unicode classes, alone, in classes, negated
    ['\\d', '٣', true],
    ['[\\D]', '٣', false],
    ['\\s', '\u3000', true],
    ['[^\\S]', '\u00a0', true],
    ['\\S', '\u2028', false],
    ['^\\w+$', 'naïve_文字٣\u200d', true],
    ['\\W', 'é', false],
    ['[\\W_]', 'école', false],
    ['[\\W_]', 'éco_le', true],
    ['^[^\\W\\d_]+$', 'école', true],
    ['^[^\\W\\d_]+$', 'éco1e', false],
    ['[a\\W-z]', 'é', false],
    ['[a\\W-z]', '-', true],
    ['[[:alpha:]]', 'é', false],
    // Word boundaries
    ['\\bé\\w+\\b', 'une école', true],
    ['\\bcole', 'école', false],
    ['\\Bcole', 'école', true],
    ['\\b\\b\\bé', 'é', true],
    ['\\B\\b', 'é', false],
    ['^\\B$', '', true],
    ['\\B', 'é', false],
    ['\\bw\\b', 'éwé', false],
    ['\\bw\\b', 'éwé w', true],
    ['\\b-', 'é-', true],
    ['a\\b|é', 'xéx', true],
    ['(?m)^b\\b', 'é\nb', true],
    ['(?m)^b\\b', 'é\nbc', false],
    ['(?m)\\bé$', 'x\né\ny', true],
    ['^\\bé', 'x\né', false],
    ['\\u{1F600}\\b', '😀', false],
    ['^[^\\W\\d_]+\\b$', 'école', true],
    ['(?P<first>é{2})\\b.{1,2}$', 'éé !', true],
    // Rust's spellings that RE2 lacks or reads as plain text
    ['\\u00e9\\U0001F600', 'é😀', true],
    ['^a{,2}$', 'aaa', false],
    ['^a{ 2 , 3 }$', 'aaa', true],
    ['{"a"', 'x{"a"', true],
    ['[]a]', ']', true],
    ['a\\-\\_\\# b', 'a-_# b', true],
  ])('%j on %j: %s', (pattern, text, matches) => {
    expect(regularExpression(pattern).matches(text)).toBe(matches)
  })

  test.each([
    ...['(', 'a)(b', '\\b)(', '[a', '[]', '[]\\W', '[z-a]', 'a{1001}', 'a**', '?', '(?P<a'],
    ...['(?=a)', '(?!a)', '(?<=a)b', '(?<!a)b', '\\1', '(?x)a', '(?-u:a)', '\\p{Letter}'],
    ...['\\Qa\\E', '\\C', '\\Z', '\\', '\\<', '\\b{start}', '[\\b]', '\\x{110000}', '\\u{d800}', '\\xZZ'],
    ...['[a[b]]', '[a&&b]', '[a--b]', '[a~~b]', '[a-\\d]', '[a-\\W]', '[[:foo:]]'],
  ])('refuses %j', (pattern) => {
    const error = errorOf(() => regularExpression(pattern))
    expect(error.code).toBe('invalid_filter')
    expect(error.message).toContain(`${JSON.stringify(pattern)} is not a regular expression: `)
  })

  test('finds what the JavaScript engine finds with the same meaning spelled out', () => {
    const word = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]'
    const boundary = `(?:(?<=${word})(?!${word})|(?<!${word})(?=${word}))`
    const spelledOut: Record<string, string> = {
      '\\b': boundary,
      '\\B': `(?!${boundary})`,
      '(?:\\b|a)*': `(?:${boundary}|a)*`,
      '\\w': word,
      '[\\W_]': `(?:(?!${word})[^]|_)`,
      '[^\\W\\d]': `(?!\\p{Nd})${word}`,
    }
    const piece = fc.constantFrom('a', 'é?', '-*', '.', '^', '$', '|', '[^é]', ...Object.keys(spelledOut))
    const text = fc.string({ unit: fc.constantFrom('a', 'é', '-', '_', '٣', '\u0301', '文', '☃', '\n') })
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }), fc.array(text, { maxLength: 9 }), (pieces, texts) => {
        const pattern = pieces.join('')
        const native = pieces.map((each) => spelledOut[each] ?? each).join('')
        const expected = texts.map((each) => new RegExp(native, 'u').test(each))
        expect(texts.map((each) => regularExpression(pattern).matches(each))).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  test('compiles a pattern once while it is in use', () => {
    const first = regularExpression('in use')
    for (let other = 0; other < 20; other++) regularExpression(`other ${other}`)
    expect(regularExpression('in use')).toBe(first)
    for (let other = 0; other < 100; other++) regularExpression(`other ${other}`)
    expect(regularExpression('in use')).not.toBe(first)
  })

  test('refuses or answers hostile patterns: one that took exponential time would not come to an end', () => {
    const long = limits.regexLengthMax
    const openings = ['{', '[', '(', '(?<', '[\\p{a}', '[[:a:]', '{ ,', '\\p{', '[\\W', '(?:a*)*']
    for (const opening of openings)
      try {
        regularExpression(opening.repeat(long / opening.length)).matches('a'.repeat(10_000))
      } catch (error) {
        expect(error).toBeInstanceOf(AnnalsError)
      }
    expect(regularExpression('(a*)*(a|b)*c').matches('ab'.repeat(50_000))).toBe(false)
  })
})
