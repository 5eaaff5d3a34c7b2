/** What `verify` can find, and what can be done about it. */

export type Severity = 'error' | 'warning' | 'info'

/** How much a verification looks at; each level includes those before it. */
export type VerifyLevel = 'quick' | 'full' | 'deep'

/** Part of the public contract: never renamed, never reused. */
export type FindingCode =
  | 'frame_damaged'
  | 'commit_broken'
  | 'time_backwards'
  | 'previous_broken'
  | 'reference_broken'
  | 'label_broken'
  | 'root_mismatch'
  | 'record_lost'
  | 'checkpoint_mismatch'
  | 'metadata_replaced'
  | 'metadata_unreadable'
  | 'metadata_underivable'
  | 'row_missing'
  | 'row_unexpected'
  | 'row_differs'
  | 'fulltext_differs'
  | 'segment_misplaced'
  | 'segment_missing'
  | 'segment_damaged'
  | 'vector_differs'
  | 'vector_missing'
  | 'vector_unaccounted'
  | 'file_unnamed'
  | 'more_of_these'

/** One thing that is not as it should be, or that somebody should know. */
export interface Finding {
  severity: Severity
  code: FindingCode
  /** The place: `position 17`, `records[added=17]`, `segments/….hnsw`. */
  where: string
  /** What is wrong there. */
  message: string
  /** What to do about it. */
  hint: string
}

/** How far a verification has come. */
export interface VerifyProgress {
  step: 'log' | 'metadata' | 'segments'
  done: number
  total: number
}

/** How many things were looked at. */
export interface Checked {
  /** Operation records, with all of their digests. */
  operations: number
  /** Rows of the metadata tables, each compared with the one derived from the log. */
  rows: number
  /** Terms of the full text index, each with its records. */
  terms: number
  /** Segment files: present, of the right size, and from `full` on of the right digest. */
  segments: number
  /** Vectors in segment files, compared bit for bit with the log's. */
  vectors: number
}

/** The counts before anything was looked at. */
export function nothingChecked(): Checked {
  return { operations: 0, rows: 0, terms: 0, segments: 0, vectors: 0 }
}

type Known = { severity: Severity; hint: string }

const backup =
  'Only a backup can bring it back: restore one, or open with recovery "point-in-time" or "salvage".'
const rows = 'repair() puts the rows right from the log; nothing is lost.'
const segment = 'repair() builds the segment again from the log; nothing is lost.'

const known: Readonly<Record<FindingCode, Known>> = {
  frame_damaged: { severity: 'error', hint: backup },
  commit_broken: { severity: 'error', hint: backup },
  time_backwards: { severity: 'error', hint: backup },
  previous_broken: { severity: 'error', hint: backup },
  reference_broken: { severity: 'error', hint: backup },
  label_broken: { severity: 'error', hint: backup },
  root_mismatch: { severity: 'error', hint: backup },
  record_lost: { severity: 'warning', hint: 'An earlier recovery gave it up; only a backup has it.' },
  checkpoint_mismatch: { severity: 'error', hint: rows },
  metadata_replaced: { severity: 'info', hint: 'It was derived from the log again; nothing to do.' },
  metadata_unreadable: {
    severity: 'error',
    hint: 'Close the store, remove metadata.sqlite3 and metadata.digests, open: they are derived from the log.',
  },
  metadata_underivable: { severity: 'error', hint: backup },
  row_missing: { severity: 'error', hint: rows },
  row_unexpected: { severity: 'error', hint: rows },
  row_differs: { severity: 'error', hint: rows },
  fulltext_differs: { severity: 'error', hint: rows },
  segment_misplaced: { severity: 'error', hint: segment },
  segment_missing: { severity: 'error', hint: segment },
  segment_damaged: { severity: 'error', hint: segment },
  vector_differs: { severity: 'error', hint: segment },
  vector_missing: { severity: 'error', hint: segment },
  vector_unaccounted: {
    severity: 'info',
    hint: 'It belongs to a version that history no longer holds; it is never found, and goes with the next rebuild.',
  },
  file_unnamed: {
    severity: 'info',
    hint: 'Left over, or being built just now; the next opening removes what is left over.',
  },
  more_of_these: { severity: 'info', hint: 'The first ones are told one by one.' },
}

/** A finding with the severity and the hint of its code. */
export function finding(code: FindingCode, where: string, message: string): Finding {
  return { code, where, message, ...known[code] }
}

/** Whether what was found can be put right from the log. */
export function isDerived({ hint }: Finding): boolean {
  return hint === rows || hint === segment
}
