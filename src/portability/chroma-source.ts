import type { HnswConfiguration, Metadata } from '../types.ts'
import type { ImportedFunction } from './exchange-types.ts'

/** A collection of Chroma's, as an import finds it. */
export interface ChromaCollection {
  /** UUID. */
  id: string
  name: string
  tenant: string
  database: string
  metadata: Metadata | null
  hnsw: Partial<HnswConfiguration>
  embeddingFunction: ImportedFunction | null
  /** What could not be taken over as it is. */
  notes: string[]
}

/** A record, not checked yet, or the reason why there is none. */
export interface ChromaRow {
  id: string
  /** A record with the keys of `ExchangeRecord`. */
  value?: unknown
  problem?: string
}

/** Where an import from Chroma reads: a data folder, or a running server. */
export interface ChromaSource {
  databases(): Promise<{ tenant: string; database: string }[]>
  /** In the order of their creation, where the source knows it. */
  collections(): Promise<ChromaCollection[]>
  /** How many records there are; `null` where that is not known beforehand. */
  count(collection: ChromaCollection): Promise<number | null>
  /** In insertion order. */
  records(collection: ChromaCollection, batchSize: number): AsyncIterable<ChromaRow>
  close(): Promise<void>
}
