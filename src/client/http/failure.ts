/** What went wrong between a client and its server, and what that means for the call. */
import { AnnalsError, type ErrorCode, messageOf } from '../../errors.ts'
import { decodeError } from '../../wire/error-body.ts'

/** One attempt of a call that came to nothing. */
export interface Failure {
  error: AnnalsError
  /** Whether the server may have done what it was asked for all the same. */
  mayBeDone: boolean
  /** Whether another attempt can go better. */
  isPassing: boolean
  /** What the server asked for. */
  retryAfterMs: number | null
}

/** Codes of errors from before a request was sent, beside those of system calls that connect. */
const unsent = new Set(['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'UND_ERR_CONNECT_TIMEOUT', 'EPROTO'])
/** Of TLS: a certificate that is not trusted, or no TLS at all. */
const tlsPattern = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH)/
/** How fetch refuses the ports of other protocols, such as 25 and 6000. */
const forbiddenPort = 'bad port'
/** Trying again does not make a name known or a certificate trusted. */
const lastingPattern = /^(ENOTFOUND|EPROTO)$/

/** A request that was not answered, by the error that fetch threw. */
export function unanswered(thrown: unknown, origin: string): Failure {
  const cause = rootOf(thrown)
  const { code = '', syscall = '' } = cause as { code?: string; syscall?: string }
  const isTls = tlsPattern.test(code)
  const isForbidden = cause instanceof Error && cause.message === forbiddenPort
  if (unsent.has(code) || isTls || isForbidden || syscall === 'connect' || syscall === 'getaddrinfo') {
    const error = new AnnalsError('connection_failed', `No connection to ${origin}: ${reasonOf(cause)}.`, {
      hint: isTls
        ? 'Hand the certificate of the authority in as `ca`, and use the name that the certificate is for.'
        : 'See that the server runs there, and that host, port and ssl are right.',
      cause,
    })
    return {
      error,
      mayBeDone: false,
      isPassing: !isTls && !isForbidden && !lastingPattern.test(code),
      retryAfterMs: null,
    }
  }
  return { error: connectionLost(origin, cause), mayBeDone: true, isPassing: true, retryAfterMs: null }
}

/** The connection broke before the answer was whole. */
export function connectionLost(origin: string, thrown: unknown): AnnalsError {
  const cause = rootOf(thrown)
  return new AnnalsError('connection_lost', `The connection to ${origin} was lost: ${reasonOf(cause)}.`, {
    hint: 'A write may have been done: repeat it with the same idempotencyKey.',
    cause,
  })
}

/** Statuses of a server, or of a proxy before it, that is not able to answer just now. */
const passing = new Set([429, 502, 503, 504])
/** Those that a proxy answers when it has passed the request on and heard nothing back. */
const unheard = new Set([502, 504])
/** What an answer without a body that tells more means. */
const byStatus: Readonly<Record<number, ErrorCode>> = {
  401: 'unauthorized',
  403: 'forbidden',
  413: 'limit_exceeded',
  429: 'busy',
  431: 'limit_exceeded',
  503: 'connection_failed',
  504: 'timed_out',
}

/** An answer that refuses, whoever gave it. */
export function refused(
  { status, text, retryAfterMs }: { status: number; text: string; retryAfterMs: number | null },
  call: string,
): Failure {
  const told = decodeError(parsed(text), status)
  const error = told ?? withoutBody(status, text, call)
  const isPassing = passing.has(status)
  // A server that fails without a word on the data may have failed after writing them.
  const isUnclear = status >= 500 && status !== 503 && error.fate === undefined
  return { error, mayBeDone: unheard.has(status) || isUnclear, isPassing, retryAfterMs }
}

function withoutBody(status: number, text: string, call: string): AnnalsError {
  const code = byStatus[status] ?? 'answer_invalid'
  const said = text.trim() === '' ? '' : `: ${text.trim().slice(0, 200)}`
  return new AnnalsError(code, `${call} was answered with status ${status}${said}.`, {
    ...(code === 'answer_invalid' && { hint: answerHint }),
    ...(code === 'limit_exceeded' && { hint: 'Split the call.' }),
  })
}

const answerHint = 'See that host, port and ssl are those of an annals server, and that its version fits.'

/** Something answered, but not as an annals server does. */
export function answerInvalid(call: string, what: string, cause?: unknown): AnnalsError {
  return new AnnalsError('answer_invalid', `The answer to ${call} ${what}.`, { hint: answerHint, cause })
}

/** The same error with what became of a write's data. */
export function asWrite(error: AnnalsError, mayBeDone: boolean): AnnalsError {
  // The server knows best, unless an earlier attempt may be under way while it refuses this one for lack of room.
  const isSaid = error.fate !== undefined && !(mayBeDone && passing.has(error.status))
  const fate = isSaid ? error.fate : mayBeDone ? 'indeterminate' : 'not_written'
  if (fate === undefined || fate === error.fate) return error
  const { code, message, hint, position, cause } = error
  return new AnnalsError(code, message, {
    fate,
    ...(hint !== undefined && { hint }),
    ...(position !== undefined && { position }),
    cause,
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** fetch wraps what happened into a `TypeError: fetch failed` or `terminated`. */
function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? error.cause : error
}

/** Of several addresses that were tried, the reason of the first. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0])
  const { code } = error as { code?: string }
  return messageOf(error) || code || 'no reason was given'
}
