import { wrongValue } from '../http/http-error.ts'
import type { WireRecord } from './record-payloads.ts'

/**
 * One record for each id, as if those of one id were written in turn: of an add the first counts, of an update
 * or upsert each is laid over the one before. The first occurrence keeps the place.
 * Vectors that fall away are held to the dimension of the others all the same.
 */
export function foldRecords(kind: 'add' | 'update' | 'upsert', records: readonly WireRecord[]): WireRecord[] {
  const folded = new Map<string, WireRecord>()
  for (const record of records) {
    const before = folded.get(record.id)
    if (before === undefined) folded.set(record.id, record)
    else if (kind !== 'add') folded.set(record.id, laidOver(before, record))
  }
  if (folded.size < records.length) checkDimensions(records)
  return [...folded.values()]
}

function laidOver(before: WireRecord, after: WireRecord): WireRecord {
  return {
    id: after.id,
    embedding: after.embedding ?? before.embedding,
    document: after.document ?? before.document,
    uri: after.uri ?? before.uri,
    metadata: after.metadata === null ? before.metadata : { ...before.metadata, ...after.metadata },
  }
}

function checkDimensions(records: readonly WireRecord[]): void {
  const vectors = records.flatMap(({ embedding }) => (embedding === null ? [] : [embedding]))
  const odd = vectors.find(({ length }) => length !== vectors[0]!.length)
  if (odd === undefined) return
  throw wrongValue(
    `Collection expecting embedding with dimension of ${vectors[0]!.length}, got ${odd.length}`,
  )
}
