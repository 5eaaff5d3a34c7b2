import type { Vector } from '../../types.ts'
import {
  checkArray,
  checkInteger,
  checkKeys,
  checkObject,
  invalid,
  isPlainObject,
} from '../../validation/values.ts'
import { type KeyInput, nameOf } from './key.ts'
import { hasToJson } from './where-expression.ts'

/** A ranking expression as it goes over the wire, such as `{ $val: 1 }`. */
export type RankLiteral = Record<string, unknown>

/** An expression: built, a number, written down, or built by the official client. */
export type RankInput = RankExpression | number | RankLiteral | { toJSON(): unknown }

/**
 * Gives every candidate a score, of which lower is better; made by `Knn`, `Rrf`, `Val` and the arithmetic on
 * them. Immutable; what an operator accepts is checked by the search.
 */
export class RankExpression {
  readonly #rank: RankLiteral

  constructor(rank: RankLiteral) {
    this.#rank = rank
  }

  add(...others: RankInput[]): RankExpression {
    return list('$sum', [this, ...others])
  }

  subtract(other: RankInput): RankExpression {
    return Sub(this, other)
  }

  multiply(...others: RankInput[]): RankExpression {
    return list('$mul', [this, ...others])
  }

  divide(other: RankInput): RankExpression {
    return Div(this, other)
  }

  negate(): RankExpression {
    return this.multiply(-1)
  }

  abs(): RankExpression {
    return Abs(this)
  }

  exp(): RankExpression {
    return Exp(this)
  }

  log(): RankExpression {
    return Log(this)
  }

  max(...others: RankInput[]): RankExpression {
    return list('$max', [this, ...others])
  }

  min(...others: RankInput[]): RankExpression {
    return list('$min', [this, ...others])
  }

  toJSON(): RankLiteral {
    return this.#rank
  }
}

/** The expression as it is written down. */
export function rankOf(input: RankInput): RankLiteral {
  if (typeof input === 'number') return { $val: input }
  const rank = hasToJson(input) ? input.toJSON() : input
  if (isPlainObject(rank)) return rank
  throw invalid('rank', 'must be a ranking expression or a number', input)
}

export interface KnnOptions {
  /** A vector, or a text for the collection's embedding function. */
  query: Vector | Iterable<number> | string
  /** Default `#embedding`, which is the only key that holds vectors. */
  key?: KeyInput
  /** Neighbours that are looked for, 1 to 100,000; default 128. */
  limit?: number
  /** The score of records that are not among them; without it they are no candidates. */
  default?: number | null
  /** Score by the place among the neighbours, from 0, instead of by distance; `Rrf` needs it. */
  returnRank?: boolean
}

/**
 * The distance to a query.
 *
 * @example
 * new Search().rank(Knn({ query: 'a thought' })).limit(10).select('#document', '#score')
 */
export function Knn(options: KnnOptions): RankExpression {
  const given = checkObject(options, 'Knn')
  checkKeys(given, ['query', 'key', 'limit', 'default', 'returnRank'], 'Knn')
  const { query, key = '#embedding', limit = 128, default: fallback, returnRank = false } = options
  return new RankExpression({
    $knn: {
      query: isIterable(query) ? Array.from(query) : query,
      key: nameOf(key),
      limit: checkInteger(limit, 'Knn.limit', 1),
      ...(fallback != null && { default: fallback }),
      ...(returnRank && { return_rank: true }),
    },
  })
}

/** The same score for every candidate. */
export function Val(value: number): RankExpression {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw invalid('Val', 'must be a finite number', value)
  return new RankExpression({ $val: value })
}

export interface RrfOptions {
  /** What is fused: `Knn` terms with `returnRank`. */
  ranks: RankInput[]
  /** Dampens the first places; a whole number, default 60. */
  k?: number
  /** Of each rank, not negative; default 1. */
  weights?: number[]
  /** Divides the weights by their sum; default false. */
  normalize?: boolean
}

/**
 * Reciprocal rank fusion: `-Σ weight / (k + rank)`.
 *
 * @example
 * Rrf({ ranks: [Knn({ query: a, returnRank: true }), Knn({ query: b, returnRank: true, default: 1000 })] })
 */
export function Rrf(options: RrfOptions): RankExpression {
  checkKeys(checkObject(options, 'Rrf'), ['ranks', 'k', 'weights', 'normalize'], 'Rrf')
  const { k = 60, normalize = false } = options
  checkInteger(k, 'Rrf.k', 1)
  const ranks = checkArray(options.ranks, 'Rrf.ranks') as RankInput[]
  if (ranks.length === 0) throw invalid('Rrf.ranks', 'must hold at least one rank', ranks)
  const weights = rrfWeights(options.weights ?? ranks.map(() => 1), ranks.length, normalize)
  const terms = ranks.map((rank, index) => Val(weights[index]!).divide(Sum(rank, k)))
  return Sum(...terms).negate()
}

function rrfWeights(given: unknown, count: number, normalize: boolean): number[] {
  const weights = checkArray(given, 'Rrf.weights').map((weight, index) => {
    if (typeof weight === 'number' && Number.isFinite(weight) && weight >= 0) return weight
    throw invalid(`Rrf.weights[${index}]`, 'must be a number of at least 0', weight)
  })
  if (weights.length !== count) throw invalid('Rrf.weights', `must be ${count}, one for each rank`, weights)
  if (!normalize) return weights
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  if (total <= 0) throw invalid('Rrf.weights', 'must have a sum above 0 to be normalised', weights)
  return weights.map((weight) => weight / total)
}

/** The sum of all; 0 of none. */
export function Sum(...ranks: RankInput[]): RankExpression {
  return list('$sum', ranks)
}

/** The product of all; 1 of none. */
export function Mul(...ranks: RankInput[]): RankExpression {
  return list('$mul', ranks)
}

/** The largest of all. */
export function Max(...ranks: RankInput[]): RankExpression {
  return list('$max', ranks)
}

/** The smallest of all. */
export function Min(...ranks: RankInput[]): RankExpression {
  return list('$min', ranks)
}

/** The left without the right. */
export function Sub(left: RankInput, right: RankInput): RankExpression {
  return new RankExpression({ $sub: { left: rankOf(left), right: rankOf(right) } })
}

/** The left by the right. */
export function Div(left: RankInput, right: RankInput): RankExpression {
  return new RankExpression({ $div: { left: rankOf(left), right: rankOf(right) } })
}

/** The amount without its sign. */
export function Abs(rank: RankInput): RankExpression {
  return new RankExpression({ $abs: rankOf(rank) })
}

/** `e` to the power of the score. */
export function Exp(rank: RankInput): RankExpression {
  return new RankExpression({ $exp: rankOf(rank) })
}

/** The natural logarithm. */
export function Log(rank: RankInput): RankExpression {
  return new RankExpression({ $log: rankOf(rank) })
}

/** What is of the same operator already is not nested. */
function list(operator: '$sum' | '$mul' | '$max' | '$min', ranks: RankInput[]): RankExpression {
  if (ranks.length === 0) throw invalid(operator, 'must have at least one operand', ranks)
  const operands = ranks.map(rankOf).flatMap((rank) => {
    const inner = rank[operator]
    return Array.isArray(inner) ? (inner as RankLiteral[]) : [rank]
  })
  return new RankExpression(operands.length === 1 ? operands[0]! : { [operator]: operands })
}

function isIterable(value: unknown): value is Iterable<number> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}
