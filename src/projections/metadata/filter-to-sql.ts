import type {
  CompareFilter,
  ContainsFilter,
  DocumentContainsFilter,
  DocumentMatchesFilter,
  Filter,
  IdFilter,
  InFilter,
} from '../../filter/filter.ts'
import type { MetadataScalar } from '../../types.ts'

/** A boolean expression, and the values for its placeholders in their order. */
export interface SqlCondition {
  sql: string
  parameters: (string | number)[]
}

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

const comparisons = { eq: '= ?', ne: '= ?', gt: '> ?', gte: '>= ?', lt: '< ?', lte: '<= ?' } as const

function compare({ key, operator, value }: CompareFilter, collection: number): SqlCondition {
  const condition = recordsWith(
    'record_metadata',
    collection,
    key,
    value,
    comparisons[operator],
    stored(value),
  )
  return negatedIf(operator === 'ne', condition)
}

/** One JSON parameter for the whole list: SQLite limits the number of placeholders. */
function isOneOf({ key, values }: InFilter, collection: number): SqlCondition {
  const list = JSON.stringify(values.map(stored))
  const oneOf = 'IN (SELECT value FROM json_each(?))'
  return recordsWith('record_metadata', collection, key, values[0]!, oneOf, list)
}

function arrayContains({ key, value }: ContainsFilter, collection: number): SqlCondition {
  return recordsWith('record_metadata_array', collection, key, value, '= ?', stored(value))
}

/** The typed columns in which a value of this type may stand; a whole number may stand among fractions. */
const typedColumns = {
  string: ['string_value'],
  number: ['int_value', 'float_value'],
  boolean: ['bool_value'],
} as const

/** Records that have a row under `key` whose value, of the type of `sample`, fulfils the comparison. */
function recordsWith(
  table: MetadataTable,
  collection: number,
  key: string,
  sample: MetadataScalar,
  comparison: string,
  operand: string | number,
): SqlCondition {
  const columns = typedColumns[typeof sample as 'string' | 'number' | 'boolean']
  const selects = columns.map(
    (column) => `SELECT record FROM ${table} WHERE collection = ? AND key = ? AND ${column} ${comparison}`,
  )
  return {
    sql: `r.added IN (${selects.join(' UNION ALL ')})`,
    parameters: columns.flatMap(() => [collection, key, operand]),
  }
}

function stored(value: MetadataScalar): string | number {
  return typeof value === 'boolean' ? Number(value) : value
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
