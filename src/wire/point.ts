import { AnnalsError, show } from '../errors.ts'
import { checkPoint } from '../readers/read-request.ts'
import type { Point } from '../types.ts'
import { checkName } from '../validation/values.ts'

const positionPattern = /^\d+$/
/** A date, or a date with a time; years beyond 9999 have a sign and six digits, as `toISOString` writes them. */
const instantPattern =
  /^((?:\d{4}|[+-]\d{6})-\d{2}-\d{2})(?:[Tt]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?([Zz]|[+-]\d{2}:?\d{2})?)?$/
const tagPrefix = 'tag:'

/**
 * The point that a text stands for, as in a query parameter or on a command line: `123` is a position, an ISO 8601
 * date or date-time an instant (UTC unless it names an offset), `tag:NAME` a tag. Any other name is a tag too.
 * Throws `invalid_argument`.
 *
 * @example
 * parsePoint('2026-03-01T12:00Z') // a Date
 * parsePoint('tag:2026-03-01') // the tag of that name
 */
export function parsePoint(text: string): Point {
  if (positionPattern.test(text)) return checkPoint(Number(text))
  if (text.startsWith(tagPrefix)) return checkPoint(text.slice(tagPrefix.length))
  const instant = instantPattern.exec(text)
  if (instant !== null) return instantOf(text, instant[1]!, instant[2])
  try {
    return checkName(text, 'point')
  } catch (cause) {
    throw notPoint(text, cause)
  }
}

/** The text of a point, exact to the millisecond; `parsePoint` reads it. Tags always bear the prefix `tag:`. */
export function formatPoint(point: Point): string {
  if (typeof point === 'number') return String(point)
  return point instanceof Date ? point.toISOString() : `${tagPrefix}${point}`
}

function instantOf(text: string, date: string, zone: string | undefined): Date {
  const hasTime = text.length > date.length
  const zoned = hasTime && zone === undefined ? `${text}Z` : text
  // What Date accepts besides: a decimal comma and offsets without a colon are ISO 8601 all the same.
  const instant = new Date(
    zoned
      .replace(',', '.')
      .replace(/(T.*[+-]\d{2})(\d{2})$/i, '$1:$2')
      .toUpperCase(),
  )
  if (Number.isNaN(instant.getTime()) || !isInCalendar(date)) throw notPoint(text)
  return instant
}

/** Date would take February 30 for March 1. */
function isInCalendar(date: string): boolean {
  const midnight = new Date(`${date}T00:00:00Z`)
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(date)
}

function notPoint(text: string, cause?: unknown): AnnalsError {
  return new AnnalsError('invalid_argument', `point: ${show(text)} is no point of the past.`, {
    fate: 'not_written',
    hint: 'Give a position (123), an ISO 8601 date or date-time (2026-03-01T12:00:00Z), or a tag (tag:NAME).',
    ...(cause !== undefined && { cause }),
  })
}
