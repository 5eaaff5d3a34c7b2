/** The bodies of record calls, read: what has the wrong shape is refused, what remains goes to the store as it is. */
import type { AddRecords, GetOptions, PutRecords } from '../../client/collection-api.ts'
import { show } from '../../errors.ts'
import { limits } from '../../limits.ts'
import type { Include, MetadataUpdate, Where, WhereDocument } from '../../types.ts'
import { wrongValue } from '../http/http-error.ts'
import { list, object, oneOf, optional, type Shape, text, uint32 } from '../http/shape.ts'
import { embeddingRows, optionalEmbeddingRows, queryRows } from './embeddings.ts'
import { metadata, metadataUpdate } from './metadata.ts'

/** One record of a write, before what belongs to one id is brought together. */
export interface WireRecord {
  id: string
  embedding: Float32Array | null
  document: string | null
  uri: string | null
  metadata: MetadataUpdate | null
}

/** Which records a read or a delete is about. */
export interface WireSelection {
  ids: string[] | null
  where: unknown
  whereDocument: unknown
}

/** The body of `get`, read. */
export interface GetPayload extends WireSelection {
  limit: number | null
  offset: number | null
  include: Include[]
}

/** The body of `query`, read. */
export interface QueryPayload extends WireSelection {
  queryEmbeddings: Float32Array[]
  nResults: number
  include: Include[]
}

/** The body of `delete`, read. */
export interface DeletePayload extends WireSelection {
  limit: number | null
}

const includes: readonly Include[] = ['distances', 'documents', 'embeddings', 'metadatas', 'uris']
const texts: Shape<(string | null)[] | null> = optional(list(optional(text)))

/** The records of an add, update or upsert; without `needsVectors` rows of embeddings may be missing. */
export function recordsPayload(
  kind: 'add' | 'update' | 'upsert',
  body: unknown,
  needsVectors: boolean,
): WireRecord[] {
  const given = object(body, 'body')
  const ids = list(text)(given.ids, 'ids')
  const rows = needsVectors ? embeddingRows : optional(optionalEmbeddingRows)
  const embeddings = rows(given.embeddings, 'embeddings')
  const documents = texts(given.documents, 'documents')
  const uris = texts(given.uris, 'uris')
  const metadatas = optional(list(optional(kind === 'add' ? metadata : metadataUpdate)))(
    given.metadatas,
    'metadatas',
  )
  checkLengths(ids.length, { embeddings, documents, uris, metadatas })
  return ids.map((id, index) => ({
    id,
    embedding: embeddings?.[index] ?? null,
    document: documents?.[index] ?? null,
    uri: uris?.[index] ?? null,
    metadata: metadatas?.[index] ?? null,
  }))
}

/** Reads the body of `get`; refuses the wrong shape with 422. */
export function getPayload(body: unknown): GetPayload {
  const given = object(body, 'body')
  return {
    ...selection(given),
    limit: optional(uint32)(given.limit, 'limit'),
    offset: optional(uint32)(given.offset, 'offset'),
    include: include(given, ['documents', 'metadatas']),
  }
}

/** Reads the body of `query`; refuses the wrong shape with 422. */
export function queryPayload(body: unknown): QueryPayload {
  const given = object(body, 'body')
  return {
    ...selection(given),
    queryEmbeddings: queryRows(given.query_embeddings, 'query_embeddings'),
    nResults: optional(uint32)(given.n_results, 'n_results') ?? 10,
    include: include(given, ['documents', 'metadatas', 'distances']),
  }
}

/** Reads the body of `delete`; refuses the wrong shape with 422. */
export function deletePayload(body: unknown): DeletePayload {
  const given = object(body, 'body')
  return { ...selection(given), limit: optional(uint32)(given.limit, 'limit') }
}

/** Ids that a record can have: others are asked for in vain, which is no error. */
export function possibleIds(ids: string[] | null): string[] | undefined {
  if (ids === null) return undefined
  const fits = (id: string) =>
    id !== '' && id.length <= limits.idLengthMax && !id.includes('\0') && id.isWellFormed()
  return [...new Set(ids.filter(fits))]
}

/** What the store is asked for by a get. */
export function getOptions(payload: GetPayload): GetOptions {
  const { ids, where, whereDocument, limit, offset, include } = payload
  const possible = possibleIds(ids)
  return {
    ...(possible !== undefined && { ids: possible }),
    ...filterOptions(where, whereDocument),
    ...(limit !== null && { limit }),
    offset: offset ?? 0,
    include: columnsFor(include.filter((column) => column !== 'distances')),
  }
}

/** Filters as they came: the store checks them. */
export function filterOptions(
  where: unknown,
  whereDocument: unknown,
): Pick<GetOptions, 'where' | 'whereDocument'> {
  return {
    ...(where !== undefined && { where: where as Where }),
    ...(whereDocument !== undefined && { whereDocument: whereDocument as WhereDocument }),
  }
}

/** What the store must be asked for: whether a record has a uri decides how no metadata looks. */
export function columnsFor(include: readonly Include[]): Include[] {
  const wanted = new Set(include)
  if (wanted.has('metadatas')) wanted.add('uris')
  return [...wanted]
}

/** Records as the columns that the store takes. What an add may not hold (`null`) its shape has refused. */
export function columnsOf(records: readonly WireRecord[]): AddRecords {
  const columns: PutRecords = {
    ids: records.map(({ id }) => id),
    embeddings: records.map(({ embedding }) => embedding),
    documents: records.map(({ document }) => document),
    metadatas: records.map(({ metadata }) => metadata),
    uris: records.map(({ uri }) => uri),
  }
  return columns as AddRecords
}

function selection(given: Record<string, unknown>): WireSelection {
  return {
    ids: optional(list(text))(given.ids, 'ids'),
    where: given.where ?? undefined,
    whereDocument: given.where_document ?? undefined,
  }
}

function include(given: Record<string, unknown>, standard: Include[]): Include[] {
  return given.include === undefined ? standard : list(oneOf(includes))(given.include, 'include')
}

function checkLengths(length: number, columns: Record<string, unknown[] | null>): void {
  for (const [name, column] of Object.entries(columns))
    if (column !== null && column.length !== length)
      throw wrongValue(`${name}: has ${show(column.length)} entries for ${length} ids`)
}
