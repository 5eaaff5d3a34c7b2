import { AnnalsError } from '../errors.ts'
import { limits } from '../limits.ts'
import { isWholeFloat } from '../metadata-form.ts'
import {
  checkArray,
  checkInteger,
  checkKeys,
  checkObject,
  checkText,
  checkVector,
  invalid,
  isPlainObject,
} from '../validation/values.ts'
import type { KnnRank, ListRank, PairRank, Rank } from './search-request.ts'

const lists = { $sum: 'sum', $mul: 'mul', $max: 'max', $min: 'min' } as const
const pairs = { $sub: 'sub', $div: 'div' } as const
const unaries = { $abs: 'abs', $exp: 'exp', $log: 'log' } as const
const operators = ['$val', '$knn', ...Object.keys({ ...lists, ...pairs, ...unaries })].join(', ')

/** Neighbours of a `$knn` that does not say how many: what Chroma's server takes. Its clients always say 128. */
const knnLimit = 16

interface Progress {
  terms: number
  knns: KnnRank[]
}

/**
 * Checks a ranking expression as it comes over the wire, and appends its Knn terms to `knns`.
 * Throws `invalid_argument`, `limit_exceeded`; `unsupported_option` for sparse vectors.
 */
export function parseRank(value: unknown, place: string, knns: KnnRank[]): Rank {
  return term(value, place, 0, { terms: 0, knns })
}

function term(value: unknown, place: string, depth: number, progress: Progress): Rank {
  progress.terms += 1
  if (progress.terms > limits.rankTermsMax)
    throw tooLarge(place, `a ranking expression may have at most ${limits.rankTermsMax} terms`)
  if (depth === limits.rankDepthMax)
    throw tooLarge(place, `a ranking expression may be nested at most ${limits.rankDepthMax} deep`)
  const given = checkObject(value, place)
  const [operator, ...more] = Object.keys(given)
  if (operator === undefined || more.length > 0) throw invalid(place, 'must have exactly one operator', value)
  const operand = given[operator]
  const at = `${place}.${operator}`
  const inner = (each: unknown, where: string): Rank => term(each, where, depth + 1, progress)
  if (operator === '$val') return { kind: 'value', value: checkNumber(operand, at) }
  if (operator === '$knn') return knn(operand, at, progress.knns)
  if (isKeyOf(lists, operator)) return list(lists[operator], operand, at, inner)
  if (isKeyOf(pairs, operator)) return pair(pairs[operator], operand, at, inner)
  if (isKeyOf(unaries, operator)) return { kind: unaries[operator], operand: inner(operand, at) }
  throw invalid(place, `the operators are ${operators}`, operator)
}

type Inner = (value: unknown, place: string) => Rank

function list(kind: ListRank['kind'], operand: unknown, place: string, inner: Inner): Rank {
  const operands = checkArray(operand, place).map((each, index) => inner(each, `${place}[${index}]`))
  return { kind, operands }
}

function pair(kind: PairRank['kind'], operand: unknown, place: string, inner: Inner): Rank {
  const given = checkObject(operand, place)
  checkKeys(given, ['left', 'right'], place)
  return { kind, left: inner(given.left, `${place}.left`), right: inner(given.right, `${place}.right`) }
}

function knn(value: unknown, place: string, knns: KnnRank[]): Rank {
  const given = checkObject(value, place)
  checkKeys(given, ['query', 'key', 'limit', 'default', 'return_rank'], place)
  const { query, key, limit, default: fallback, return_rank: byPlace } = given
  if (key != null) checkKnnKey(key, `${place}.key`)
  const text = typeof query === 'string' ? checkText(query, `${place}.query`, limits.documentLengthMax) : null
  if (byPlace != null && typeof byPlace !== 'boolean')
    throw invalid(`${place}.return_rank`, 'must be true or false', byPlace)
  const rank: KnnRank = {
    kind: 'knn',
    vector: text === null ? denseVector(query, `${place}.query`) : null,
    text,
    limit: limit == null ? knnLimit : checkInteger(limit, `${place}.limit`, 0, limits.resultsMax),
    fallback: fallback == null ? null : checkNumber(fallback, `${place}.default`),
    byPlace: byPlace === true,
  }
  knns.push(rank)
  return rank
}

function checkKnnKey(value: unknown, place: string): void {
  const key = checkText(value, place, limits.metadataKeyLengthMax)
  if (key !== '#embedding') throw sparse(`${place}: only #embedding holds vectors, not the key "${key}".`)
}

function denseVector(value: unknown, place: string): Float32Array {
  if (isPlainObject(value) && 'indices' in value) throw sparse(`${place}: sparse vectors are not supported.`)
  return checkVector(value, place)
}

function sparse(message: string): AnnalsError {
  return new AnnalsError('unsupported_option', message, {
    hint: 'A record has one dense vector, under #embedding.',
  })
}

function checkNumber(value: unknown, place: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  if (isWholeFloat(value)) return value.value
  throw invalid(place, 'must be a finite number', value)
}

function isKeyOf<T extends object>(names: T, name: string): name is Extract<keyof T, string> {
  return Object.hasOwn(names, name)
}

function tooLarge(place: string, rule: string): AnnalsError {
  return new AnnalsError('limit_exceeded', `${place}: ${rule}.`)
}
