/**
 * One error class, one table of codes. `docs/errors.md` has a section for each code.
 * A code is part of the public contract: it is never renamed and never reused.
 */
import { WholeFloat } from './exact-number.ts'

/** What became of the data of a write that failed. */
export type Fate = 'not_written' | 'durable' | 'indeterminate'

export interface ErrorClass {
  /** The status that the HTTP API answers. */
  readonly status: number
  /** The name that Chroma's clients know this error by. */
  readonly chroma: string
}

const invalid: ErrorClass = { status: 400, chroma: 'InvalidArgumentError' }
const notFound: ErrorClass = { status: 404, chroma: 'NotFoundError' }
const exists: ErrorClass = { status: 409, chroma: 'ChromaError' }
const internal: ErrorClass = { status: 500, chroma: 'InternalError' }
const unavailable: ErrorClass = { status: 503, chroma: 'InternalError' }

/** Every code; `docs/errors.md` says for each what happened and what to do. */
export type ErrorCode =
  | 'invalid_argument'
  | 'invalid_filter'
  | 'dimension_mismatch'
  | 'unsupported_option'
  | 'limit_exceeded'
  | 'embedding_function_missing'
  | 'embedding_failed'
  | 'dependency_missing'
  | 'tenant_not_found'
  | 'database_not_found'
  | 'collection_not_found'
  | 'tenant_exists'
  | 'database_exists'
  | 'collection_exists'
  | 'conflict'
  | 'stale_read'
  | 'position_not_reached'
  | 'history_truncated'
  | 'tag_not_found'
  | 'tag_exists'
  | 'store_locked'
  | 'store_closed'
  | 'busy'
  | 'disk_full'
  | 'write_failed'
  | 'log_unavailable'
  | 'log_damaged'
  | 'log_missing'
  | 'log_tail_lost'
  | 'format_unsupported'
  | 'projection_failed'
  | 'segment_damaged'
  | 'backup_damaged'
  | 'backup_mismatch'
  | 'store_exists'
  | 'import_failed'
  | 'export_failed'
  | 'unauthorized'
  | 'forbidden'
  | 'timed_out'
  | 'connection_failed'
  | 'connection_lost'
  | 'answer_invalid'
  | 'internal'

/** Every code, with its HTTP status and Chroma's name for it. */
export const errorClasses: Readonly<Record<ErrorCode, ErrorClass>> = {
  invalid_argument: invalid,
  invalid_filter: invalid,
  dimension_mismatch: invalid,
  unsupported_option: invalid,
  limit_exceeded: { status: 413, chroma: 'InvalidArgumentError' },
  embedding_function_missing: invalid,
  embedding_failed: { status: 502, chroma: 'InternalError' },
  dependency_missing: { status: 501, chroma: 'ChromaError' },
  tenant_not_found: notFound,
  database_not_found: notFound,
  collection_not_found: notFound,
  tenant_exists: exists,
  database_exists: exists,
  collection_exists: exists,
  conflict: { status: 409, chroma: 'ConditionalWriteConflictError' },
  stale_read: { status: 412, chroma: 'StaleReadError' },
  position_not_reached: invalid,
  history_truncated: { status: 410, chroma: 'ChromaError' },
  tag_not_found: notFound,
  tag_exists: exists,
  store_locked: unavailable,
  store_closed: unavailable,
  busy: { status: 429, chroma: 'Backoff' },
  disk_full: { status: 507, chroma: 'InternalError' },
  write_failed: internal,
  log_unavailable: unavailable,
  log_damaged: internal,
  log_missing: internal,
  log_tail_lost: internal,
  format_unsupported: internal,
  projection_failed: internal,
  segment_damaged: internal,
  backup_damaged: internal,
  backup_mismatch: { status: 409, chroma: 'ChromaError' },
  store_exists: exists,
  import_failed: invalid,
  export_failed: internal,
  unauthorized: { status: 401, chroma: 'ChromaError' },
  forbidden: { status: 403, chroma: 'ChromaError' },
  timed_out: { status: 504, chroma: 'InternalError' },
  connection_failed: unavailable,
  connection_lost: { status: 502, chroma: 'InternalError' },
  answer_invalid: { status: 502, chroma: 'InternalError' },
  internal,
}

export interface AnnalsErrorOptions {
  /** For failed writes: what became of the data. */
  fate?: Fate
  /** What the caller can do next. */
  hint?: string
  /** Where in the log it happened. */
  position?: number
  cause?: unknown
}

/**
 * The one error that the store throws.
 *
 * @example
 * try {
 *   await notes.add({ ids: ['a', 'a'], documents: ['x', 'y'] })
 * } catch (error) {
 *   if (error instanceof AnnalsError && error.code === 'invalid_argument') console.error(error.message)
 * }
 */
export class AnnalsError extends Error {
  override readonly name = 'AnnalsError'
  readonly code: ErrorCode
  readonly fate: Fate | undefined
  readonly hint: string | undefined
  readonly position: number | undefined

  constructor(code: ErrorCode, message: string, options: AnnalsErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.fate = options.fate
    this.hint = options.hint
    this.position = options.position
  }

  /** The HTTP status for this code. */
  get status(): number {
    return errorClasses[this.code].status
  }

  /** Chroma's name for this error. */
  get chromaName(): string {
    return errorClasses[this.code].chroma
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** How a value is named in a message: short, quoted, never a whole document. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}…` : value)
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined)
    return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof WholeFloat) return String(value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'symbol') return 'a symbol'
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString()
  if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`
  if (Array.isArray(value)) return `an array of ${value.length}`
  return 'an object'
}
