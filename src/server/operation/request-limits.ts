/**
 * What a server refuses of a request's body before the store looks at it: too many records, too many neighbours,
 * filters that nest too deep, regular expressions that are too long. Bodies come as JSON made them, unchecked.
 */
import { AnnalsError } from '../../errors.ts'
import { plainNumbers } from '../../exact-number.ts'
import type { ServerLimits } from '../configuration/server-limits.ts'

type BodyLimits = Pick<ServerLimits, 'recordsPerWrite' | 'results' | 'filterDepth' | 'regexLength'>

/** Columns of a write: any of them may be the longest. */
const columns = ['ids', 'embeddings', 'documents', 'metadatas', 'uris']
const filters = ['where', 'where_document', 'filter']
const expressions = ['$regex', '$not_regex']

/** Throws `limit_exceeded` for what a body asks too much of. */
export function checkBodyLimits(body: unknown, limits: BodyLimits, { writes }: { writes: boolean }): void {
  if (!isObject(body)) return
  if (writes) {
    checkRecords(body, limits.recordsPerWrite)
    checkOperations(body.operations, limits.recordsPerWrite)
  }
  checkCount(body.n_results, 'n_results', limits.results)
  checkFilters(body, limits)
  if (Array.isArray(body.searches)) for (const search of body.searches) checkSearch(search, limits)
}

function checkRecords(body: Record<string, unknown>, max: number): void {
  for (const column of columns) {
    const value = body[column]
    if (Array.isArray(value)) checkCount(value.length, column, max)
  }
}

/** All operations of a transaction together are one write. */
function checkOperations(operations: unknown, max: number): void {
  if (!Array.isArray(operations)) return
  let count = 0
  for (const operation of operations) {
    if (!isObject(operation) || !isObject(operation.payload)) continue
    checkRecords(operation.payload, max)
    const { ids } = operation.payload
    if (Array.isArray(ids)) count += ids.length
  }
  checkCount(count, 'operations', max)
}

function checkSearch(search: unknown, limits: BodyLimits): void {
  if (!isObject(search)) return
  const { limit } = search
  checkCount(isObject(limit) ? limit.limit : limit, 'limit', limits.results)
  checkFilters(search, limits)
}

function checkFilters(holder: Record<string, unknown>, limits: BodyLimits): void {
  for (const name of filters) if (name in holder) checkFilter(holder[name], name, limits)
}

/** Level by level, without recursion: what it guards against is depth. */
function checkFilter(filter: unknown, name: string, { filterDepth, regexLength }: BodyLimits): void {
  let level: unknown[] = [filter]
  for (let depth = 0; level.length > 0; depth++) {
    // An object and the array of a `$and` within it are one step of nesting; a comparison is the innermost one.
    if (depth > 2 * filterDepth + 2) throw tooMuch(name, 'nests deeper', filterDepth, 'levels')
    level = level.flatMap((node) => {
      if (Array.isArray(node)) return node.filter((child) => typeof child === 'object' && child !== null)
      if (!isObject(node)) return []
      for (const expression of expressions) {
        const pattern = node[expression]
        if (typeof pattern === 'string' && pattern.length > regexLength)
          throw tooMuch(`${name}: ${expression}`, 'is longer', regexLength, 'characters')
      }
      return Object.values(node)
    })
  }
}

function checkCount(value: unknown, name: string, max: number): void {
  // Some fields take `6.0` for 6.
  const count = plainNumbers(value)
  if (typeof count === 'number' && count > max) throw tooMuch(name, 'is more', max, '')
}

function tooMuch(place: string, how: string, max: number, unit: string): AnnalsError {
  const message = `${place}: ${how} than this server allows: at most ${max} ${unit}`.trimEnd()
  return new AnnalsError('limit_exceeded', `${message}.`, { fate: 'not_written' })
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
