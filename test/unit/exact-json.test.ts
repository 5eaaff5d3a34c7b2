import fc from 'fast-check'
import { parse as parseLossless } from 'lossless-json'
import { describe, expect, test } from 'vitest'
import { exactNumber, floatText, plainNumbers, WholeFloat } from '../../src/exact-number.ts'
import { limits } from '../../src/limits.ts'
import { JsonRefused, parseJson, parsePlainJson, writeJson } from '../../src/wire/json.ts'

function parse(text: string): unknown {
  return parseJson(Buffer.from(text))
}

function reasonOf(bytes: string | Uint8Array): string {
  try {
    parseJson(Buffer.from(bytes as string))
  } catch (error) {
    if (error instanceof JsonRefused) return error.reason
    throw error
  }
  return 'accepted'
}

/** What another parser makes of the text, its numbers told apart by our rule for their texts. */
function oracle(text: string): unknown {
  return parseLossless(text, undefined, exactNumber)
}

const number = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Number.isInteger(value)),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => new WholeFloat(Math.trunc(value))),
  fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : value)),
)
const text = fc.string({ unit: 'grapheme' })
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    number,
    text,
    fc.boolean(),
    fc.constant(null),
    tie('array'),
    tie('object'),
  ),
  array: fc.array(tie('any')),
  object: fc.dictionary(
    fc.oneof(text, fc.constantFrom('embeddings', 'query', '__proto__', 'a"b', 'ä', '\\')),
    tie('any'),
    { noNullPrototype: true },
  ),
})).any

/** `JSON.stringify` drops the sign of -0. */
function withoutNegativeZero(tree: unknown): unknown {
  return JSON.parse(JSON.stringify(tree, (_, entry) => (Object.is(entry, -0) ? 0 : entry)))
}

describe('parseJson', () => {
  test.each<[string, unknown]>([
    ['2', 2],
    ['2.5', 2.5],
    ['2.0', new WholeFloat(2)],
    ['1e3', new WholeFloat(1000)],
    ['-0.0', new WholeFloat(-0)],
    ['-0', new WholeFloat(-0)],
    ['-0.5', -0.5],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', 9007199254740992n],
    ['-9007199254740993', -9007199254740993n],
    ['9223372036854775807', 2n ** 63n - 1n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['9223372036854775808', new WholeFloat(2 ** 63)],
    ['1e300', new WholeFloat(1e300)],
    ['1e-400', new WholeFloat(0)],
    ['1.00000000000000000001', new WholeFloat(1)],
    [`${'9'.repeat(300)}`, new WholeFloat(1e300)],
  ])('keeps %s', (json, expected) => {
    expect(parse(json)).toStrictEqual(expected)
    expect(parse(`{"a":[1,{"b":${json}},"x"]}`)).toStrictEqual({ a: [1, { b: expected }, 'x'] })
  })

  test('reads every text as another exact parser does', () => {
    fc.assert(
      fc.property(value, fc.constantFrom('', ' ', '\n\t'), (tree, space) => {
        const json = writeJson([tree]).replaceAll(/([[\]{}])(?=[[\]{}])/g, `$1${space}`)
        expect(parse(json)).toStrictEqual(oracle(json))
      }),
      { numRuns: 500 },
    )
  })

  test('refuses what JSON.parse refuses, and answers the same for texts without exact numbers', () => {
    const fragment = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      'a',
      '"a"',
      '1',
      '-',
      '.',
      'e',
      '9',
      'null',
      ' ',
    )
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 12 }), (fragments) => {
        const json = fragments.join('')
        const reason = reasonOf(json)
        if (!isReadable(json)) expect(reason).toBe('malformed')
        else if (reason === 'accepted') expect(plainNumbers(parse(json))).toEqual(JSON.parse(json))
        else expect(json).toMatch(reason === 'duplicate-key' ? /("[^"]*").*\1/ : /e/)
      }),
      { numRuns: 5_000 },
    )
  })

  test('leaves the components of vectors plain, and keeps -0.0 there', () => {
    const body = '{"ids":["a"],"embeddings":[[1.0,-0.0,2.5],[ 1e3 ]],"n":1.0}'
    expect(parse(body)).toStrictEqual({
      ids: ['a'],
      embeddings: [[1, -0, 2.5], [1000]],
      n: new WholeFloat(1),
    })
    expect(parse('{"query_embeddings":[[1.0]]}')).toStrictEqual({ query_embeddings: [[1]] })
    expect(parse('{"rank":{"$knn":{"query":[2.0],"limit":3.0}}}')).toStrictEqual({
      rank: { $knn: { query: [2], limit: new WholeFloat(3) } },
    })
  })

  test('takes only the body’s own vectors for such', () => {
    const two = new WholeFloat(2)
    expect(parse('{"metadatas":[{"embeddings":[2.0],"query":[2.0]}]}')).toStrictEqual({
      metadatas: [{ embeddings: [two], query: [two] }],
    })
    expect(parse('{"embeddings":["a]\\"]",{"a":2.0}],"b":2.0}')).toStrictEqual({
      embeddings: ['a]"]', { a: two }],
      b: two,
    })
  })

  test.each([
    '',
    '{',
    '{"a":1',
    '[1,]',
    '01',
    '1.',
    '.5',
    'NaN',
    'Infinity',
    '{"a":1}}',
    '"\u0001"',
    '\ufeff1',
    '1e400',
    '{"a":-1e999}',
  ])('refuses %j as malformed', (json) => expect(reasonOf(json)).toBe('malformed'))

  test('refuses bytes that are no UTF-8', () => {
    expect(reasonOf(Uint8Array.of(0x22, 0xff, 0x22))).toBe('malformed')
    expect(reasonOf(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22))).toBe('malformed')
  })

  test('refuses a key that stands twice in an object, however it is written', () => {
    const wide = Array.from({ length: 40 }, (_, index) => `"k${index}":1`).join(',')
    expect(reasonOf('{"a":1,"a":1}')).toBe('duplicate-key')
    expect(reasonOf('{"a":1,"\\u0061":1}')).toBe('duplicate-key')
    expect(reasonOf('{"\\u0061":1,"a":1}')).toBe('duplicate-key')
    expect(reasonOf('{"ä":{"b":[{"c":1,"d":"x","c":2}]}}')).toBe('duplicate-key')
    expect(reasonOf(`{${wide},"k3":1}`)).toBe('duplicate-key')
    expect(reasonOf('{"embeddings":[[1]],"embeddings":[[1]]}')).toBe('duplicate-key')
    expect(reasonOf(`{${wide}}`)).toBe('accepted')
    expect(reasonOf('[{"a":1},{"a":1}]')).toBe('accepted')
    expect(reasonOf('{"a":{"a":{"a":1},"b":"a"},"b":"a"}')).toBe('accepted')
    expect(reasonOf('{"":1,"\\"":1,"\\\\":1}')).toBe('accepted')
  })

  test('tells of broken syntax rather than of a key that stands twice', () => {
    expect(reasonOf('{"a":1,"a":1')).toBe('malformed')
  })

  test('limits nesting, of vectors too', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    expect(reasonOf(nested(limits.jsonDepthMax))).toBe('accepted')
    expect(reasonOf(nested(limits.jsonDepthMax + 1))).toBe('malformed')
    expect(reasonOf(`{"embeddings":${nested(limits.jsonDepthMax - 1)}}`)).toBe('accepted')
    expect(reasonOf(`{"embeddings":${nested(limits.jsonDepthMax)}}`)).toBe('malformed')
    expect(reasonOf('['.repeat(5_000_000))).toBe('malformed')
  })

  test('reads a view of a larger buffer', () => {
    const bytes = new Uint8Array(Buffer.from('xx{"a":2.0}yy')).subarray(2, -2)
    expect(parseJson(bytes)).toStrictEqual({ a: new WholeFloat(2) })
  })
})

describe('parsePlainJson', () => {
  test('is JSON.parse, but for integers that it would take for others', () => {
    fc.assert(
      fc.property(value, (tree) => {
        const json = writeJson({ tree })
        expect(parsePlainJson(json)).toStrictEqual(plainNumbers(parse(json)))
      }),
      { numRuns: 300 },
    )
    expect(parsePlainJson('{"embeddings":[[0.1234567890123456,2.0]],"a":9007199254740993}')).toStrictEqual({
      embeddings: [[0.1234567890123456, 2]],
      a: 9007199254740993n,
    })
  })
})

describe('writeJson', () => {
  test('writes what parseJson reads back', () => {
    fc.assert(
      fc.property(value, (tree) => {
        const body = { tree }
        expect(parse(writeJson(body))).toStrictEqual(body)
      }),
      { numRuns: 500 },
    )
  })

  test('writes as JSON.stringify does where that loses nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (tree) => {
        const plain = withoutNegativeZero(tree)
        expect(writeJson(plain)).toBe(JSON.stringify(plain))
      }),
    )
  })

  test('writes exact numbers, dates and what is not finite', () => {
    const at = new Date('2024-05-06T07:08:09.010Z')
    expect(writeJson({ a: new WholeFloat(2), b: 2n ** 62n, c: -0, d: Number.NaN, at, gone: undefined })).toBe(
      '{"a":2.0,"b":4611686018427387904,"c":-0.0,"d":null,"at":"2024-05-06T07:08:09.010Z"}',
    )
    expect(writeJson([1, -0, Number.POSITIVE_INFINITY, undefined])).toBe('[1,-0.0,null,null]')
    expect(writeJson(new WholeFloat(1e300))).toBe('1e+300')
  })

  test('writes the elements of typed arrays as floats, as short as they go', () => {
    expect(writeJson({ embedding: Float32Array.of(0.1, 1, -0) })).toBe('{"embedding":[0.1,1.0,-0.0]}')
    expect(writeJson([Float32Array.of(0.1, 1.5)])).toBe('[[0.1,1.5]]')
    expect(writeJson(Float64Array.of(0.1, 3, Number.POSITIVE_INFINITY))).toBe('[0.1,3.0,null]')
  })
})

describe('exact numbers', () => {
  test('have the text that they are read from', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (float) => {
        const read = exactNumber(floatText(float))
        expect(read).toStrictEqual(Number.isInteger(float) ? new WholeFloat(float) : float)
      }),
    )
  })

  test('become plain at any depth', () => {
    expect(plainNumbers([new WholeFloat(2), { a: new WholeFloat(-0), b: 2n ** 60n, c: 'x' }])).toStrictEqual([
      2,
      { a: -0, b: 2n ** 60n, c: 'x' },
    ])
  })
})

/** Whether it is JSON for a plain parser. */
function isReadable(json: string): boolean {
  try {
    JSON.parse(json)
    return true
  } catch {
    return false
  }
}
