/** Why a query answers otherwise at one point of the log than at another. */
import { AnnalsError } from '../errors.ts'
import type { OperationLog } from '../log/operation-log.ts'
import type { Catalog } from '../projections/metadata/catalog.ts'
import type { RecordTable } from '../projections/metadata/record-table.ts'
import type { QueryRequest } from '../readers/read-request.ts'
import type { Reader } from '../readers/reader.ts'
import { type Operation, operationOf } from './operation.ts'

/** Where a neighbour stood in an answer. */
export interface Place {
  /** From 1, the nearest. */
  rank: number
  distance: number
}

/** One record of either answer, and what happened to it. */
export interface ExplainedNeighbor {
  id: string
  /** `moved`: its rank or its distance is another one. */
  change: 'entered' | 'left' | 'moved' | 'unchanged'
  before: Place | null
  after: Place | null
  /**
   * - `own`: operations on the record itself; they are the causes.
   * - `others`: the record is as it was; operations on others, which it passed or which passed it, are the causes.
   * - `search`: no operation explains it: the approximate search found something else.
   * - `null` when it is unchanged.
   */
  because: 'own' | 'others' | 'search' | null
  /** The operation records between the points that caused it, oldest first. */
  causes: Operation[]
}

/** How the answer to a query differs between two points. */
export interface QueryExplanation {
  /** The positions that the points stood for. */
  from: number
  to: number
  /** For each query: the records of the answer at `to`, nearest first, then those that left. */
  queries: ExplainedNeighbor[][]
}

export interface ExplainParts {
  log: OperationLog
  catalog: Catalog
  records: RecordTable
  reader: Reader
}

/** A record, as far as it is known at both points. */
interface Candidate {
  id: string
  before: Place | null
  after: Place | null
  /** Whether it was found otherwise, apart from its rank: other distance, or admitted at one point only. */
  changedItself: boolean
}

/**
 * Runs the queries at both positions and explains the differences.
 * Throws `collection_not_found` when the collection stands at neither of them.
 */
export async function explainQuery(
  parts: ExplainParts,
  collection: string,
  queries: readonly Float32Array[],
  request: QueryRequest,
  { from, to }: { from: number; to: number },
): Promise<QueryExplanation> {
  const standing = [from, to].filter((at) => parts.catalog.collectionById(collection, at) !== undefined)
  if (standing.length === 0)
    throw new AnnalsError(
      'collection_not_found',
      `Collection [${collection}] exists neither at position ${from} nor at ${to}.`,
    )
  const explained = queries.map((query) => explainOne(parts, collection, query, request, { from, to }))
  return { from, to, queries: await Promise.all(explained) }
}

async function explainOne(
  parts: ExplainParts,
  collection: string,
  query: Float32Array,
  request: QueryRequest,
  { from, to }: { from: number; to: number },
): Promise<ExplainedNeighbor[]> {
  const find = (at: number, ids: string[] | null, count: number) =>
    distancesAt(parts, collection, query, { ...request, ids, count, include: ['distances'] }, at)
  const before = await find(from, request.ids, request.count)
  const after = await find(to, request.ids, request.count)
  // Records that are in one answer only are looked up at the other point, too: were they admitted there?
  const goneIds = [...before.keys()].filter((id) => !after.has(id))
  const newIds = [...after.keys()].filter((id) => !before.has(id))
  const beforeOfNew = await find(from, newIds, newIds.length)
  const afterOfGone = await find(to, goneIds, goneIds.length)
  const ids = [...after.keys(), ...goneIds]
  const candidates = ids.map((id): Candidate => {
    const old = before.get(id) ?? beforeOfNew.get(id)
    const now = after.get(id) ?? afterOfGone.get(id)
    const changedItself = old?.distance !== now?.distance
    return { id, before: before.get(id) ?? null, after: after.get(id) ?? null, changedItself }
  })
  const operations = operationsBetween(parts, collection, Math.min(from, to), Math.max(from, to))
  return Promise.all(candidates.map((one) => explainCandidate(one, candidates, operations)))
}

type OperationsOf = (id: string) => Promise<Operation[]>

async function explainCandidate(
  candidate: Candidate,
  all: readonly Candidate[],
  operationsOf: OperationsOf,
): Promise<ExplainedNeighbor> {
  const { id, before, after, changedItself } = candidate
  const change = changeOf(candidate)
  if (change === 'unchanged') return { id, change, before, after, because: null, causes: [] }
  if (changedItself) return { id, change, before, after, because: 'own', causes: await operationsOf(id) }
  const crossed = all.filter((other) => other.changedItself && crosses(other, candidate))
  const causes = (await Promise.all(crossed.map((other) => operationsOf(other.id)))).flat()
  causes.sort((a, b) => a.position - b.position)
  return { id, change, before, after, because: causes.length > 0 ? 'others' : 'search', causes }
}

function changeOf({ before, after, changedItself }: Candidate): ExplainedNeighbor['change'] {
  if (before === null) return 'entered'
  if (after === null) return 'left'
  return changedItself || before.rank !== after.rank ? 'moved' : 'unchanged'
}

/** Whether `other` is ahead of the record at one point and not at the other. */
function crosses(other: Candidate, one: Candidate): boolean {
  return isAhead(other.before, one.before) !== isAhead(other.after, one.after)
}

function isAhead(other: Place | null, one: Place | null): boolean {
  return other !== null && (one === null || other.rank < one.rank)
}

/** Ids in the order of the answer, with their places; none where the collection does not stand. */
async function distancesAt(
  { catalog, reader }: ExplainParts,
  collection: string,
  query: Float32Array,
  request: QueryRequest,
  at: number,
): Promise<Map<string, Place>> {
  if (catalog.collectionById(collection, at) === undefined) return new Map()
  const { ids, distances } = await reader.query(collection, [query], request, at)
  return new Map(ids[0]!.map((id, index) => [id, { rank: index + 1, distance: distances![0]![index]! }]))
}

/** Finds the operations on a record between two positions, oldest first, through `previous`. */
function operationsBetween(
  { log, catalog, records }: ExplainParts,
  collection: string,
  after: number,
  until: number,
): OperationsOf {
  const row = catalog.everById(collection)!
  const known = new Map<string, Promise<Operation[]>>()
  const walk = async (id: string): Promise<Operation[]> => {
    const operations: Operation[] = []
    for (let at = records.newestPositionAt(row.key, id, until); at > after; ) {
      const record = await log.read(at)
      operations.push(operationOf(record))
      at = 'previous' in record ? record.previous : 0
    }
    // Created or deleted with its collection: then that is the operation.
    const whole = [row.key, row.died ?? 0].filter((at) => at > after && at <= until)
    if (operations.length === 0) for (const at of whole) operations.push(operationOf(await log.read(at)))
    return operations.reverse()
  }
  return (id) => {
    const walking = known.get(id) ?? walk(id)
    known.set(id, walking)
    return walking
  }
}
