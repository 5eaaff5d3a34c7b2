import type { ReindexOptions } from '../maintenance/reindexer.ts'
import { checkKeys, checkObject, invalid } from '../validation/values.ts'

/** The options of `reindex` and `compact`; throws before anything is built. */
export function checkReindexOptions<O extends ReindexOptions>(options: O, more: readonly string[]): O {
  const given = checkObject(options, 'reindex')
  checkKeys(given, ['recallMin', 'signal', 'onProgress', ...more], 'reindex')
  const { recallMin } = given
  if (recallMin !== undefined && !(typeof recallMin === 'number' && recallMin >= 0 && recallMin <= 1))
    throw invalid('reindex.recallMin', 'must be a number from 0 to 1', recallMin)
  checkRun(given, 'reindex')
  return options
}

/** What every long piece of work takes: a signal to end it, and a function that is told how far it is. */
export function checkRun({ signal, onProgress }: Record<string, unknown>, place: string): void {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalid(`${place}.signal`, 'must be an AbortSignal', signal)
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw invalid(`${place}.onProgress`, 'must be a function', onProgress)
}
