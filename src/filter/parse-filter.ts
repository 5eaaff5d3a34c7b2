import { AnnalsError, type ErrorCode, show } from '../errors.ts'
import { int64Max, int64Min } from '../exact-number.ts'
import { limits } from '../limits.ts'
import { isWholeFloat } from '../metadata-form.ts'
import type { MetadataScalar } from '../types.ts'
import type { Filter } from './filter.ts'
import { regularExpression } from './regular-expression.ts'

/**
 * Checks a filter on metadata, as a caller gave it; `null` when there is none (`undefined` or `null`).
 *
 * - An object has exactly one key. `$and` of nothing accepts all records, `$or` of nothing none.
 * - `{ key: value }` is short for `{ key: { $eq: value } }`; under the key `#document` stands a filter on the
 *   document, under `#id` one on the id: `$eq`, `$ne`, `$in` or `$nin` with strings.
 * - A filter that could only ever find nothing by mistake is refused too: a key that no record can have, an
 *   empty `$in`, values of mixed types.
 * - The answer shares nothing with what was given: a later change to that changes nothing here.
 *
 * @throws AnnalsError `invalid_filter`, naming the place, the rule and the value; `limit_exceeded` for a
 *   filter that is too deep, too wide or has too long a list or pattern.
 * @example
 * parseWhere({ $and: [{ topic: 'history' }, { year: { $gte: 1900 } }] })
 */
export function parseWhere(value: unknown): Filter | null {
  return parse(value, 'where', metadataClause)
}

/**
 * Checks a filter on documents, as a caller gave it; the same rules and errors as `parseWhere`.
 *
 * @example
 * parseWhereDocument({ $or: [{ $contains: 'Ada' }, { $regex: '\\bLovelace\\b' }] })
 */
export function parseWhereDocument(value: unknown): Filter | null {
  return parse(value, 'whereDocument', documentClause)
}

/** Accepts what all of the filters accept that are there; `null` when there is none. */
export function conjunction(...filters: (Filter | null)[]): Filter | null {
  const [first = null, ...more] = filters.filter((filter) => filter !== null)
  return first === null || more.length === 0 ? first : { kind: 'and', children: [first, ...more] }
}

/** Reads one clause: what stands under a key that is neither `$and` nor `$or`. */
type ClauseParser = (key: string, operand: unknown, place: string) => Filter

interface Progress {
  readonly clause: ClauseParser
  clauses: number
}

function parse(value: unknown, place: string, clause: ClauseParser): Filter | null {
  if (value === undefined || value === null) return null
  try {
    return node(value, place, 0, { clause, clauses: 0 })
  } catch (error) {
    if (error instanceof AnnalsError) throw error
    // A getter or a proxy of the caller's threw.
    throw failure('invalid_filter', `${place}: cannot be read.`, undefined, error)
  }
}

function node(value: unknown, place: string, depth: number, progress: Progress): Filter {
  const [key, operand] = onlyEntry(value, place)
  if (key === '$and') return { kind: 'and', children: nodes(operand, `${place}.$and`, depth, progress) }
  if (key === '$or') return { kind: 'or', children: nodes(operand, `${place}.$or`, depth, progress) }
  countClause(place, progress)
  return progress.clause(key, operand, inside(place, key))
}

function nodes(value: unknown, place: string, depth: number, progress: Progress): Filter[] {
  if (depth === limits.filterDepthMax)
    throw tooLarge(place, `$and and $or may be nested at most ${limits.filterDepthMax} deep`)
  const values = listOf(value, place, limits.filterClausesMax, 'clauses')
  if (values.length === 0) countClause(place, progress)
  return values.map((each, index) => node(each, `${place}[${index}]`, depth + 1, progress))
}

function countClause(place: string, progress: Progress): void {
  progress.clauses += 1
  if (progress.clauses > limits.filterClausesMax)
    throw tooLarge(place, `a filter may have at most ${limits.filterClausesMax} clauses`)
}

function metadataClause(key: string, operand: unknown, place: string): Filter {
  if (key === '#document') {
    const [operator, value] = onlyEntry(operand, place)
    return documentClause(operator, value, inside(place, operator))
  }
  if (key === '#id') return idClause(operand, place)
  checkKey(key, place)
  if (typeof operand !== 'object' || operand === null || isWholeFloat(operand))
    return { kind: 'compare', key, operator: 'eq', value: scalar(operand, place) }
  if (Array.isArray(operand))
    throw invalid(place, 'must be a value or an operator', operand, 'For any of several values use $in.')
  const [operator, value] = onlyEntry(operand, place)
  const at = inside(place, operator)
  switch (operator) {
    case '$eq':
    case '$ne':
      return { kind: 'compare', key, operator: operator === '$eq' ? 'eq' : 'ne', value: scalar(value, at) }
    case '$gt':
    case '$gte':
    case '$lt':
    case '$lte':
      return { kind: 'compare', key, operator: orders[operator], value: number(value, at) }
    case '$in':
    case '$nin':
      return { kind: 'in', key, values: scalars(value, at), negated: operator === '$nin' }
    case '$contains':
    case '$not_contains':
      return { kind: 'contains', key, value: scalar(value, at), negated: operator === '$not_contains' }
    default:
      throw unknownOperator(operator, at, metadataOperators)
  }
}

function idClause(operand: unknown, place: string): Filter {
  if (typeof operand === 'string') return { kind: 'id', ids: [text(operand, place)], negated: false }
  const [operator, value] = onlyEntry(operand, place)
  const at = inside(place, operator)
  switch (operator) {
    case '$eq':
    case '$ne':
      return { kind: 'id', ids: [text(value, at)], negated: operator === '$ne' }
    case '$in':
    case '$nin':
      return { kind: 'id', ids: texts(value, at), negated: operator === '$nin' }
    default:
      throw unknownOperator(operator, at, 'On ids there are $eq, $ne, $in and $nin.')
  }
}

const orders = { $gt: 'gt', $gte: 'gte', $lt: 'lt', $lte: 'lte' } as const
const metadataOperators =
  'On metadata there are $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $contains and $not_contains; ' +
  '$regex and $not_regex are for documents: use whereDocument, or the key #document.'
const documentOperators =
  'On documents there are $contains, $not_contains, $regex and $not_regex, and $and and $or around them.'

function documentClause(operator: string, operand: unknown, place: string): Filter {
  switch (operator) {
    case '$contains':
    case '$not_contains':
      return { kind: 'document-contains', text: text(operand, place), negated: operator === '$not_contains' }
    case '$regex':
    case '$not_regex':
      return {
        kind: 'document-matches',
        pattern: pattern(operand, place),
        negated: operator === '$not_regex',
      }
    default:
      throw unknownOperator(operator, place, documentOperators)
  }
}

function checkKey(key: string, place: string): void {
  if (key.startsWith('$')) throw unknownOperator(key, place, 'Above the keys there are $and and $or.')
  if (key === '') throw invalid(place, 'a metadata key must not be empty', key)
  if (key.startsWith('#')) throw invalid(place, 'a metadata key must not begin with #', key)
  if (!key.isWellFormed()) throw invalid(place, malformed, key)
}

/** The one entry of a plain object. Each property is read once: a getter cannot answer differently later. */
function onlyEntry(value: unknown, place: string): [key: string, value: unknown] {
  if (!isPlainObject(value)) throw invalid(place, 'must be a plain object', value)
  const keys = Object.keys(value)
  const [key] = keys
  if (key !== undefined && keys.length === 1) return [key, value[key]]
  const rule = `must have exactly one key, and has ${keys.length}`
  throw invalid(place, rule, value, 'Join several conditions with $and; leave the filter out to accept all.')
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  // Another realm's Object.prototype is not ours, but it too has nothing above it.
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** A copy, taken only after its length is known to be harmless. */
function listOf(value: unknown, place: string, lengthMax: number, what: string): unknown[] {
  if (!Array.isArray(value)) throw invalid(place, 'must be an array', value)
  const { length } = value
  if (length > lengthMax) throw tooLarge(place, `${length} ${what}; at most ${lengthMax} are allowed`)
  return Array.from({ length }, (_, index) => value[index] as unknown)
}

function scalars(value: unknown, place: string): MetadataScalar[] {
  const values = listOf(value, place, limits.filterValuesMax, 'values').map((each, index) =>
    scalar(each, `${place}[${index}]`),
  )
  if (values.length === 0) throw invalid(place, 'must hold at least one value', value)
  const odd = values.findIndex((each) => typeName(each) !== typeName(values[0]!))
  if (odd === -1) return values
  throw invalid(
    `${place}[${odd}]`,
    `all values must be of one type, here ${typeName(values[0]!)}`,
    values[odd],
  )
}

function texts(value: unknown, place: string): string[] {
  const values = scalars(value, place)
  return values.map((each, index) => text(each, `${place}[${index}]`))
}

function scalar(value: unknown, place: string): MetadataScalar {
  if (typeof value === 'string') return text(value, place)
  if (typeof value === 'boolean') return value
  if (typeof value === 'number' || typeof value === 'bigint' || isWholeFloat(value))
    return number(value, place)
  throw invalid(place, 'must be a string, a number or a boolean', value)
}

/** Numbers are compared as numbers, so integers and floats are one type. */
function typeName(value: MetadataScalar): string {
  return typeof value === 'bigint' ? 'number' : typeof value
}

function number(value: unknown, place: string): number | bigint {
  if (isWholeFloat(value)) return value.value
  if (typeof value === 'bigint') return integer(value, place)
  if (typeof value !== 'number') throw invalid(place, 'must be a number', value)
  if (!Number.isFinite(value)) throw invalid(place, 'must be a finite number', value)
  if (!Number.isInteger(value) || Number.isSafeInteger(value)) return value
  const hint = 'Beyond, a number does not say which integer is meant: give a bigint.'
  throw invalid(place, 'a whole number must lie between -(2^53 - 1) and 2^53 - 1', value, hint)
}

/** A bigint only where a number would not do. */
function integer(value: bigint, place: string): number | bigint {
  if (value < int64Min || value > int64Max) throw invalid(place, 'must be an integer of 64 bits', value)
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}

const malformed = 'must be well-formed Unicode, without lone surrogates'

function text(value: unknown, place: string): string {
  if (typeof value !== 'string') throw invalid(place, 'must be a string', value)
  if (!value.isWellFormed()) throw invalid(place, malformed, value)
  return value
}

/** Compiles it too: what is refused, is refused before the first record is looked at. */
function pattern(value: unknown, place: string): string {
  const source = text(value, place)
  try {
    regularExpression(source)
  } catch (error) {
    if (!(error instanceof AnnalsError)) throw error
    throw failure(error.code, `${place}: ${error.message}`, error.hint, error.cause)
  }
  return source
}

/** The path of what stands under a key: `.key` where that is plain to read, `["a key"]` elsewhere. */
function inside(place: string, key: string): string {
  return /^[$#\w-]{1,80}$/.test(key) ? `${place}.${key}` : `${place}[${show(key)}]`
}

function unknownOperator(operator: string, place: string, hint: string): AnnalsError {
  return failure('invalid_filter', `${place}: there is no operator ${show(operator)} here.`, hint)
}

function invalid(place: string, rule: string, value: unknown, hint?: string): AnnalsError {
  return failure('invalid_filter', `${place}: ${rule}, got ${show(value)}.`, hint)
}

function tooLarge(place: string, rule: string): AnnalsError {
  return failure('limit_exceeded', `${place}: ${rule}.`)
}

function failure(code: ErrorCode, message: string, hint?: string, cause?: unknown): AnnalsError {
  return new AnnalsError(code, message, {
    fate: 'not_written',
    ...(hint !== undefined && { hint }),
    ...(cause !== undefined && { cause }),
  })
}
