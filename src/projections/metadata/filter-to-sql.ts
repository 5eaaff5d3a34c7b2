import type {
  CompareFilter,
  ContainsFilter,
  DocumentContainsFilter,
  DocumentMatchesFilter,
  Filter,
  IdFilter,
  InFilter,
} from '../../filter/filter.ts'
import { valueText } from '../../format/metadata-text.ts'
import type { MetadataScalar } from '../../types.ts'

/** A boolean expression, and the values for its placeholders in their order. */
export interface SqlCondition {
  sql: string
  parameters: SqlValue[]
}

export type SqlValue = string | number | bigint

/**
 * The filter as an SQL expression over `records`, which the statement must call `r`. `collection` is the key of
 * the one collection that the statement selects from.
 *
 * What holds:
 * - It accepts just what `matchesFilter` accepts.
 * - It is 1 or 0 and never NULL, so that it may stand under NOT, AND and OR; it needs no parentheses there.
 * - Metadata is found by the typed indexes: every condition on a typed column implies that it is not null.
 * - However many values a filter has, each clause has a handful of placeholders.
 *
 * The connection must know the functions of `filter-functions.ts`.
 */
export function filterToSql(filter: Filter, collection: number): SqlCondition {
  switch (filter.kind) {
    case 'and':
      return joined(filter.children, 'AND', '1', collection)
    case 'or':
      return joined(filter.children, 'OR', '0', collection)
    case 'id':
      return negatedIf(filter.negated, hasId(filter, collection))
    case 'compare':
      return compare(filter, collection)
    case 'in':
      return negatedIf(filter.negated, isOneOf(filter, collection))
    case 'contains':
      return negatedIf(filter.negated, arrayContains(filter, collection))
    case 'document-contains':
      return negatedIf(filter.negated, documentContains(filter))
    case 'document-matches':
      return negatedIf(filter.negated, documentMatches(filter))
  }
}

function joined(filters: Filter[], operator: 'AND' | 'OR', empty: string, collection: number): SqlCondition {
  if (filters.length === 0) return { sql: empty, parameters: [] }
  const conditions = filters.map((filter) => filterToSql(filter, collection))
  return {
    sql: `(${conditions.map(({ sql }) => sql).join(` ${operator} `)})`,
    parameters: conditions.flatMap(({ parameters }) => parameters),
  }
}

function negatedIf(negated: boolean, { sql, parameters }: SqlCondition): SqlCondition {
  return { sql: negated ? `(NOT ${sql})` : sql, parameters }
}

/** By way of the index on ids, which the statement around this one may not use. */
function hasId({ ids }: IdFilter, collection: number): SqlCondition {
  return {
    sql: 'r.added IN (SELECT added FROM records WHERE collection = ? AND id IN (SELECT value FROM json_each(?)))',
    parameters: [collection, JSON.stringify(ids)],
  }
}

type MetadataTable = 'record_metadata' | 'record_metadata_array'

function compare({ key, operator, value }: CompareFilter, collection: number): SqlCondition {
  const tests = columnTests(value, operator)
  return negatedIf(operator === 'ne', recordsWith('record_metadata', collection, key, tests))
}

function isOneOf({ key, values }: InFilter, collection: number): SqlCondition {
  return recordsWith('record_metadata', collection, key, listTests(values))
}

function arrayContains({ key, value }: ContainsFilter, collection: number): SqlCondition {
  return recordsWith('record_metadata_array', collection, key, columnTests(value, 'eq'))
}

/** What is asked of a typed column. */
interface ColumnTest {
  column: 'string_value' | 'int_value' | 'float_value' | 'bool_value'
  comparison: string
  operand: SqlValue
}

const comparisons = { eq: '= ?', ne: '= ?', gt: '> ?', gte: '>= ?', lt: '< ?', lte: '<= ?' } as const

/** A test for each column in which a value of this type may stand: numbers may be integers or floats. */
function columnTests(value: MetadataScalar, operator: CompareFilter['operator']): ColumnTest[] {
  const comparison = comparisons[operator]
  if (typeof value === 'string') return [{ column: 'string_value', comparison, operand: value }]
  if (typeof value === 'boolean') return [{ column: 'bool_value', comparison, operand: Number(value) }]
  const integers: ColumnTest = { column: 'int_value', comparison, operand: value }
  return typeof value === 'bigint'
    ? [integers, ...floatTests(value, operator)]
    : [integers, { column: 'float_value', comparison, operand: value }]
}

/**
 * What a comparison with a large integer asks of floats. SQLite would round the integer first, so it is compared with
 * the float next to it: no other float lies between the two.
 */
function floatTests(integer: bigint, operator: CompareFilter['operator']): ColumnTest[] {
  const operand = Number(integer)
  const test = (comparison: string): ColumnTest[] => [{ column: 'float_value', comparison, operand }]
  const rounded = BigInt(operand)
  if (rounded === integer) return test(comparisons[operator])
  if (operator === 'eq' || operator === 'ne') return []
  const isGreater = operator === 'gt' || operator === 'gte'
  const includesOperand = isGreater === rounded > integer
  return test(isGreater ? (includesOperand ? '>= ?' : '> ?') : includesOperand ? '<= ?' : '< ?')
}

/** One JSON parameter for each list: SQLite limits the number of placeholders. */
function listTests(values: MetadataScalar[]): ColumnTest[] {
  const comparison = 'IN (SELECT value FROM json_each(?))'
  const test = (column: ColumnTest['column'], list: MetadataScalar[]): ColumnTest => ({
    column,
    comparison,
    operand: listText(list),
  })
  if (typeof values[0] === 'string') return [test('string_value', values)]
  if (typeof values[0] === 'boolean') return [test('bool_value', values.map(Number))]
  const floats = values.filter((value) => typeof value !== 'bigint' || BigInt(Number(value)) === value)
  return [test('int_value', values), test('float_value', floats)]
}

/**
 * A list as JSON. A float that is whole and large gets an exponent: without one SQLite would read its shortest
 * digits as an integer of 64 bits, and most of those are not the float.
 */
function listText(values: MetadataScalar[]): string {
  const isLargeFloat = (value: MetadataScalar) => Number.isInteger(value) && !Number.isSafeInteger(value)
  const texts = values.map((value) =>
    isLargeFloat(value) ? (value as number).toExponential() : valueText(value),
  )
  return `[${texts.join(',')}]`
}

/** Records that have a row under `key` which passes one of the tests. */
function recordsWith(
  table: MetadataTable,
  collection: number,
  key: string,
  tests: readonly ColumnTest[],
): SqlCondition {
  const selects = tests.map(
    ({ column, comparison }) =>
      `SELECT record FROM ${table} WHERE collection = ? AND key = ? AND ${column} ${comparison}`,
  )
  return {
    sql: `r.added IN (${selects.join(' UNION ALL ')})`,
    parameters: tests.flatMap(({ operand }) => [collection, key, operand]),
  }
}

/**
 * The trigrams say which documents may have the text in them, and the text itself decides: it may have its
 * trigrams elsewhere than the document. Texts without a trigram leave it to the comparison alone.
 */
function documentContains({ text }: DocumentContainsFilter): SqlCondition {
  const holdsText = 'ifnull(instr(r.document, ?), 0) > 0'
  const trigrams = trigramsOf(text)
  if (trigrams.length === 0) return { sql: `(${holdsText})`, parameters: [text] }
  const candidates = 'r.added IN (SELECT rowid FROM documents_fts WHERE documents_fts MATCH ?)'
  const query = trigrams.map((trigram) => `"${trigram.replaceAll('"', '""')}"`).join(' AND ')
  return { sql: `(${candidates} AND ${holdsText})`, parameters: [query, text] }
}

function documentMatches({ pattern }: DocumentMatchesFilter): SqlCondition {
  return { sql: 'annals_regex_matches(?, r.document)', parameters: [pattern] }
}

/** More of them would read more lists of the index and hardly leave fewer candidates. */
const trigramsMax = 16

/** Some trigrams of a text, spread over its length; none where it has fewer than three characters. */
function trigramsOf(text: string): string[] {
  const last = text.length - 3
  const step = Math.max(1, last / (trigramsMax - 1))
  const trigrams = new Set<string>()
  for (let at = 0; at <= last && trigrams.size < trigramsMax; at += step) {
    const trigram = trigramAt(text, Math.floor(at))
    if (trigram !== null) trigrams.add(trigram)
  }
  return [...trigrams]
}

/** Three code points, which the index counts by. None over a NUL, which the index holds as something else. */
function trigramAt(text: string, at: number): string | null {
  const isInsidePair = at > 0 && text.codePointAt(at - 1)! > 0xffff
  const characters = Array.from(text.slice(at, at + 6)).slice(0, 3)
  return isInsidePair || characters.length < 3 || characters.includes('\0') ? null : characters.join('')
}
