import { parseMetadataText } from '../../format/metadata-text.ts'
import type { CollectionConfiguration, CollectionInfo, Metadata } from '../../types.ts'

/** One row of `collections`: a collection as it stands now, or as it stood when it was deleted. */
export interface CollectionRow {
  /** Position of its creation: the number by which the other tables name it. */
  key: number
  id: string
  tenant: string
  database: string
  name: string
  metadata: string | null
  configuration: string
  dimension: number | null
  /** Position of its newest collection-level operation record. */
  changed: number
  died: number | null
  /** Position of the newest operation record that touched it or one of its records. */
  last_position: number
  /** The label that its next vector gets. */
  next_label: number
  live_records: number
  /** Points before this position cannot be answered any more; 0 when all can. */
  horizon: number
  /** UUID of the collection that it is a fork of; `null` for one that is none. */
  forked_from: string | null
  /** Labels below this one are those of `forked_from`, and name the same vectors. */
  inherited: number
}

/** One version of a record: a row of `records` (live) or of `record_versions` (superseded). */
export interface VersionRow {
  /** Position of the `add` that began this record: its place in insertion order. */
  added: number
  id: string
  label: number
  /** Position of the operation record that made this version. */
  position: number
  vector_at: number
  document_at: number
  /** `undefined` where the text must be read from the log at `document_at`. */
  document?: string | null
  uri: string | null
  metadata: string | null
}

/**
 * The positions of the payloads that a version stands on. Where a fork took its vector or document over, that is
 * the `add` by which it did so, too: it alone tells a replay without the source that the record is there.
 */
export function standsOn({
  added,
  position,
  vector_at,
  document_at,
}: Pick<VersionRow, 'added' | 'position' | 'vector_at' | 'document_at'>): number[] {
  const isTakenOver = vector_at < added || (document_at > 0 && document_at < added)
  const positions = document_at > 0 ? [position, vector_at, document_at] : [position, vector_at]
  return isTakenOver ? [...positions, added] : positions
}

/** The public form of a collection row. */
export function collectionInfo(row: CollectionRow): CollectionInfo {
  return {
    id: row.id,
    name: row.name,
    tenant: row.tenant,
    database: row.database,
    metadata: parseMetadata(row.metadata),
    configuration: JSON.parse(row.configuration) as CollectionConfiguration,
    dimension: row.dimension,
  }
}

/** Metadata as it stands in a row, with exact numbers. */
export function parseMetadata(json: string | null): Metadata | null {
  return json === null ? null : parseMetadataText(json)
}
