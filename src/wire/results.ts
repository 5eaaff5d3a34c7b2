/**
 * The store's own results as they come over the wire: JSON of the types themselves, in which instants are ISO 8601
 * texts and infinite numbers null. Each decoder knows where instants stand, and looks nowhere else: metadata and
 * documents are the user's.
 */
import type { Erasure } from '../audit/certificate.ts'
import type { Difference } from '../audit/diff.ts'
import type { ExplainedNeighbor, Place, QueryExplanation } from '../audit/explain-query.ts'
import type { RecordVersion } from '../audit/history.ts'
import type { LogLine } from '../audit/log-entries.ts'
import type { Operation } from '../audit/operation.ts'
import { AnnalsError, show } from '../errors.ts'
import type { Change } from '../readers/changes.ts'
import { isPlainObject } from '../validation/values.ts'

/** The same as `change` has it, on the wire. */
export function decodeChange(value: unknown): Change {
  return timed<Change>(value, 'a change')
}

/** A line of `history`. */
export function decodeRecordVersion(value: unknown): RecordVersion {
  return timed<RecordVersion>(value, 'a version')
}

/** A line of `log`. */
export function decodeLogLine(value: unknown): LogLine {
  return timed<LogLine>(value, 'a line of the log')
}

/** A line of `diff`. */
export function decodeDifference(value: unknown): Difference {
  const difference = shaped<Difference>(value, 'a difference')
  return { ...difference, by: decodeOperation(difference.by) }
}

/** The answer of `erase`. */
export function decodeErasure(value: unknown): Erasure {
  const erasure = shaped<Erasure>(value, 'an erasure')
  return {
    ...erasure,
    receipt: timed<Erasure['receipt']>(erasure.receipt, 'a receipt'),
    backups: erasure.backups.map((backup) => ({
      ...backup,
      createdAt: instant(backup.createdAt, 'a backup'),
    })),
  }
}

/** The answer of `explainQuery`. */
export function decodeExplanation(value: unknown): QueryExplanation {
  const explanation = shaped<QueryExplanation>(value, 'an explanation')
  return { ...explanation, queries: explanation.queries.map((neighbors) => neighbors.map(decodeNeighbor)) }
}

function decodeNeighbor(neighbor: ExplainedNeighbor): ExplainedNeighbor {
  const { before, after, causes } = neighbor
  return {
    ...neighbor,
    before: decodePlace(before),
    after: decodePlace(after),
    causes: causes.map(decodeOperation),
  }
}

function decodePlace(place: Place | null): Place | null {
  return place === null ? null : { ...place, distance: infiniteIfNull(place.distance) }
}

function decodeOperation(value: unknown): Operation {
  return timed<Operation>(value, 'an operation')
}

/** JSON has no infinity: a distance that overflowed comes as null. */
export function infiniteIfNull(value: number | null): number {
  return value ?? Number.POSITIVE_INFINITY
}

/** An object of the wire; throws `answer_invalid` for anything else. */
export function shaped<T>(value: unknown, what: string): T {
  if (isPlainObject(value)) return value as T
  throw new AnnalsError('answer_invalid', `The server answered ${show(value)} where ${what} was expected.`)
}

/** The same with an instant under `committedAt`. */
export function timed<T extends { committedAt: Date }>(value: unknown, what: string): T {
  const given = shaped<T>(value, what)
  return { ...given, committedAt: instant(given.committedAt, what) }
}

function instant(text: unknown, what: string): Date {
  const at = new Date(text as string)
  if (!Number.isNaN(at.getTime())) return at
  throw new AnnalsError('answer_invalid', `The server answered ${what} with the time ${show(text)}.`)
}
