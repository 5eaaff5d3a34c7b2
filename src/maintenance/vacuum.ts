import type { Env } from '../env.ts'
import type { OperationLog } from '../log/operation-log.ts'
import type { Pins } from '../log/pins.ts'
import type { Catalog } from '../projections/metadata/catalog.ts'
import type { RecordTable } from '../projections/metadata/record-table.ts'
import { type CollectionRow, standsOn } from '../projections/metadata/rows.ts'
import { resolvePoint } from '../readers/as-of.ts'
import { planRecordVacuum, type RetentionRule, type VacuumPlan } from './retention.ts'

const msPerDay = 86_400_000
/** Versions that one operation record of a vacuum names at most. */
const versionsPerRecord = 10_000

/** One step of a vacuum: what one operation record will say. */
export interface VacuumStep extends VacuumPlan {
  /** UUID of the collection. */
  collection: string
  /** Points before this position cannot be answered afterwards. */
  horizon: number
}

export interface VacuumParts {
  log: OperationLog
  catalog: Catalog
  records: RecordTable
  pins: Pins
  env: Env
}

/** What retention lets go now, collection by collection, in steps of bounded size. Reads only. */
export async function* planVacuum(parts: VacuumParts): AsyncGenerator<VacuumStep, void, undefined> {
  const gone = new Set<number>()
  for (const row of parts.catalog.allCollections()) {
    const rule = await ruleFor(parts, row)
    if (rule !== null) yield* planCollection(parts, row, rule, gone)
  }
}

async function ruleFor(parts: VacuumParts, { key }: CollectionRow): Promise<RetentionRule | null> {
  const { history } = parts.catalog.retention(key)
  if (history === 'forever') return null
  const newest = parts.log.head
  const pinned = oldestPin(parts) ?? newest
  if ('versions' in history) return { supersededBy: Math.min(pinned, newest), keepNewest: history.versions }
  const since = new Date(parts.env.now() - history.days * msPerDay)
  return { supersededBy: Math.min(pinned, await resolvePoint(parts.log, newest, since)), keepNewest: 0 }
}

function oldestPin({ pins, catalog }: VacuumParts): number | undefined {
  const positions = [...pins.list(), ...catalog.tags()].map(({ position }) => position)
  return positions.length === 0 ? undefined : Math.min(...positions)
}

/** `gone`: versions of fork families that steps before have let go, by the position that superseded them. */
function* planCollection(
  { records, catalog }: VacuumParts,
  row: CollectionRow,
  rule: RetentionRule,
  gone: Set<number>,
): Generator<VacuumStep> {
  const family = catalog.family(row.id)
  let step: VacuumStep = { collection: row.id, horizon: row.horizon, versions: [], payloads: [] }
  for (const id of records.idsSupersededBy(row.key, rule.supersededBy)) {
    const live = records.live(row.key, id)
    const superseded = records.versionsOf(row.key, id)
    const versions = live === undefined ? superseded : [...superseded, { ...live, died: null }]
    const plan = planRecordVacuum(versions, rule, keptElsewhere(records, family, id, gone))
    if (family.length > 0) for (const died of plan.versions) gone.add(died)
    for (const died of plan.versions) step.horizon = Math.max(step.horizon, died)
    step.versions.push(...plan.versions)
    step.payloads.push(...plan.payloads)
    if (step.versions.length < versionsPerRecord) continue
    yield step
    step = { collection: row.id, horizon: row.horizon, versions: [], payloads: [] }
  }
  if (step.versions.length > 0) yield step
}

/** What the versions of an id in other collections of the family stand on. A dry run has let none of them go. */
function keptElsewhere(
  records: RecordTable,
  family: readonly CollectionRow[],
  id: string,
  gone: ReadonlySet<number>,
): number[] {
  return family.flatMap(({ key }) => {
    const live = records.live(key, id)
    const superseded = records.versionsOf(key, id).filter(({ died }) => !gone.has(died))
    return [...superseded, ...(live === undefined ? [] : [live])].flatMap(standsOn)
  })
}
