/** What a command weighs in the queue, and whether it can be decided beside others. */
import { metadataSize } from '../validation/metadata.ts'
import type { Command, RecordInput } from './command.ts'

/** Commands that read more than single records: nothing may be pending when they are decided. */
export function readsTables(command: Command): boolean {
  switch (command.kind) {
    case 'add':
    case 'update':
    case 'upsert':
    case 'transaction':
      return false
    case 'delete':
      return command.filter !== null
    default:
      return true
  }
}

/** Operation records that it may make, as far as that is known. */
export function countOf(command: Command): number {
  if (command.kind === 'transaction')
    return command.writes.reduce((sum, write) => sum + ('ids' in write ? write.ids : write.records).length, 0)
  if ('records' in command) return command.records.length
  return command.kind === 'delete' ? (command.ids?.length ?? 1) : 1
}

/** Bytes of memory that it holds while it waits, about. */
export function sizeOf(command: Command): number {
  if (command.kind === 'transaction')
    return command.writes.reduce(
      (sum, write) => sum + ('records' in write ? recordsSize(write.records) : 0),
      256 + 64 * command.readIds.length,
    )
  return 'records' in command ? recordsSize(command.records) : 256
}

function recordsSize(records: readonly RecordInput[]): number {
  let bytes = 0
  for (const { id, vector, document, uri, metadata } of records) {
    bytes += 128 + id.length + (vector?.byteLength ?? 0) + (uri?.length ?? 0)
    bytes += 2 * ((document?.length ?? 0) + metadataSize(metadata))
  }
  return bytes
}
