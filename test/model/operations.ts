/** What a run does, drawn at random. Which collection is meant is a number: it is resolved when its turn comes. */
import fc from 'fast-check'
import type { Metadata, MetadataUpdate } from '../../src/index.ts'
import type { Kind, ModelRecord } from './model.ts'

export type Filter =
  | { n: number }
  | { $ne: number }
  | { $nin: number[] }
  | { word: string }
  | { without: string }
/** A point of the past, so many positions back; `null` is now. */
export type Ago = { back: number; by: 'position' | 'date' | 'tag' } | null
/** `keeps`: without its embedding, where the record is there already. */
export interface Row {
  id: string
  embedding: number[]
  keeps: boolean
  document: string | null
  metadata: MetadataUpdate | null
}

export type Write = { which: number; awaited: boolean } & (
  | { kind: 'put'; how: Kind; rows: Row[] }
  | { kind: 'delete'; ids: string[] }
  | { kind: 'delete-where'; filter: Filter; limit: number | undefined }
)
export type Query = {
  kind: 'query'
  which: number
  vector: number[]
  k: number
  filter: Filter | null
  ago: Ago
}
export type Read =
  | { kind: 'get'; which: number; filter: Filter | null; ago: Ago }
  | Query
  | { kind: 'history'; which: number; id: string }
  | { kind: 'list'; ago: Ago }
export type Other =
  | { kind: 'create'; name: string }
  | { kind: 'modify'; which: number; name: string; metadata: Metadata | undefined }
  | { kind: 'drop'; which: number }
  | { kind: 'tag'; name: string; back: number }
  | { kind: 'untag'; name: string }
  | { kind: 'retain'; which: number | null; versions: number | null }
  | { kind: 'vacuum' }
  | { kind: 'erase'; which: number; ids: string[]; forks: boolean }
  | { kind: 'fork'; which: number; name: string }
  | { kind: 'reopen'; rebuild: boolean }
  | { kind: 'flush' }
export type Operation = Write | Read | Other

export const names = ['one', 'two', 'three']
export const tags = ['tag-1', 'tag-2']

const id = fc.integer({ min: 0, max: 39 }).map((n) => `r${n}`)
const vector = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 3, maxLength: 3 })
const small = fc.integer({ min: 0, max: 3 })
const row: fc.Arbitrary<Row> = fc.record({
  id,
  embedding: vector,
  keeps: fc.boolean(),
  document: fc.option(fc.constantFrom('red apple', 'green apple', 'red car', 'x')),
  metadata: fc.option(fc.dictionary(fc.constantFrom('n', 'm'), fc.option(small), { minKeys: 1 })),
})
const filter: fc.Arbitrary<Filter> = fc.oneof(
  fc.record({ n: small }),
  fc.record({ $ne: small }),
  fc.record({ $nin: fc.array(small, { minLength: 1, maxLength: 2 }) }),
  fc.record({ word: fc.constantFrom('apple', 'red', 'x', 'e a') }),
  fc.record({ without: fc.constantFrom('apple', 'red', 'x', 'e a') }),
)
const anyFilter: fc.Arbitrary<Filter | null> = fc.option(filter)
const versions: fc.Arbitrary<number | null> = fc.option(fc.integer({ min: 1, max: 4 }))
const back = fc.nat(400)
const ago: fc.Arbitrary<Ago> = fc.option(
  fc.record({
    back,
    by: fc.constantFrom<'position' | 'date' | 'tag'>('position', 'position', 'date', 'tag'),
  }),
)
// Mostly the oldest collection, so that one grows large enough to be sealed.
const which = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(5) })
const perhaps: fc.Arbitrary<number | null> = fc.option(which)
const name = fc.constantFrom(...names)
const awaited = fc.boolean()

function kind<K extends string>(value: K): fc.Arbitrary<K> {
  return fc.constant(value)
}

const weighted: [number, fc.Arbitrary<Operation>][] = [
  [
    24,
    fc.record({
      kind: kind('put'),
      which,
      how: fc.constantFrom<Kind>('add', 'update', 'upsert'),
      rows: fc.uniqueArray(row, { selector: (one) => one.id, minLength: 1, maxLength: 12 }),
      awaited,
    }),
  ],
  [
    6,
    fc.record({
      kind: kind('delete'),
      which,
      ids: fc.uniqueArray(id, { minLength: 1, maxLength: 6 }),
      awaited,
    }),
  ],
  [
    3,
    fc.record({
      kind: kind('delete-where'),
      which,
      filter,
      limit: fc.option(fc.nat(4), { nil: undefined }),
      awaited,
    }),
  ],
  [9, fc.record({ kind: kind('get'), which, filter: anyFilter, ago })],
  [18, fc.record({ kind: kind('query'), which, vector, k: fc.nat(12), filter: anyFilter, ago })],
  [6, fc.record({ kind: kind('history'), which, id })],
  [3, fc.record({ kind: kind('list'), ago })],
  [3, fc.record({ kind: kind('create'), name })],
  [
    2,
    fc.record({
      kind: kind('modify'),
      which,
      name,
      metadata: fc.option(fc.record({ m: small }), { nil: undefined }),
    }),
  ],
  [1, fc.record({ kind: kind('drop'), which })],
  [1, fc.record({ kind: kind('tag'), name: fc.constantFrom(...tags), back })],
  [2, fc.record({ kind: kind('untag'), name: fc.constantFrom(...tags) })],
  [
    1,
    fc.record({
      kind: kind('retain'),
      which: perhaps,
      versions,
    }),
  ],
  [1, fc.record({ kind: kind('vacuum') })],
  [
    1,
    fc.record({
      kind: kind('erase'),
      which,
      ids: fc.uniqueArray(id, { minLength: 1, maxLength: 3 }),
      forks: fc.boolean(),
    }),
  ],
  [2, fc.record({ kind: kind('fork'), which, name })],
  [2, fc.record({ kind: kind('reopen'), rebuild: fc.boolean() })],
  [3, fc.record({ kind: kind('flush') })],
]

export const operation: fc.Arbitrary<Operation> = fc.oneof(
  ...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary })),
)

/** Whether a record passes. */
export const matches = (wanted: Filter | null) => (record: ModelRecord) => {
  if (wanted === null) return true
  if ('word' in wanted) return record.document?.includes(wanted.word) ?? false
  if ('without' in wanted) return !(record.document?.includes(wanted.without) ?? false)
  const n = record.metadata?.n
  if ('$nin' in wanted) return !wanted.$nin.some((one) => one === n)
  return 'n' in wanted ? n === wanted.n : n !== wanted.$ne
}

/** The filter in the store's language. */
export function asked(wanted: Filter | null): object {
  if (wanted === null) return {}
  if ('word' in wanted) return { whereDocument: { $contains: wanted.word } }
  if ('without' in wanted) return { whereDocument: { $not_contains: wanted.without } }
  return { where: 'n' in wanted ? wanted : { n: wanted } }
}
