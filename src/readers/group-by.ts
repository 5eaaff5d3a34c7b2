/** Keeps the best of each group of records. Pure. */
import { valueText } from '../format/metadata-text.ts'
import type { Metadata, MetadataValue } from '../types.ts'
import { inOrder, type Scored, sorted } from './rank.ts'
import type { GroupBy } from './search-request.ts'

/** What groups are made and ordered by: metadata values, or the score. */
type Value = MetadataValue | undefined

/**
 * The best `count` of each group, best score first. A missing key is a value of its own and comes before all
 * others; then come booleans, numbers, strings and arrays, as in Chroma. What is equal stays in its order.
 *
 * @param scored - best first
 * @param metadataOf - in the plain form: 2 and 2.0 are one group
 */
export function bestOfGroups(
  scored: readonly Scored[],
  { keys, order, orderKeys, count }: GroupBy,
  metadataOf: (label: number) => Metadata | null,
): Scored[] {
  const groups = new Map<string, { one: Scored; values: Value[] }[]>()
  for (const one of scored) {
    const metadata = metadataOf(one.label)
    const name = keys.map((key) => valueText(valueUnder(metadata, key) ?? null)).join()
    const values = orderKeys.map((key) => (key === '#score' ? one.score : valueUnder(metadata, key)))
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [{ one, values }])
    else group.push({ one, values })
  }
  const sign = order === 'min' ? 1 : -1
  const best = [...groups.values()].flatMap((group) =>
    group.sort((a, b) => sign * compareAll(a.values, b.values)).slice(0, count),
  )
  return sorted(best.map(({ one }) => one))
}

function valueUnder(metadata: Metadata | null, key: string): Value {
  return metadata !== null && Object.hasOwn(metadata, key) ? metadata[key] : undefined
}

function compareAll(a: readonly Value[], b: readonly Value[]): number {
  for (let index = 0; index < a.length; index++) {
    const order = compare(a[index], b[index])
    if (order !== 0) return order
  }
  return a.length - b.length
}

const kinds = ['undefined', 'boolean', 'number', 'string', 'object']

function kindOf(value: Value): number {
  return kinds.indexOf(typeof value === 'bigint' ? 'number' : typeof value)
}

function compare(a: Value, b: Value): number {
  const kind = kindOf(a) - kindOf(b)
  if (kind !== 0 || a === undefined || b === undefined) return kind
  if (typeof a === 'number' && typeof b === 'number') return inOrder(a, b)
  if (Array.isArray(a) && Array.isArray(b)) return compareAll(a, b)
  // Numbers and bigints compare exactly with each other.
  return a < b ? -1 : Number(a > b)
}
