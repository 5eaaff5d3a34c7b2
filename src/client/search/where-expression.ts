import type { Where } from '../../types.ts'
import { invalid, isPlainObject } from '../../validation/values.ts'

/** A filter that can be joined with others; made by `K(…)`. Immutable. */
export class WhereExpression {
  readonly #where: Where

  constructor(where: Where) {
    this.#where = where
  }

  /** Accepts what both accept. */
  and(other: WhereInput): WhereExpression {
    return new WhereExpression({ $and: [...parts(this.#where, '$and'), ...parts(whereOf(other), '$and')] })
  }

  /** Accepts what one of them accepts. */
  or(other: WhereInput): WhereExpression {
    return new WhereExpression({ $or: [...parts(this.#where, '$or'), ...parts(whereOf(other), '$or')] })
  }

  toJSON(): Where {
    return this.#where
  }
}

/** A filter: built, written down, or built by the official client. */
export type WhereInput = Where | { toJSON(): unknown }

/** The filter as it is written down. */
export function whereOf(input: WhereInput): Where {
  const where = hasToJson(input) ? input.toJSON() : input
  if (isPlainObject(where)) return where as Where
  throw invalid('where', 'must be a filter', input)
}

/** Whether something says itself what it looks like as JSON. */
export function hasToJson(value: unknown): value is { toJSON(): unknown } {
  return (
    typeof value === 'object' && value !== null && 'toJSON' in value && typeof value.toJSON === 'function'
  )
}

/** What is joined already is not nested. */
function parts(where: Where, operator: '$and' | '$or'): Where[] {
  const joined = (where as Record<string, unknown>)[operator]
  return Array.isArray(joined) ? joined : [where]
}
