/**
 * Who writes, why and under which conditions, and what came of it: beside the body of a write, in headers, so that
 * bodies stay Chroma's. Texts are percent-encoded UTF-8, as headers hold ASCII alone.
 */
import { AnnalsError, show } from '../errors.ts'
import type { WriteOptions, WriteReceipt } from '../types.ts'

/** Request headers of writes. */
const writeHeaders = {
  actor: 'x-annals-actor',
  reason: 'x-annals-reason',
  idempotencyKey: 'idempotency-key',
  expectedPosition: 'x-annals-expected-position',
} as const

/** Response headers of writes. */
export const receiptHeaders = {
  position: 'x-annals-position',
  committedAt: 'x-annals-committed-at',
  count: 'x-annals-count',
} as const

/** Response header of reads as of a point: the position that it stood for. */
export const asOfHeader = 'x-annals-as-of'
/** Response headers of a diff: the positions that its points stood for. */
export const diffHeaders = { from: 'x-annals-from', to: 'x-annals-to' } as const
/** Response header of heartbeat and version: the version of annals behind them. */
export const versionHeader = 'x-annals-version'

/** The request headers that say the same as the options. */
export function encodeWriteOptions(options: WriteOptions): Record<string, string> {
  const { actor, reason, idempotencyKey, expectedPosition } = options
  return {
    ...(actor !== undefined && { [writeHeaders.actor]: encodeURIComponent(actor) }),
    ...(reason !== undefined && { [writeHeaders.reason]: encodeURIComponent(reason) }),
    ...(idempotencyKey !== undefined && {
      [writeHeaders.idempotencyKey]: encodeURIComponent(idempotencyKey),
    }),
    ...(expectedPosition !== undefined && { [writeHeaders.expectedPosition]: String(expectedPosition) }),
  }
}

/**
 * The options that request headers give; empty headers count as absent. Lengths and ranges are for the door of
 * writes to check. Throws `invalid_argument` for what is not percent-encoded UTF-8 or no number.
 */
export function decodeWriteOptions(header: (name: string) => string | undefined): WriteOptions {
  const text = (name: string): string | undefined => {
    const value = header(name)
    return value === undefined || value === '' ? undefined : decodeText(name, value)
  }
  const actor = text(writeHeaders.actor)
  const reason = text(writeHeaders.reason)
  const idempotencyKey = text(writeHeaders.idempotencyKey)
  const expected = header(writeHeaders.expectedPosition)
  return {
    ...(actor !== undefined && { actor }),
    ...(reason !== undefined && { reason }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...(expected !== undefined && expected !== '' && { expectedPosition: decodePosition(expected) }),
  }
}

/** The response headers that say what a write did. */
export function encodeReceipt({ position, committedAt, count }: WriteReceipt): Record<string, string> {
  return {
    [receiptHeaders.position]: String(position),
    [receiptHeaders.committedAt]: committedAt.toISOString(),
    [receiptHeaders.count]: String(count),
  }
}

/** What a write did, by its response headers; `null` where they are not those of a receipt. */
export function decodeReceipt(header: (name: string) => string | null): WriteReceipt | null {
  const position = wholeNumber(header(receiptHeaders.position))
  const count = wholeNumber(header(receiptHeaders.count))
  const committedAt = new Date(header(receiptHeaders.committedAt) ?? Number.NaN)
  if (position === null || count === null || Number.isNaN(committedAt.getTime())) return null
  return { position, committedAt, count }
}

/** A whole number in a header; `null` for anything else. */
export function wholeNumber(text: string | null | undefined): number | null {
  if (text == null || !/^\d{1,16}$/.test(text)) return null
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : null
}

function decodeText(name: string, value: string): string {
  try {
    return decodeURIComponent(value)
  } catch (cause) {
    throw refused(name, 'must be percent-encoded UTF-8', value, cause)
  }
}

function decodePosition(value: string): number {
  const position = wholeNumber(value)
  if (position === null) throw refused(writeHeaders.expectedPosition, 'must be a position', value)
  return position
}

function refused(name: string, rule: string, value: string, cause?: unknown): AnnalsError {
  return new AnnalsError('invalid_argument', `header ${name}: ${rule}, got ${show(value)}.`, {
    fate: 'not_written',
    ...(cause !== undefined && { cause }),
  })
}
