/** Records, reads and collections in the shapes of Chroma's HTTP API, as a client writes and reads them. */
import type { RecordInput } from '../commands/command.ts'
import type { GetRequest, QueryRequest } from '../readers/read-request.ts'
import { GetResult, type GetRow, QueryResult, type QueryRow } from '../readers/results.ts'
import { type SearchColumns, SearchResult } from '../readers/search-result.ts'
import type {
  CollectionConfiguration,
  CollectionInfo,
  Include,
  Metadata,
  Where,
  WhereDocument,
} from '../types.ts'
import { plainCopy } from './plain-copy.ts'
import { infiniteIfNull, shaped } from './results.ts'
import { encodeVector } from './vector.ts'

/** The filters of a call as it gave them: they have been checked, and the server checks them again. */
export interface GivenFilters {
  where?: Where | undefined
  whereDocument?: WhereDocument | undefined
}

/** The body of add, update and upsert; vectors as base64. Columns without any entry are left out. */
export function encodeRecords(records: readonly RecordInput[]): object {
  const column = <T>(value: (record: RecordInput) => T | null | undefined): (T | null)[] | undefined => {
    const values = records.map((record) => value(record) ?? null)
    return values.some((entry) => entry !== null) ? values : undefined
  }
  return {
    ids: records.map(({ id }) => id),
    embeddings: column(({ vector }) => (vector === null ? null : encodeVector(vector))),
    documents: column(({ document }) => document),
    metadatas: column(({ metadata }) => metadata),
    uris: column(({ uri }) => uri),
  }
}

/** The body of `get`. */
export function encodeGet({ ids, limit, offset, include }: GetRequest, filters: GivenFilters): object {
  return {
    ids: ids ?? undefined,
    limit: limit === null ? undefined : encodeCount(limit),
    offset: encodeCount(offset),
    include,
    ...encodeFilters(filters),
  }
}

/** A limit or an offset. The wire has 32 bits for it, and no collection has so many records. */
export function encodeCount(count: number): number {
  return Math.min(count, 2 ** 32 - 1)
}

/** The body of a query but for its vectors, which may still have to be made. */
export function encodeQuery({ ids, count, include }: QueryRequest, filters: GivenFilters): object {
  return { n_results: count, ids: ids ?? undefined, include, ...encodeFilters(filters) }
}

/** The filters of a body, which are absent where none were given. */
export function encodeFilters({ where, whereDocument }: GivenFilters): object {
  return {
    where: plainCopy(where) ?? undefined,
    where_document: plainCopy(whereDocument) ?? undefined,
  }
}

interface Columns {
  ids: string[]
  embeddings: number[][] | null
  documents: (string | null)[] | null
  metadatas: (Metadata | null)[] | null
  uris: (string | null)[] | null
}

/** The answer of `get`. */
export function decodeGet(body: unknown, include: Include[]): GetResult {
  return new GetResult(rowsOf(shaped<Columns>(body, 'records')), include)
}

interface QueryColumns {
  ids: string[][]
  distances: (number | null)[][] | null
  embeddings: number[][][] | null
  documents: (string | null)[][] | null
  metadatas: (Metadata | null)[][] | null
  uris: (string | null)[][] | null
}

/** The answer of `query`. */
export function decodeQuery(body: unknown, include: Include[]): QueryResult {
  const { ids, distances, embeddings, documents, metadatas, uris } = shaped<QueryColumns>(body, 'neighbours')
  const lists = ids.map((_, query): QueryRow[] => {
    const rows = rowsOf({
      ids: ids[query]!,
      embeddings: embeddings?.[query] ?? null,
      documents: documents?.[query] ?? null,
      metadatas: metadatas?.[query] ?? null,
      uris: uris?.[query] ?? null,
    })
    const column = decodeDistances(distances?.[query] ?? null)
    return rows.map((row, index) => ({ ...row, distance: column?.[index] ?? null }))
  })
  return new QueryResult(lists, include)
}

/** The answer of `search`. */
export function decodeSearch(body: unknown): SearchResult {
  const { embeddings, ...columns } = shaped<SearchColumns>(body, 'the answer of a search')
  return new SearchResult({
    ...columns,
    embeddings: embeddings.map((column) => column?.map(decodeNumbers) ?? null),
  })
}

/**
 * As embeddings, with the fewest digits; and JSON has no infinity. Neighbours come nearest first, so one without
 * a distance before others is infinitely near.
 */
function decodeDistances(column: readonly (number | null)[] | null): number[] | null {
  if (column === null) return null
  const lastFinite = column.findLastIndex((distance) => distance !== null)
  return column.map((distance, index) =>
    Math.fround(index < lastFinite ? (distance ?? Number.NEGATIVE_INFINITY) : infiniteIfNull(distance)),
  )
}

function rowsOf({ ids, embeddings, documents, metadatas, uris }: Columns): GetRow[] {
  return ids.map((id, index) => ({
    id,
    embedding: decodeNumbers(embeddings?.[index] ?? null),
    document: documents?.[index] ?? null,
    metadata: nullIfEmpty(metadatas?.[index] ?? null),
    uri: uris?.[index] ?? null,
  }))
}

/** The wire has the fewest digits that give the same float32. */
function decodeNumbers(embedding: readonly number[] | null): number[] | null {
  return embedding === null ? null : embedding.map(Math.fround)
}

/** Chroma has `{}` where a record without metadata has a uri. */
function nullIfEmpty(metadata: Metadata | null): Metadata | null {
  return metadata === null || Object.keys(metadata).length === 0 ? null : metadata
}

/** A collection as Chroma's API tells of it. */
interface CollectionBody {
  id: string
  name: string
  tenant: string
  database: string
  metadata: Metadata | null
  dimension: number | null
  configuration_json: CollectionConfiguration
  /** Says of its vector index what `configuration_json` leaves out. */
  schema?: {
    keys?: Record<string, { float_list?: { vector_index?: { config?: { hnsw?: object } } } }>
  } | null
}

/** A collection as a server answers it. */
export function decodeCollection(body: unknown): CollectionInfo {
  const given = shaped<CollectionBody>(body, 'a collection')
  const { id, name, tenant, database, metadata, dimension, configuration_json, schema } = given
  const { hnsw, embedding_function } = shaped<CollectionConfiguration>(configuration_json, 'a configuration')
  return {
    id,
    name,
    tenant,
    database,
    metadata: metadata ?? null,
    configuration: {
      hnsw: { ...hnsw, ...schema?.keys?.['#embedding']?.float_list?.vector_index?.config?.hnsw },
      embedding_function: embedding_function ?? null,
    },
    dimension: dimension ?? null,
  }
}
