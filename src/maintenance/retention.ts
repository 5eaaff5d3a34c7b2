/**
 * Which superseded versions retention lets go, and which payloads of the log nobody needs then. Pure.
 */

import { standsOn } from '../projections/metadata/rows.ts'

/** One version of a record, by what it stands on. */
export interface VersionSpan {
  /** The `add` that its record began with. */
  added: number
  /** The operation record that made it. */
  position: number
  vector_at: number
  document_at: number
  /** Where it was superseded; `null` for the live one. */
  died: number | null
}

/** Which superseded versions may go. */
export interface RetentionRule {
  /** Only versions superseded at or before this position may go: pins and age both set it. */
  supersededBy: number
  /** So many of the newest versions stay in any case. */
  keepNewest: number
}

/** What goes. */
export interface VacuumPlan {
  /** The versions that go, named by the position that superseded them. */
  versions: number[]
  /** Positions whose payloads no version that stays stands on. */
  payloads: number[]
}

/**
 * What goes of one record. `versions` are all that it has, oldest first; `elsewhere` says what versions of other
 * collections of the fork family stand on, and keep.
 */
export function planRecordVacuum(
  versions: readonly VersionSpan[],
  rule: RetentionRule,
  elsewhere: readonly number[] = [],
): VacuumPlan {
  const newest = versions.length - rule.keepNewest
  const goes = ({ died }: VersionSpan, index: number) =>
    died !== null && died <= rule.supersededBy && index < newest
  const dropped = versions.filter(goes)
  const kept = versions.filter((version, index) => !goes(version, index))
  const needed = new Set([...kept.flatMap(standsOn), ...elsewhere])
  const payloads = new Set(dropped.flatMap(standsOn).filter((position) => !needed.has(position)))
  return {
    versions: dropped.map(({ died }) => died!),
    payloads: [...payloads].sort((a, b) => a - b),
  }
}
