import { isWholeFloat } from '../metadata-form.ts'
import type { Metadata, MetadataScalar, MetadataValue } from '../types.ts'
import type { CompareFilter, DocumentFilter, Filter } from './filter.ts'
import { regularExpression } from './regular-expression.ts'

/** As much of a record as a filter looks at. */
export interface FilteredRecord {
  id: string
  metadata: Metadata | null
  document: string | null
}

/**
 * Whether a record passes a filter: the meaning of the filter language, which the SQL must share.
 *
 * - A negative operator is the plain opposite of its positive one, so it also accepts records that lack the
 *   key or the document.
 * - Numbers are compared as numbers, exactly, however they are stored; a value never equals one of another type,
 *   and an array never equals anything.
 *
 * @example
 * matchesFilter({ kind: 'compare', key: 'year', operator: 'gt', value: 1999.5 }, record)
 */
export function matchesFilter(filter: Filter, record: FilteredRecord): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.children.every((each) => matchesFilter(each, record))
    case 'or':
      return filter.children.some((each) => matchesFilter(each, record))
    case 'id':
      return filter.ids.includes(record.id) !== filter.negated
    case 'compare':
      return compares(filter, valueUnder(record, filter.key))
    case 'in':
      return isOneOf(filter.values, valueUnder(record, filter.key)) !== filter.negated
    case 'contains':
      return holds(valueUnder(record, filter.key), filter.value) !== filter.negated
    default:
      return (record.document !== null && accepts(filter, record.document)) !== filter.negated
  }
}

/** Only what the metadata itself holds: `toString` and its like are not keys of every record. */
function valueUnder({ metadata }: FilteredRecord, key: string): MetadataValue | undefined {
  return metadata !== null && Object.hasOwn(metadata, key) ? metadata[key] : undefined
}

function compares({ operator, value: operand }: CompareFilter, value: MetadataValue | undefined): boolean {
  if (operator === 'eq') return isScalarEqual(value, operand)
  if (operator === 'ne') return !isScalarEqual(value, operand)
  const number = numberOf(value)
  if (number === null || (typeof operand !== 'number' && typeof operand !== 'bigint')) return false
  switch (operator) {
    case 'gt':
      return number > operand
    case 'gte':
      return number >= operand
    case 'lt':
      return number < operand
    case 'lte':
      return number <= operand
  }
}

function isOneOf(values: MetadataScalar[], value: MetadataValue | undefined): boolean {
  return values.some((each) => isScalarEqual(value, each))
}

function holds(value: MetadataValue | undefined, element: MetadataScalar): boolean {
  return Array.isArray(value) && value.some((each) => isScalarEqual(each, element))
}

/** As a number, which compares exactly with other numbers and bigints; `null` for anything else. */
function numberOf(value: MetadataValue | undefined): number | bigint | null {
  if (isWholeFloat(value)) return value.value
  return typeof value === 'number' || typeof value === 'bigint' ? value : null
}

function isScalarEqual(value: MetadataValue | undefined, operand: MetadataScalar): boolean {
  const number = numberOf(value)
  if (number === null || (typeof operand !== 'number' && typeof operand !== 'bigint'))
    return value === operand
  return number >= operand && number <= operand
}

function accepts(filter: DocumentFilter, document: string): boolean {
  return filter.kind === 'document-contains'
    ? document.includes(filter.text)
    : regularExpression(filter.pattern).matches(document)
}
