/** Answers in the form that a session gives metadata in. They were made for this caller: parts may be replaced. */
import type { Difference } from '../audit/diff.ts'
import type { RecordVersion } from '../audit/history.ts'
import type { MetadataForm } from '../metadata-form.ts'
import type { Change } from '../readers/changes.ts'
import type { GetResult, QueryResult } from '../readers/results.ts'
import type { SearchResult } from '../readers/search-result.ts'
import type { Metadata } from '../types.ts'

export function getAnswer(result: GetResult, form: MetadataForm): GetResult {
  if (result.metadatas !== null) reformAll(result.metadatas, form)
  return result
}

export function queryAnswer(result: QueryResult, form: MetadataForm): QueryResult {
  for (const metadatas of result.metadatas ?? []) reformAll(metadatas, form)
  return result
}

export function searchAnswer(result: SearchResult, form: MetadataForm): SearchResult {
  for (const metadatas of result.metadatas) if (metadatas !== null) reformAll(metadatas, form)
  return result
}

export function changeAnswer(change: Change, form: MetadataForm): Change {
  const { before, after, state } = change
  return {
    ...change,
    before: reformed(before, form),
    after: reformed(after, form),
    state: reformed(state, form),
  }
}

export function versionAnswer(version: RecordVersion, form: MetadataForm): RecordVersion {
  return { ...version, before: reformed(version.before, form), after: reformed(version.after, form) }
}

export function differenceAnswer<D extends Difference>(difference: D, form: MetadataForm): D {
  const { before, after } = difference
  return { ...difference, before: reformed(before, form), after: reformed(after, form) }
}

function reformAll(metadatas: (Metadata | null)[], form: MetadataForm): void {
  for (let index = 0; index < metadatas.length; index++) metadatas[index] = form(metadatas[index]!)
}

function reformed<T extends { metadata: Metadata | null }>(holder: T | null, form: MetadataForm): T | null {
  return holder && { ...holder, metadata: form(holder.metadata) }
}
