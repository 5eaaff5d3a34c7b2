import type { Include, Metadata } from '../types.ts'

/** One record of a `get`. Columns not asked for are `null`. */
export interface GetRow {
  id: string
  embedding: number[] | null
  document: string | null
  metadata: Metadata | null
  uri: string | null
}

/** One neighbour of a `query`. */
export interface QueryRow extends GetRow {
  /** As hnswlib gives it; `null` when not asked for. */
  distance: number | null
}

/** What `get` and `peek` answer: columns of equal length, in insertion order. */
export class GetResult {
  readonly ids: string[]
  readonly embeddings: number[][] | null
  readonly documents: (string | null)[] | null
  readonly metadatas: (Metadata | null)[] | null
  readonly uris: (string | null)[] | null
  /** What was asked for. */
  readonly include: Include[]

  constructor(rows: readonly GetRow[], include: Include[]) {
    this.ids = rows.map(({ id }) => id)
    this.embeddings = include.includes('embeddings') ? rows.map(({ embedding }) => embedding ?? []) : null
    this.documents = include.includes('documents') ? rows.map(({ document }) => document) : null
    this.metadatas = include.includes('metadatas') ? rows.map(({ metadata }) => metadata) : null
    this.uris = include.includes('uris') ? rows.map(({ uri }) => uri) : null
    this.include = include
  }

  /** The same, record by record. */
  rows(): GetRow[] {
    return this.ids.map((id, index) => ({
      id,
      embedding: this.embeddings?.[index] ?? null,
      document: this.documents?.[index] ?? null,
      metadata: this.metadatas?.[index] ?? null,
      uri: this.uris?.[index] ?? null,
    }))
  }
}

/** What `query` answers: for each query one list, nearest first. */
export class QueryResult {
  readonly ids: string[][]
  readonly distances: number[][] | null
  readonly embeddings: number[][][] | null
  readonly documents: (string | null)[][] | null
  readonly metadatas: (Metadata | null)[][] | null
  readonly uris: (string | null)[][] | null
  /** What was asked for. */
  readonly include: Include[]

  constructor(lists: readonly QueryRow[][], include: Include[]) {
    const column = <T>(name: Include, value: (row: QueryRow) => T): T[][] | null =>
      include.includes(name) ? lists.map((rows) => rows.map(value)) : null
    this.ids = lists.map((rows) => rows.map(({ id }) => id))
    this.distances = column('distances', ({ distance }) => distance ?? 0)
    this.embeddings = column('embeddings', ({ embedding }) => embedding ?? [])
    this.documents = column('documents', ({ document }) => document)
    this.metadatas = column('metadatas', ({ metadata }) => metadata)
    this.uris = column('uris', ({ uri }) => uri)
    this.include = include
  }

  /** The same, query by query and record by record. */
  rows(): QueryRow[][] {
    return this.ids.map((ids, query) =>
      ids.map((id, index) => ({
        id,
        distance: this.distances?.[query]?.[index] ?? null,
        embedding: this.embeddings?.[query]?.[index] ?? null,
        document: this.documents?.[query]?.[index] ?? null,
        metadata: this.metadatas?.[query]?.[index] ?? null,
        uri: this.uris?.[query]?.[index] ?? null,
      })),
    )
  }
}
