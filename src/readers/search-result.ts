import type { Metadata } from '../types.ts'

/** One record of a search's answer. What was not selected is `null`. */
export interface SearchRow {
  id: string
  document: string | null
  embedding: number[] | null
  metadata: Metadata | null
  /** Lower is better. */
  score: number | null
}

/** A column of one search's answer; `null` where it was not selected. */
type Column<T> = (T | null)[] | null

/** The columns of `SearchResult`, as Chroma's server sends them. */
export interface SearchColumns {
  ids: string[][]
  documents: Column<string>[]
  embeddings: Column<number[]>[]
  metadatas: Column<Metadata>[]
  scores: Column<number>[]
  select: string[][]
}

/** What `search` answers: for each search one list, best score first. */
export class SearchResult implements SearchColumns {
  readonly ids: string[][]
  readonly documents: Column<string>[]
  readonly embeddings: Column<number[]>[]
  readonly metadatas: Column<Metadata>[]
  readonly scores: Column<number>[]
  /** For each search, the keys that were asked for. */
  readonly select: string[][]

  constructor({ ids, documents, embeddings, metadatas, scores, select }: SearchColumns) {
    this.ids = ids
    this.documents = documents
    this.embeddings = embeddings
    this.metadatas = metadatas
    this.scores = scores
    this.select = select
  }

  /** The same, search by search and record by record. */
  rows(): SearchRow[][] {
    return this.ids.map((ids, search) =>
      ids.map((id, index) => ({
        id,
        document: this.documents[search]?.[index] ?? null,
        embedding: this.embeddings[search]?.[index] ?? null,
        metadata: this.metadatas[search]?.[index] ?? null,
        score: this.scores[search]?.[index] ?? null,
      })),
    )
  }
}
