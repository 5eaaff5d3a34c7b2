import { AnnalsError, messageOf, show } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Metadata } from '../types.ts'
import { checkMetadata } from '../validation/metadata.ts'
import { checkId, checkKeys, checkObject, checkText, checkVector } from '../validation/values.ts'

/** A record that the store will take: every part checked by itself. */
export interface CheckedRecord {
  id: string
  embedding: Float32Array | null
  document: string | null
  metadata: Metadata | null
  uri: string | null
  /** Roughly what it takes in memory. */
  bytes: number
}

const recordKeys = ['id', 'embedding', 'document', 'metadata', 'uri'] as const

/** What a format reads: a record that nobody has checked yet, or what is wrong with the place where it stood. */
export interface RawRow {
  /** Line of a text file (of a record that spans lines, its last); for JSON columns and Parquet the record's number. From 1. */
  line: number
  /** A record with the keys of `ExchangeRecord`; absent ones are `null`. */
  value?: unknown
  /** Why there is no value. */
  problem?: string
}

/** Checks a record of foreign origin. Throws an `AnnalsError` that names the part and the rule. */
export function checkRecord(value: unknown): CheckedRecord {
  const given = checkObject(value, 'record')
  checkKeys(given, recordKeys, 'record')
  const id = checkId(given.id, 'id')
  const embedding = given.embedding == null ? null : checkVector(given.embedding, 'embedding')
  const document = textOrNull(given.document, 'document', limits.documentLengthMax)
  const uri = textOrNull(given.uri, 'uri', limits.uriLengthMax)
  const metadata = metadataOrNull(given.metadata)
  const bytes = 200 + id.length + (embedding?.byteLength ?? 0) + 2 * (document?.length ?? 0)
  return { id, embedding, document, metadata, uri, bytes }
}

/** Why a record was refused, in one line. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof AnnalsError)) return messageOf(error)
  return error.hint === undefined ? error.message : `${error.message} ${error.hint}`
}

/** The id of an unchecked record, for messages; `null` when it has none that could be shown. */
export function idOf(value: unknown): string | null {
  const id = (value as { id?: unknown } | null | undefined)?.id
  if (typeof id === 'string') return id
  return id == null ? null : show(id)
}

function textOrNull(value: unknown, place: string, lengthMax: number): string | null {
  return value == null ? null : checkText(value, place, lengthMax)
}

function metadataOrNull(value: unknown): Metadata | null {
  if (value == null) return null
  const metadata = checkMetadata(value, 'metadata', { allowNull: false }) as Metadata
  return Object.keys(metadata).length === 0 ? null : metadata
}
