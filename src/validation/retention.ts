import type { Retention } from '../types.ts'
import { checkInteger, checkKeys, checkObject, invalid } from './values.ts'

/** A retention as a caller gives it. */
export function checkRetention(value: unknown): Retention {
  const given = checkObject(value, 'retention')
  checkKeys(given, ['history'], 'retention')
  const { history } = given
  if (history === 'forever') return { history }
  if (typeof history !== 'object' || history === null)
    throw invalid('retention.history', "must be 'forever', { days } or { versions }", history)
  const rule = checkObject(history, 'retention.history')
  checkKeys(rule, ['days', 'versions'], 'retention.history')
  if ((rule.days === undefined) === (rule.versions === undefined))
    throw invalid('retention.history', 'must have either days or versions', history)
  if (rule.versions !== undefined)
    return { history: { versions: checkInteger(rule.versions, 'retention.history.versions', 1) } }
  if (typeof rule.days !== 'number' || !(rule.days >= 0) || rule.days > 36_525)
    throw invalid('retention.history.days', 'must be a number from 0 to 36525', rule.days)
  return { history: { days: rule.days } }
}
