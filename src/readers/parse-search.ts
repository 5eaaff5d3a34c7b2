/** The door for searches: payloads as they come over the wire, checked requests out. */
import { AnnalsError, show } from '../errors.ts'
import { parseWhere } from '../filter/parse-filter.ts'
import { limits } from '../limits.ts'
import {
  checkArray,
  checkInteger,
  checkKeys,
  checkObject,
  checkText,
  invalid,
  isPlainObject,
} from '../validation/values.ts'
import { parseRank } from './parse-rank.ts'
import type { GroupBy, KnnRank, ReadLevel, SearchRequest, Selected } from './search-request.ts'

const readLevels: readonly ReadLevel[] = ['index_and_wal', 'index_only', 'index_and_bounded_wal']
/** In the order in which Chroma lists them. */
const ownKeys = ['#document', '#embedding', '#metadata', '#score']

/**
 * Checks Chroma's search payloads: `{ filter, rank, group_by, limit, select }`, each part optional.
 * Throws `invalid_argument`, `invalid_filter`, `limit_exceeded`, `unsupported_option`.
 */
export function parseSearches(payloads: unknown): SearchRequest[] {
  const given = checkArray(payloads, 'searches')
  if (given.length === 0) throw invalid('searches', 'must hold at least one search', payloads)
  if (given.length > limits.searchesMax)
    throw tooMany('searches', `${given.length} searches`, limits.searchesMax)
  const requests = given.map((payload, index) => parseSearch(payload, `searches[${index}]`))
  const knns = requests.reduce((sum, request) => sum + request.knns.length, 0)
  if (knns > limits.queryVectorsMax) throw tooMany('searches', `${knns} Knn queries`, limits.queryVectorsMax)
  return requests
}

/** The read level, which is `index_and_wal` where none is given. */
export function parseReadLevel(value: unknown): ReadLevel {
  if (value == null) return 'index_and_wal'
  const level = readLevels.find((known) => known === value)
  if (level === undefined) throw invalid('readLevel', `must be one of ${readLevels.join(', ')}`, value)
  return level
}

function parseSearch(payload: unknown, place: string): SearchRequest {
  const given = checkObject(payload, place)
  checkKeys(given, ['filter', 'rank', 'group_by', 'limit', 'select'], place)
  const knns: KnnRank[] = []
  const rank = given.rank == null ? null : parseRank(given.rank, `${place}.rank`, knns)
  const groupBy = parseGroupBy(given.group_by, `${place}.group_by`)
  if (groupBy !== null && rank === null) throw invalid(`${place}.group_by`, 'needs a rank beside it', groupBy)
  return {
    filter: isEmpty(given.filter) ? null : parseWhere(given.filter),
    rank,
    knns,
    groupBy,
    ...parseLimit(given.limit, `${place}.limit`),
    select: parseSelect(given.select, `${place}.select`),
  }
}

function parseLimit(value: unknown, place: string): Pick<SearchRequest, 'limit' | 'offset'> {
  const given = checkObject(value ?? {}, place)
  checkKeys(given, ['limit', 'offset'], place)
  const { limit, offset } = given
  return {
    limit: limit == null ? null : checkInteger(limit, `${place}.limit`, 0),
    offset: offset == null ? 0 : checkInteger(offset, `${place}.offset`, 0),
  }
}

function parseSelect(value: unknown, place: string): Selected {
  const given = checkObject(value ?? {}, place)
  checkKeys(given, ['keys'], place)
  const names = new Set(checkNames(given.keys ?? [], `${place}.keys`))
  const has = (key: string): boolean => names.has(key)
  const others = [...names].filter((key) => !ownKeys.includes(key)).sort()
  const fields = others.filter((key) => key !== '#id')
  const odd = fields.find((key) => key.startsWith('#'))
  if (odd !== undefined) throw invalid(place, `there is #id, ${ownKeys.join(', ')} and metadata keys`, odd)
  return {
    keys: [...ownKeys.filter(has), ...others],
    document: has('#document'),
    embedding: has('#embedding'),
    score: has('#score'),
    metadata: has('#metadata') ? 'all' : fields.length === 0 ? null : new Set(fields),
  }
}

/** Keys and aggregate come together or not at all. */
function parseGroupBy(value: unknown, place: string): GroupBy | null {
  const given = checkObject(value ?? {}, place)
  checkKeys(given, ['keys', 'aggregate'], place)
  const keys = checkNames(given.keys ?? [], `${place}.keys`)
  if (keys.length === 0 && given.aggregate == null) return null
  if (keys.length === 0 || given.aggregate == null)
    throw invalid(place, 'keys and aggregate must both be given, or neither', value)
  checkFields(keys, `${place}.keys`, [])
  return { keys, ...parseAggregate(given.aggregate, `${place}.aggregate`) }
}

function parseAggregate(value: unknown, place: string): Omit<GroupBy, 'keys'> {
  const given = checkObject(value, place)
  const [name, ...more] = Object.keys(given)
  if ((name !== '$min_k' && name !== '$max_k') || more.length > 0)
    throw invalid(place, 'must be { $min_k: … } or { $max_k: … }', value)
  const at = `${place}.${name}`
  const aggregate = checkObject(given[name], at)
  checkKeys(aggregate, ['keys', 'k'], at)
  const orderKeys = checkNames(aggregate.keys, `${at}.keys`)
  if (orderKeys.length === 0) throw invalid(`${at}.keys`, 'must hold at least one key', aggregate.keys)
  checkFields(orderKeys, `${at}.keys`, ['#score'])
  const count = checkInteger(aggregate.k, `${at}.k`, 1)
  return { order: name === '$min_k' ? 'min' : 'max', orderKeys, count }
}

function checkNames(value: unknown, place: string): string[] {
  const given = checkArray(value, place)
  if (given.length > limits.metadataKeysMax)
    throw tooMany(place, `${given.length} keys`, limits.metadataKeysMax)
  return given.map((key, index) => {
    const name = checkText(key, `${place}[${index}]`, limits.metadataKeyLengthMax)
    if (name === '') throw invalid(`${place}[${index}]`, 'a key must not be empty', name)
    return name
  })
}

function checkFields(keys: readonly string[], place: string, also: readonly string[]): void {
  const odd = keys.find((key) => key.startsWith('#') && !also.includes(key))
  if (odd === undefined) return
  throw invalid(place, `must be metadata keys${also.map((key) => ` or ${key}`).join('')}`, odd)
}

function isEmpty(filter: unknown): boolean {
  return isPlainObject(filter) && Object.keys(filter).length === 0
}

function tooMany(place: string, what: string, max: number): AnnalsError {
  return new AnnalsError('limit_exceeded', `${place}: ${what}; at most ${show(max)}.`)
}
