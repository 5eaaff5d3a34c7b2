import type { MetadataScalar } from '../types.ts'

/**
 * A filter as the store works with it: checked, and plain data without a reference into what a caller gave.
 * Only `parse-filter.ts` makes one; `match-filter.ts` says what it means, and the SQL says the same.
 */
export type Filter =
  | AndFilter
  | OrFilter
  | IdFilter
  | CompareFilter
  | InFilter
  | ContainsFilter
  | DocumentFilter

/** A filter that reads the document. */
export type DocumentFilter = DocumentContainsFilter | DocumentMatchesFilter

/** Accepts what every one of `children` accepts; with none of them, everything. */
export interface AndFilter {
  kind: 'and'
  children: Filter[]
}

/** Accepts what at least one of `children` accepts; with none of them, nothing. */
export interface OrFilter {
  kind: 'or'
  children: Filter[]
}

/** The id is one of `ids`, of which there is at least one. */
export interface IdFilter {
  kind: 'id'
  ids: string[]
  /** Turns the answer round. */
  negated: boolean
}

/** How one value is compared; `ne` is the only one that also accepts records without the key. */
export type ComparisonOperator = 'eq' | 'ne' | 'gt' | 'gte' | 'lt' | 'lte'

/** Compares the value under a key. Whoever makes one sees to it that ordering operators have numbers. */
export interface CompareFilter {
  kind: 'compare'
  key: string
  operator: ComparisonOperator
  value: MetadataScalar
}

/** The value under a key is one of `values`, which are of one type and at least one. */
export interface InFilter {
  kind: 'in'
  key: string
  values: MetadataScalar[]
  /** Turns the answer round: also records without the key are accepted. */
  negated: boolean
}

/** The array under a key holds `value`. A plain value under the key holds nothing. */
export interface ContainsFilter {
  kind: 'contains'
  key: string
  value: MetadataScalar
  /** Turns the answer round: also records without the key are accepted. */
  negated: boolean
}

/** The document has `text` in it, letter case included. Every document has the empty text in it. */
export interface DocumentContainsFilter {
  kind: 'document-contains'
  text: string
  /** Turns the answer round: also records without a document are accepted. */
  negated: boolean
}

/** The regular expression matches somewhere in the document. */
export interface DocumentMatchesFilter {
  kind: 'document-matches'
  /** Known to compile: see `regular-expression.ts`. */
  pattern: string
  /** Turns the answer round: also records without a document are accepted. */
  negated: boolean
}
