import { invalid } from '../validation/values.ts'

/** A path as a caller gives it. */
export function checkFolder(value: unknown, place: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw invalid(place, 'must name a folder', value)
}

/** What every transfer can be told: the signal and who is told of progress. */
export function checkTransfer({ signal, onProgress }: Record<string, unknown>, place: string): void {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalid(`${place}.signal`, 'must be an AbortSignal', signal)
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw invalid(`${place}.onProgress`, 'must be a function', onProgress)
}

/** An option that is true or false. */
export function checkFlag(value: unknown, place: string): void {
  if (value !== undefined && typeof value !== 'boolean') throw invalid(place, 'must be true or false', value)
}
