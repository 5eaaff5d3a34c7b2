import { checkArray } from '../../validation/values.ts'
import { type KeyInput, nameOf } from './key.ts'
import { hasToJson } from './where-expression.ts'

/** Keeps of each group the `k` records with the smallest values under `keys`, which may be `K.SCORE`. */
export class MinK {
  readonly keys: readonly string[]
  readonly k: number

  constructor(keys: KeyInput[], k: number) {
    this.keys = namesOf(keys, 'MinK.keys')
    this.k = k
  }

  toJSON(): { $min_k: { keys: string[]; k: number } } {
    return { $min_k: { keys: [...this.keys], k: this.k } }
  }
}

/** Keeps of each group the `k` records with the largest values under `keys`. */
export class MaxK {
  readonly keys: readonly string[]
  readonly k: number

  constructor(keys: KeyInput[], k: number) {
    this.keys = namesOf(keys, 'MaxK.keys')
    this.k = k
  }

  toJSON(): { $max_k: { keys: string[]; k: number } } {
    return { $max_k: { keys: [...this.keys], k: this.k } }
  }
}

/**
 * Groups what a search found by the values under metadata keys, and keeps the best of each group.
 *
 * @example
 * new GroupBy([K('author')], new MinK([K.SCORE], 2)) // the best two of each author
 */
export class GroupBy {
  readonly keys: readonly string[]
  readonly aggregate: AggregateInput

  constructor(keys: KeyInput[], aggregate: AggregateInput) {
    this.keys = namesOf(keys, 'GroupBy.keys')
    this.aggregate = aggregate
  }

  toJSON(): Record<string, unknown> {
    return { keys: [...this.keys], aggregate: plain(this.aggregate) }
  }
}

/** Which records of a group are kept: built, or written down as `{ $min_k: { keys, k } }`. */
export type AggregateInput = MinK | MaxK | Record<string, unknown> | { toJSON(): unknown }

/** A grouping: built, written down as `{ keys, aggregate }`, or built by the official client. */
export type GroupByInput = GroupBy | { keys: KeyInput[]; aggregate: AggregateInput } | { toJSON(): unknown }

/** The grouping as it is written down. */
export function groupByOf(input: GroupByInput): unknown {
  if (!('keys' in input && 'aggregate' in input)) return plain(input)
  const { keys, aggregate, ...rest } = input
  return { ...rest, keys: namesOf(keys as KeyInput[], 'groupBy.keys'), aggregate: plain(aggregate) }
}

function plain(value: unknown): unknown {
  return hasToJson(value) ? value.toJSON() : value
}

function namesOf(keys: unknown, place: string): string[] {
  return (checkArray(keys, place) as KeyInput[]).map(nameOf)
}
