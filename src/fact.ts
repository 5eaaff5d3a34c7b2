/** What a log says, free of its place in it: what replays and upcasters hand on. */
import type { CollectionState, Metadata } from './types.ts'

/**
 * What one operation record says, without what depends on its place in a log: what can be carried over into
 * another one. `undefined` stands for content that stayed as it was.
 */
export type Fact = TenantFact | DatabaseFact | CollectionFact | PutFact | DeleteFact

/** A tenant was created. */
export interface TenantFact {
  type: 'create-tenant'
  tenant: string
}

/** A database was created or deleted. */
export interface DatabaseFact {
  type: 'create-database' | 'delete-database'
  databaseId: string
  tenant: string
  database: string
}

/** A collection was created, changed or deleted. */
export interface CollectionFact {
  type: 'create-collection' | 'modify-collection' | 'delete-collection'
  collection: string
  state: CollectionState
  /** For the creation of a fork: UUID of the collection that it is taken of. */
  forkedFrom?: string
}

/** A record was added, or changed where it was there before. */
export interface PutFact {
  type: 'put'
  collection: string
  recordId: string
  vector: Float32Array | undefined
  document: string | null | undefined
  uri: string | null
  metadata: Metadata | null
  /** The content is all there, whether or not it changed: what did must be found by comparing. */
  whole?: boolean
  /** A fork takes the record over: what is `undefined` is what the fork's source holds at this moment. */
  inherits?: boolean
  /**
   * Reads the version whole, for a log that lacks the versions before it; `null` when the source no longer has all
   * of it. Absent where what is `undefined` must stay so.
   */
  content?: () => Promise<RecordContent | null>
}

/** What a version of a record stands on. */
export interface RecordContent {
  vector: Float32Array
  document: string | null
}

/** A record was deleted. */
export interface DeleteFact {
  type: 'delete'
  collection: string
  recordId: string
}
