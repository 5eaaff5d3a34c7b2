import type { OperationLog } from '../log/operation-log.ts'
import { parseMetadata, type VersionRow } from '../projections/metadata/rows.ts'
import type { RecordImage, RecordState } from '../types.ts'
import { type ChangedParts, changedKeys } from './operation.ts'

/** A record at two points; `undefined` where it was not there. */
export interface VersionPair {
  before: VersionRow | undefined
  after: VersionRow | undefined
}

/** The same, with what the versions held. */
export interface ImagePair {
  before: RecordImage | null
  after: RecordImage | null
  changed: ChangedParts
}

/** What many pairs of versions held and how they differ; one read of the log for all of them. */
export async function imagesOf(log: OperationLog, pairs: readonly VersionPair[]): Promise<ImagePair[]> {
  const versions = pairs.flatMap(({ before, after }) => [before, after]).filter((row) => row !== undefined)
  const positions = new Set(versions.flatMap((row) => [row.vector_at, row.document_at]))
  positions.delete(0)
  const records = await log.readMany([...positions])
  const states = new Map(
    records.map((record) => [record.position, 'vectorAt' in record ? record.state : null]),
  )
  return pairs.map((pair) => compare(pair, states))
}

type States = ReadonlyMap<number, RecordState | null>

function compare({ before: old, after: now }: VersionPair, states: States): ImagePair {
  const before = old === undefined ? null : imageOf(old, states)
  const after = now === undefined ? null : imageOf(now, states)
  const sameVector = old !== undefined && old.vector_at === now?.vector_at
  return {
    before,
    after,
    changed: {
      embedding: !sameVector && !sameNumbers(before?.embedding, after?.embedding),
      document: (before?.document ?? null) !== (after?.document ?? null),
      uri: (before?.uri ?? null) !== (after?.uri ?? null),
      metadata: changedKeys(before?.metadata ?? null, after?.metadata ?? null),
    },
  }
}

// Parts whose content was erased are empty: an embedding without values, no document.
function imageOf(row: VersionRow, states: States): RecordImage {
  return {
    embedding: Array.from(states.get(row.vector_at)?.vector ?? []),
    document: states.get(row.document_at)?.document ?? null,
    uri: row.uri,
    metadata: parseMetadata(row.metadata),
  }
}

function sameNumbers(a: readonly number[] | undefined, b: readonly number[] | undefined): boolean {
  return a !== undefined && b?.length === a.length && a.every((value, index) => Object.is(value, b[index]))
}
