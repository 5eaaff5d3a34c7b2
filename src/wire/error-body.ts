/** Errors as JSON: Chroma's two fields, and beside them what an `AnnalsError` says more. */
import { AnnalsError, type ErrorCode, errorClasses, type Fate } from '../errors.ts'
import { isPlainObject } from '../validation/values.ts'

/** The body of an answer that is an error: Chroma's two fields, and ours. */
export interface ErrorBody {
  /** Chroma's name for the error. */
  error: string
  message: string
  code: ErrorCode
  fate?: Fate
  hint?: string
  position?: number
}

/** The key of the last line of a stream of lines that failed. */
export const streamErrorKey = '$error'

/** What an error says over the wire. Causes stay where they are: they may tell of paths and internals. */
export function encodeError(error: AnnalsError): ErrorBody {
  const { chromaName, message, code, fate, hint, position } = error
  return {
    error: chromaName,
    message,
    code,
    ...(fate !== undefined && { fate }),
    ...(hint !== undefined && { hint }),
    ...(position !== undefined && { position }),
  }
}

/**
 * The error that a body tells of. One of Chroma's own, or with a code that only a newer server knows, bears the
 * code that fits its status best; `null` for a body that is no error.
 */
export function decodeError(body: unknown, status: number): AnnalsError | null {
  if (!isPlainObject(body) || typeof body.message !== 'string') return null
  const { message, fate, hint, position } = body
  return new AnnalsError(isKnown(body.code) ? body.code : codeFor(status), message, {
    ...(isFate(fate) && { fate }),
    ...(typeof hint === 'string' && { hint }),
    ...(typeof position === 'number' && { position }),
  })
}

function isKnown(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorClasses, code)
}

function isFate(value: unknown): value is Fate {
  return value === 'not_written' || value === 'durable' || value === 'indeterminate'
}

const byStatus: Readonly<Record<number, ErrorCode>> = {
  409: 'conflict',
  410: 'history_truncated',
  412: 'conflict',
  413: 'limit_exceeded',
  429: 'busy',
  501: 'unsupported_option',
  503: 'log_unavailable',
  507: 'disk_full',
}

function codeFor(status: number): ErrorCode {
  return byStatus[status] ?? (status >= 500 ? 'internal' : 'invalid_argument')
}
