import type { MetadataScalar } from '../../types.ts'
import { WhereExpression } from './where-expression.ts'

/**
 * A part of a record, to filter, select, group and order by: a metadata key, or one of `#id`, `#document`,
 * `#embedding`, `#metadata` and `#score`. What an operator accepts is checked by the search.
 */
export class Key {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }

  eq(value: MetadataScalar): WhereExpression {
    return this.#compared('$eq', value)
  }

  ne(value: MetadataScalar): WhereExpression {
    return this.#compared('$ne', value)
  }

  gt(value: number): WhereExpression {
    return this.#compared('$gt', value)
  }

  gte(value: number): WhereExpression {
    return this.#compared('$gte', value)
  }

  lt(value: number): WhereExpression {
    return this.#compared('$lt', value)
  }

  lte(value: number): WhereExpression {
    return this.#compared('$lte', value)
  }

  isIn(values: Iterable<MetadataScalar>): WhereExpression {
    return this.#compared('$in', Array.from(values))
  }

  notIn(values: Iterable<MetadataScalar>): WhereExpression {
    return this.#compared('$nin', Array.from(values))
  }

  /** A substring of the document, or an element of an array in the metadata. */
  contains(value: MetadataScalar): WhereExpression {
    return this.#compared('$contains', value)
  }

  notContains(value: MetadataScalar): WhereExpression {
    return this.#compared('$not_contains', value)
  }

  /** Of documents only. */
  regex(pattern: string): WhereExpression {
    return this.#compared('$regex', pattern)
  }

  notRegex(pattern: string): WhereExpression {
    return this.#compared('$not_regex', pattern)
  }

  #compared(operator: string, value: unknown): WhereExpression {
    return new WhereExpression({ [this.name]: { [operator]: value } } as ConstructorParameters<
      typeof WhereExpression
    >[0])
  }
}

/** A key, or its name. */
export type KeyInput = string | { readonly name: string }

/** The name of a key; what is none of the two is left to the search to refuse. */
export function nameOf(key: KeyInput): string {
  return typeof key === 'object' && key !== null ? key.name : key
}

/**
 * Makes a `Key` of a metadata key; what every record has stands under `K.ID`, `K.DOCUMENT`, `K.EMBEDDING`,
 * `K.METADATA` and `K.SCORE`.
 *
 * @example
 * K('year').gte(1900).and(K.DOCUMENT.contains('iron'))
 */
export const K: ((name: string) => Key) & Readonly<Record<OwnKey, Key>> = Object.assign(
  (name: string) => new Key(name),
  {
    ID: new Key('#id'),
    DOCUMENT: new Key('#document'),
    EMBEDDING: new Key('#embedding'),
    METADATA: new Key('#metadata'),
    SCORE: new Key('#score'),
  },
)

type OwnKey = 'ID' | 'DOCUMENT' | 'EMBEDDING' | 'METADATA' | 'SCORE'
