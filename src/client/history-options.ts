import { checkKeys, checkObject, invalid } from '../validation/values.ts'

/** In which order a history is told; default: oldest first. */
export function checkHistoryOptions(options: unknown): 'asc' | 'desc' {
  const given = checkObject(options, 'history')
  checkKeys(given, ['order'], 'history')
  const { order = 'asc' } = given
  if (order === 'asc' || order === 'desc') return order
  throw invalid('history.order', "must be 'asc' or 'desc'", order)
}
