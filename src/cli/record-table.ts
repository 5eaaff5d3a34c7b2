/** Records as rows of a table. */
import type { GetRow } from '../index.ts'
import type { Style } from './output.ts'
import type { Column } from './table.ts'
import { metadataText, vectorText } from './values.ts'

/** The columns for `recordCells`; what they hold may be cut. */
export function recordColumns({ cyan, dim }: Style, { vectors }: { vectors: boolean }): Column[] {
  return [
    { head: 'ID', cuttable: true, cutAt: 'middle', style: cyan },
    { head: 'DOCUMENT', cuttable: true },
    { head: 'METADATA', cuttable: true },
    ...(vectors ? [{ head: 'EMBEDDING', cuttable: true, style: dim }] : []),
  ]
}

/** One record; its uri stands with the metadata. */
export function recordCells(
  { id, document, metadata, uri, embedding }: GetRow,
  { vectors }: { vectors: boolean },
): string[] {
  const facts = [metadataText(metadata), uri === null ? '' : `uri=${uri}`].filter((text) => text !== '')
  return [id, document ?? '', facts.join(' '), ...(vectors ? [vectorText(embedding)] : [])]
}
