import type { OperationLog } from '../log/operation-log.ts'
import type { VersionRow } from '../projections/metadata/rows.ts'

/** The vectors of the given versions, bit for bit as they were handed in. */
export async function embeddingsOf(log: OperationLog, rows: readonly VersionRow[]): Promise<number[][]> {
  const records = await log.readMany(rows.map(({ vector_at }) => vector_at))
  return records.map((record) => Array.from(('vectorAt' in record && record.state?.vector) || []))
}
