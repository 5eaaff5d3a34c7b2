import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { embeddedPayloads } from '../../src/client/search/embedded-payloads.ts'
import type { ErrorCode, Metadata } from '../../src/index.ts'
import { AnnalsError, Knn, type RankInput, Rrf, Search } from '../../src/index.ts'
import { limits } from '../../src/limits.ts'
import { bestOfGroups } from '../../src/readers/group-by.ts'
import { parseSearches } from '../../src/readers/parse-search.ts'
import { score } from '../../src/readers/rank.ts'
import type { KnnRank, SearchRequest } from '../../src/readers/search-request.ts'

type Scores = Record<number, number>

/** Neighbours by the first value of a Knn's vector: what it found, as label → distance, nearest first. */
type Found = Record<number, Scores>

const found: Found = { 1: { 10: 0.5, 11: 1, 12: 2 }, 2: { 12: 0.25, 13: 4 } }

function knn(which: number, more: object = {}): Record<string, unknown> {
  return { $knn: { query: [which], limit: 10, ...more } }
}

function requestOf(payload: unknown): SearchRequest {
  return parseSearches([payload])[0]!
}

function scored(rank: unknown): [label: number, score: number][] {
  const neighborsOf = ({ vector }: KnnRank) =>
    Object.entries(found[vector![0]!]!)
      .map(([label, distance]) => ({ label: Number(label), distance }))
      .sort((a, b) => a.distance - b.distance)
  return score(requestOf({ rank }).rank!, neighborsOf).map(({ label, score: value }) => [label, value])
}

describe('scores', () => {
  test('a Knn term scores its neighbours by distance, or by place', () => {
    expect(scored(knn(1))).toEqual(Object.entries(found[1]!).map(([label, at]) => [Number(label), at]))
    expect(scored(knn(2, { return_rank: true }))).toEqual([
      [12, 0],
      [13, 1],
    ])
  })

  test('without a default only what all terms found is a candidate', () => {
    expect(scored({ $sum: [knn(1), knn(2)] })).toEqual([[12, 2.25]])
  })

  test('a default scores what the term has not found, among what others found', () => {
    expect(scored({ $sum: [knn(1, { default: 100 }), knn(2)] })).toEqual([
      [12, 2.25],
      [13, 104],
    ])
    expect(scored({ $sum: [knn(1, { default: 100 }), knn(2, { default: 7 })] })).toEqual([
      [12, 2.25],
      [10, 7.5],
      [11, 8],
      [13, 104],
    ])
  })

  test.each<[unknown, number]>([
    [{ $sum: [knn(1), { $val: 2 }, { $val: 3 }] }, 5.5],
    [{ $mul: [knn(1), { $val: -2 }] }, -1],
    [{ $sub: { left: { $val: 2 }, right: knn(1) } }, 1.5],
    [{ $div: { left: knn(1), right: { $val: 4 } } }, 0.125],
    [{ $abs: { $sub: { left: knn(1), right: { $val: 2 } } } }, 1.5],
    [{ $exp: knn(1) }, Math.exp(0.5)],
    [{ $log: knn(1) }, Math.log(0.5)],
    [{ $max: [knn(1), { $val: 0.75 }] }, 0.75],
    [{ $min: [knn(1), { $val: 0.25 }] }, 0.25],
    [{ $max: [{ $log: { $val: -1 } }, knn(1)] }, 0.5],
  ])('%j', (rank, expected) => {
    expect(new Map(scored(rank)).get(10)).toBe(expected)
  })

  test('an expression without a Knn term has no candidates', () => {
    expect(scored({ $val: 1 })).toEqual([])
    expect(scored({ $sum: [] })).toEqual([])
  })

  test('at equal scores the older vector comes first, and what is no number last', () => {
    expect(scored({ $mul: [knn(1), { $val: 0 }] }).map(([label]) => label)).toEqual([10, 11, 12])
    const rank = { $log: { $sub: { left: knn(1), right: { $val: 0.75 } } } }
    expect(scored(rank).map(([label]) => label)).toEqual([11, 12, 10])
  })

  test('reciprocal rank fusion is -Σ w / (k + rank)', () => {
    const ranks = [1, 2].map((which) => Knn({ query: [which], returnRank: true, default: 50 }))
    const fused = (more: object) => new Map(scored(Rrf({ ranks, ...more }).toJSON()))
    expect(fused({}).get(12)).toBeCloseTo(-(1 / 62 + 1 / 60), 12)
    expect(fused({}).get(10)).toBeCloseTo(-(1 / 60 + 1 / 110), 12)
    expect(fused({ k: 5, weights: [3, 1] }).get(12)).toBeCloseTo(-(3 / 7 + 1 / 5), 12)
    expect(fused({ k: 5, weights: [3, 1], normalize: true }).get(12)).toBeCloseTo(-(0.75 / 7 + 0.25 / 5), 12)
  })

  test('any arithmetic on any defaults is that of plain numbers', () => {
    const leaf = fc.oneof(
      fc.record({ $val: fc.integer({ min: -5, max: 5 }) }),
      fc.constantFrom(1, 2).map((which) => knn(which, { default: 3 })),
    )
    const { rank } = fc.letrec<{ rank: object }>((tie) => ({
      rank: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.record({ $sum: fc.array(tie('rank'), { minLength: 1, maxLength: 3 }) }),
        fc.record({ $mul: fc.array(tie('rank'), { minLength: 1, maxLength: 3 }) }),
        fc.record({ $max: fc.array(tie('rank'), { minLength: 1, maxLength: 3 }) }),
        fc.record({ $sub: fc.record({ left: tie('rank'), right: tie('rank') }) }),
        fc.record({ $abs: tie('rank') }),
      ),
    }))
    fc.assert(
      fc.property(rank, (expression) => {
        for (const [label, value] of scored(expression)) expect(value).toBe(plainly(expression, label))
      }),
      { numRuns: 300 },
    )
  })
})

type Literal = Record<string, never>

/** The score of one record, computed for that record alone. */
function plainly(expression: object, label: number): number {
  const [operator, operand] = Object.entries(expression as Literal)[0] as [string, Literal & Literal[]]
  const all = (): number[] => operand.map((each) => plainly(each, label))
  switch (operator) {
    case '$val':
      return operand as unknown as number
    case '$knn':
      return (
        found[(operand.query as unknown as number[])[0]!]![label] ?? (operand.default as unknown as number)
      )
    case '$sum':
      return all().reduce((a, b) => a + b, 0)
    case '$mul':
      return all().reduce((a, b) => a * b, 1)
    case '$max':
      return Math.max(...all())
    case '$sub':
      return plainly(operand.left!, label) - plainly(operand.right!, label)
    default:
      return Math.abs(plainly(operand, label))
  }
}

describe('groups', () => {
  const metadatas: (Metadata | null)[] = [
    { kind: 'a', year: 3 },
    { kind: 'b', year: 1 },
    { kind: 'a', year: 1 },
    { kind: 'a', year: true },
    null,
    { kind: 'a', year: 'x' },
    { year: 9 },
    { kind: 'a' },
  ]
  const ranked = metadatas.map((_, label) => ({ label, score: label / 10 }))
  const kept = (keys: string[], aggregate: object) => {
    const { groupBy } = requestOf({ rank: knn(1), group_by: { keys, aggregate } })
    return bestOfGroups(ranked, groupBy!, (label) => metadatas[label]!).map(({ label }) => label)
  }

  test('keep their best by score, with the missing key as a value of its own', () => {
    expect(kept(['kind'], { $min_k: { keys: ['#score'], k: 2 } })).toEqual([0, 1, 2, 4, 6])
    expect(kept(['kind'], { $max_k: { keys: ['#score'], k: 1 } })).toEqual([1, 6, 7])
  })

  test('order what is missing before booleans, numbers and strings', () => {
    expect(kept(['kind'], { $min_k: { keys: ['year'], k: 3 } })).toEqual([1, 2, 3, 4, 6, 7])
    expect(kept(['kind'], { $max_k: { keys: ['year'], k: 2 } })).toEqual([0, 1, 4, 5, 6])
  })

  test('go by several keys', () => {
    expect(kept(['kind', 'year'], { $min_k: { keys: ['#score'], k: 1 } })).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(kept(['year'], { $min_k: { keys: ['kind', '#score'], k: 1 } })).toEqual([0, 2, 3, 4, 5, 6])
  })
})

describe('parseSearches refuses', () => {
  const nested = (depth: number): object => (depth === 0 ? { $val: 1 } : { $abs: nested(depth - 1) })
  const value = { $val: 1 }

  test.each<[unknown, ErrorCode, string]>([
    [[], 'invalid_argument', 'at least one search'],
    [{}, 'invalid_argument', 'searches: must be an array'],
    [[7], 'invalid_argument', 'searches[0]'],
    [[{ where: {} }], 'unsupported_option', '"where"'],
    [[{ filter: { a: [1] } }], 'invalid_filter', 'where.a'],
    [[{ rank: 1 }], 'invalid_argument', 'searches[0].rank'],
    [[{ rank: {} }], 'invalid_argument', 'exactly one operator'],
    [[{ rank: { $val: 1, $abs: value } }], 'invalid_argument', 'exactly one operator'],
    [[{ rank: { $pow: value } }], 'invalid_argument', '"$pow"'],
    [[{ rank: { toString: value } }], 'invalid_argument', '"toString"'],
    [[{ rank: { $val: Number.NaN } }], 'invalid_argument', '$val'],
    [[{ rank: { $sum: value } }], 'invalid_argument', '$sum'],
    [[{ rank: { $sub: { left: value } } }], 'invalid_argument', '$sub.right'],
    [[{ rank: { $div: { left: value, right: value, rest: 1 } } }], 'unsupported_option', '"rest"'],
    [[{ rank: nested(limits.rankDepthMax) }], 'limit_exceeded', 'deep'],
    [[{ rank: { $sum: Array(limits.rankTermsMax).fill(value) } }], 'limit_exceeded', 'terms'],
    [[{ rank: { $knn: {} } }], 'invalid_argument', '$knn.query'],
    [[{ rank: { $knn: { query: [] } } }], 'invalid_argument', '$knn.query'],
    [[{ rank: { $knn: { query: [1e39] } } }], 'invalid_argument', 'float32'],
    [[{ rank: { $knn: { query: [1], limit: -1 } } }], 'invalid_argument', 'limit'],
    [[{ rank: { $knn: { query: [1], default: '1' } } }], 'invalid_argument', 'default'],
    [[{ rank: { $knn: { query: [1], return_rank: 1 } } }], 'invalid_argument', 'return_rank'],
    [[{ rank: { $knn: { query: [1], returnRank: true } } }], 'unsupported_option', '"returnRank"'],
    [[{ rank: { $knn: { query: { indices: [1], values: [1] } } } }], 'unsupported_option', 'sparse'],
    [[{ rank: { $knn: { query: [1], key: 'sparse' } } }], 'unsupported_option', 'sparse'],
    [[{ limit: 5 }], 'invalid_argument', 'limit'],
    [[{ limit: { limit: 1.5 } }], 'invalid_argument', 'limit.limit'],
    [[{ select: { keys: ['#nothing'] } }], 'invalid_argument', '#nothing'],
    [[{ select: ['#score'] }], 'invalid_argument', 'select'],
    [[{ group_by: { keys: ['a'] } }], 'invalid_argument', 'both'],
    [
      [{ group_by: { keys: ['a'], aggregate: { $min_k: { keys: ['b'], k: 1 } } } }],
      'invalid_argument',
      'rank',
    ],
    [[grouped(['#score'], { $min_k: { keys: ['b'], k: 1 } })], 'invalid_argument', '#score'],
    [[grouped(['a'], { $min_k: { keys: ['#document'], k: 1 } })], 'invalid_argument', '#document'],
    [[grouped(['a'], { $min_k: { keys: [], k: 1 } })], 'invalid_argument', 'at least one key'],
    [[grouped(['a'], { $min_k: { keys: ['b'], k: 0 } })], 'invalid_argument', 'k: must'],
    [[grouped(['a'], { $mean: { keys: ['b'], k: 1 } })], 'invalid_argument', '$min_k'],
    [Array(limits.searchesMax + 1).fill({}), 'limit_exceeded', 'searches'],
    [Array(5).fill({ rank: { $sum: Array(201).fill(knn(1)) } }), 'limit_exceeded', 'Knn'],
  ])('%j', (payloads, code, text) => {
    expect(() => parseSearches(payloads)).toThrow(expect.objectContaining({ code }))
    expect(() => parseSearches(payloads)).toThrow(text)
  })

  function grouped(keys: string[], aggregate: object): object {
    return { rank: knn(1), group_by: { keys, aggregate } }
  }
})

describe('embeddedPayloads', () => {
  test('puts vectors where texts were, whatever the order of the keys', () => {
    const text = (query: string) => ({ $knn: { query, limit: 3 } })
    const payloads = [
      { rank: { $sub: { right: text('b'), left: { $sum: [text('a'), knn(7)] } } }, limit: { limit: 1 } },
      { filter: { query: 'a' } },
    ]
    const requests = parseSearches(payloads)
    for (const each of requests[0]!.knns) each.vector ??= Float32Array.of(each.text === 'a' ? 1 : 2)
    const vector = (value: number) => ({ $knn: { query: [value], limit: 3 } })
    expect(embeddedPayloads(payloads, requests)).toEqual([
      { rank: { $sub: { right: vector(2), left: { $sum: [vector(1), knn(7)] } } }, limit: { limit: 1 } },
      { filter: { query: 'a' } },
    ])
    expect(payloads[0]!.rank!.$sub.right).toEqual(text('b'))
  })
})

describe('the builder', () => {
  test.each<[string, () => unknown]>([
    ['an unknown option', () => new Search({ filter: {} } as never)],
    ['a Knn without a neighbour', () => Knn({ query: [1], limit: 0 })],
    ['a Knn with an unknown option', () => Knn({ query: [1], return_rank: true } as never)],
    ['a rank that is text', () => new Search().rank('near' as unknown as RankInput)],
    ['no ranks to fuse', () => Rrf({ ranks: [] })],
    ['as many weights as do not fit', () => Rrf({ ranks: [1], weights: [1, 2] })],
    ['a negative weight', () => Rrf({ ranks: [1], weights: [-1] })],
    ['weights of nothing', () => Rrf({ ranks: [1], weights: [0], normalize: true })],
  ])('refuses %s', (_, build) => {
    expect(build).toThrow(AnnalsError)
  })

  test('never changes a search that is there', () => {
    const base = new Search().limit(5)
    base
      .where({ a: 1 })
      .rank(Knn({ query: [1] }))
      .selectAll()
    expect(base.toPayload()).toEqual({ limit: { limit: 5 }, select: { keys: [] } })
  })
})
