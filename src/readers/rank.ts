/** Scores of candidates by a ranking expression. Pure: neighbours in, scores out. */
import type { Neighbor } from '../projections/vectors/top-k.ts'
import type { KnnRank, ListRank, Rank } from './search-request.ts'

/** A record of an answer, named by its label. Lower scores are better. */
export interface Scored {
  label: number
  score: number
}

/**
 * The scores that an expression gives: those of some records by label, and the one that all others have; `null`
 * where the others are no candidates.
 */
interface Scores {
  some: Map<number, number>
  rest: number | null
}

/**
 * What `rank` scores, best first; at equal scores the older vector comes first, and what is no number comes last.
 *
 * A candidate is a record that a Knn term has found: by all of those that have no default, and by any one. So an
 * expression without a Knn term has no candidates. Chroma scores in single precision, this in double.
 *
 * @param neighborsOf - the neighbours of a Knn term, nearest first
 */
export function score(rank: Rank, neighborsOf: (knn: KnnRank) => readonly Neighbor[]): Scored[] {
  const { some } = evaluate(rank, neighborsOf)
  return sorted([...some].map(([label, value]) => ({ label, score: value })))
}

/** The same, best first. */
export function sorted(scored: Scored[]): Scored[] {
  return scored.sort((a, b) => inOrder(a.score, b.score) || a.label - b.label)
}

const unary = { abs: Math.abs, exp: Math.exp, log: Math.log } as const
const binary = {
  sub: (a: number, b: number): number => a - b,
  div: (a: number, b: number): number => a / b,
  sum: (a: number, b: number): number => a + b,
  mul: (a: number, b: number): number => a * b,
  max: (a: number, b: number): number => (b > a || Number.isNaN(a) ? b : a),
  min: (a: number, b: number): number => (b < a || Number.isNaN(a) ? b : a),
} as const
/** What an operation over nothing gives. */
const neutral = {
  sum: 0,
  mul: 1,
  max: Number.NEGATIVE_INFINITY,
  min: Number.POSITIVE_INFINITY,
} as const satisfies Record<ListRank['kind'], number>

function evaluate(rank: Rank, neighborsOf: (knn: KnnRank) => readonly Neighbor[]): Scores {
  switch (rank.kind) {
    case 'value':
      return { some: new Map(), rest: rank.value }
    case 'knn':
      return found(rank, neighborsOf(rank))
    case 'abs':
    case 'exp':
    case 'log':
      return mapped(evaluate(rank.operand, neighborsOf), unary[rank.kind])
    case 'sub':
    case 'div':
      return merged(evaluate(rank.left, neighborsOf), evaluate(rank.right, neighborsOf), binary[rank.kind])
    default: {
      const nothing: Scores = { some: new Map(), rest: neutral[rank.kind] }
      const parts = rank.operands.map((operand) => evaluate(operand, neighborsOf))
      return parts.reduce((sum, part) => merged(sum, part, binary[rank.kind]), nothing)
    }
  }
}

function found({ byPlace, fallback }: KnnRank, neighbors: readonly Neighbor[]): Scores {
  const scores = neighbors.map(({ label, distance }, place) => [label, byPlace ? place : distance] as const)
  return { some: new Map(scores), rest: fallback }
}

function mapped({ some, rest }: Scores, map: (value: number) => number): Scores {
  return {
    some: new Map([...some].map(([label, value]) => [label, map(value)])),
    rest: rest === null ? null : map(rest),
  }
}

function merged(left: Scores, right: Scores, combine: (a: number, b: number) => number): Scores {
  const some = new Map<number, number>()
  const put = (label: number): void => {
    const a = left.some.get(label) ?? left.rest
    const b = right.some.get(label) ?? right.rest
    if (a !== null && b !== null) some.set(label, combine(a, b))
  }
  for (const label of left.some.keys()) put(label)
  for (const label of right.some.keys()) put(label)
  const rest = left.rest === null || right.rest === null ? null : combine(left.rest, right.rest)
  return { some, rest }
}

/** How two numbers compare: ascending; NaN, which is neither less nor more than any, comes last. */
export function inOrder(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
}
