import type { Filter } from './filter.ts'

/** Whether judging a record by this filter takes its document. */
export function readsDocument(filter: Filter): boolean {
  if (filter.kind === 'and' || filter.kind === 'or') return filter.children.some(readsDocument)
  return filter.kind === 'document-contains' || filter.kind === 'document-matches'
}
