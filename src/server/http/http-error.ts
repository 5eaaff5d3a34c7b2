import { AnnalsError, type ErrorCode } from '../../errors.ts'
import { type ErrorBody, encodeError } from '../../wire/error-body.ts'

/**
 * What the wire refuses before, or otherwise than, the store does: a status of its own beside Chroma's name for it.
 * Codes are those of `AnnalsError`.
 */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number
  /** Chroma's name. */
  readonly error: string
  readonly code: ErrorCode
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    error: string,
    code: ErrorCode,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
    this.status = status
    this.error = error
    this.code = code
    this.headers = headers
  }
}

/** JSON of the wrong shape: 422, as Chroma has it. */
export function wrongShape(message: string): HttpError {
  return new HttpError(422, 'ChromaError', 'invalid_argument', message)
}

/** A value that no call can have: 400. */
export function wrongValue(message: string): HttpError {
  return new HttpError(400, 'InvalidArgumentError', 'invalid_argument', message)
}

/** What this server does not do: 501. */
export function notImplemented(message: string): HttpError {
  return new HttpError(501, 'ChromaError', 'unsupported_option', message)
}

/** Status and body for anything that was thrown. What is not ours is an internal error that tells nothing. */
export function describeError(thrown: unknown): { status: number; body: ErrorBody } {
  if (thrown instanceof HttpError) {
    const { status, error, message, code } = thrown
    return { status, body: { error, message, code } }
  }
  if (thrown instanceof AnnalsError) return { status: thrown.status, body: encodeError(thrown) }
  return {
    status: 500,
    body: { error: 'InternalError', message: 'Something went wrong inside the server.', code: 'internal' },
  }
}
