/** The door for reads: unknown in, checked requests out. Nothing depends on the store yet. */
import { AnnalsError } from '../errors.ts'
import type { Filter } from '../filter/filter.ts'
import { conjunction, parseWhere, parseWhereDocument } from '../filter/parse-filter.ts'
import { limits } from '../limits.ts'
import type { Include, Point } from '../types.ts'
import {
  checkArray,
  checkId,
  checkInteger,
  checkKeys,
  checkObject,
  checkText,
  checkVector,
  invalid,
} from '../validation/values.ts'

/** Which records are read, and what of them. */
export interface GetRequest {
  /** `null`: not restricted by id. */
  ids: string[] | null
  filter: Filter | null
  /** `null`: no limit. */
  limit: number | null
  offset: number
  include: Include[]
}

/** Of which vectors or texts the neighbours are sought, among which records, and what is read of them. */
export interface QueryRequest {
  /** One of the two is set. */
  vectors: Float32Array[] | null
  texts: string[] | null
  ids: string[] | null
  filter: Filter | null
  /** Neighbours for each query. */
  count: number
  include: Include[]
}

const getColumns: readonly Include[] = ['documents', 'embeddings', 'metadatas', 'uris']
const queryColumns: readonly Include[] = ['distances', ...getColumns]

/** The options of `get`. */
export function validateGet(args: unknown): GetRequest {
  const given = checkObject(args ?? {}, 'get')
  checkKeys(given, ['ids', 'where', 'whereDocument', 'limit', 'offset', 'include'], 'get')
  return {
    ids: checkSelection(given.ids),
    filter: conjunction(parseWhere(given.where), parseWhereDocument(given.whereDocument)),
    limit: given.limit == null ? null : checkInteger(given.limit, 'limit', 0),
    offset: given.offset == null ? 0 : checkInteger(given.offset, 'offset', 0),
    include: checkInclude(given.include, getColumns, ['documents', 'metadatas']),
  }
}

/** The options of `query`. Texts are for the embedding function of whoever asks. */
export function validateQuery(args: unknown): QueryRequest {
  const given = checkObject(args, 'query')
  const known = ['queryEmbeddings', 'queryTexts', 'nResults', 'ids', 'where', 'whereDocument', 'include']
  checkKeys(given, known, 'query')
  const { queryEmbeddings, queryTexts } = given
  if ((queryEmbeddings == null) === (queryTexts == null))
    throw new AnnalsError('invalid_argument', 'query: give either queryEmbeddings or queryTexts.')
  const vectors = queries(queryEmbeddings, 'queryEmbeddings')?.map((value, index) =>
    checkVector(value, `queryEmbeddings[${index}]`),
  )
  const texts = queries(queryTexts, 'queryTexts')?.map((value, index) =>
    checkText(value, `queryTexts[${index}]`, limits.documentLengthMax),
  )
  return {
    vectors: vectors ?? null,
    texts: texts ?? null,
    ids: checkSelection(given.ids),
    filter: conjunction(parseWhere(given.where), parseWhereDocument(given.whereDocument)),
    count: given.nResults == null ? 10 : checkInteger(given.nResults, 'nResults', 0, limits.resultsMax),
    include: checkInclude(given.include, queryColumns, ['documents', 'metadatas', 'distances']),
  }
}

/** The options of a call that has a limit alone; `standard` where none is given. */
export function validateLimit(args: unknown, place: string, standard: number): number {
  const given = checkObject(args ?? {}, place)
  checkKeys(given, ['limit'], place)
  return given.limit == null ? standard : checkInteger(given.limit, `${place}.limit`, 0)
}

/** A position, an instant, or the name of a tag. */
export function checkPoint(value: unknown): Point {
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw invalid('point', 'must be a valid Date', value)
    return value
  }
  if (typeof value === 'number') return checkInteger(value, 'point', 0)
  if (typeof value === 'string' && value !== '') return value
  throw invalid('point', 'must be a position (a whole number), a Date or the name of a tag', value)
}

/** Ids that a read is restricted to: repeated ones count once. */
function checkSelection(value: unknown): string[] | null {
  if (value == null) return null
  const ids = checkArray(value, 'ids').map((id, index) => checkId(id, `ids[${index}]`))
  return [...new Set(ids)]
}

function queries(value: unknown, place: string): unknown[] | null {
  if (value == null) return null
  const values = checkArray(value, place)
  if (values.length === 0) throw invalid(place, 'must hold at least one query', value)
  if (values.length > limits.queryVectorsMax)
    throw new AnnalsError(
      'limit_exceeded',
      `${place}: ${values.length} queries; at most ${limits.queryVectorsMax}.`,
    )
  return values
}

function checkInclude(value: unknown, allowed: readonly Include[], standard: Include[]): Include[] {
  if (value == null) return standard
  return checkArray(value, 'include').map((entry, index) => {
    const column = allowed.find((known) => known === entry)
    if (column === undefined)
      throw invalid(`include[${index}]`, `must be one of ${allowed.join(', ')}`, entry)
    return column
  })
}
