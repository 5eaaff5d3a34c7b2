import type { OperationLog } from '../log/operation-log.ts'
import type { RecordImage, RecordOperation } from '../types.ts'

/**
 * What a record held after an operation: its parts gathered from where they stand in the log. `null` after a
 * delete, and where any part is gone: half a record would pass for a whole one.
 */
export async function imageAfter(log: OperationLog, record: RecordOperation): Promise<RecordImage | null> {
  const { state, position, vectorAt } = record
  if (record.type === 'delete' || state === null) return null
  const vector = vectorAt === position ? state.vector : (await stateAt(log, vectorAt))?.vector
  const document = await documentOf(log, record)
  if (vector == null || (document === null && record.documentAt > 0)) return null
  const { uri, metadata } = state
  return { embedding: Array.from(vector), document, uri, metadata }
}

/** What the record held before an operation; `null` when it was not there. */
export async function imageBefore(log: OperationLog, record: RecordOperation): Promise<RecordImage | null> {
  if (record.previous === 0) return null
  const previous = await log.read(record.previous)
  return 'vectorAt' in previous ? imageAfter(log, previous) : null
}

async function documentOf(
  log: OperationLog,
  { state, position, documentAt }: RecordOperation,
): Promise<string | null> {
  if (documentAt === 0) return null
  if (documentAt === position) return state?.document ?? null
  return (await stateAt(log, documentAt))?.document ?? null
}

async function stateAt(log: OperationLog, position: number): Promise<RecordOperation['state']> {
  const record = await log.read(position)
  return 'vectorAt' in record ? record.state : null
}
