import { limits } from '../limits.ts'
import { checkInteger, checkKeys, checkObject, checkText, invalid } from '../validation/values.ts'

/** What every change feed takes. */
export const changeOptions: readonly string[] = ['after', 'live', 'signal', 'onConnection']

/** The options of a change feed; throws before anything is read. */
export function validateChangeOptions(value: unknown, known: readonly string[]): void {
  const given = checkObject(value, 'changes')
  checkKeys(given, known, 'changes')
  if (given.after !== undefined) checkInteger(given.after, 'changes.after', 0)
  if (given.collection !== undefined) checkText(given.collection, 'changes.collection', limits.nameLengthMax)
  if (given.live !== undefined && typeof given.live !== 'boolean')
    throw invalid('changes.live', 'must be true or false', given.live)
  if (given.signal !== undefined && !(given.signal instanceof AbortSignal))
    throw invalid('changes.signal', 'must be an AbortSignal', given.signal)
  if (given.onConnection !== undefined && typeof given.onConnection !== 'function')
    throw invalid('changes.onConnection', 'must be a function', given.onConnection)
}
