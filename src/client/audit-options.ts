import type { ProofOptions } from '../audit/prover.ts'
import type { VerifyLevel } from '../maintenance/findings.ts'
import { checkInteger, checkKeys, checkObject, invalid } from '../validation/values.ts'

const levels: readonly VerifyLevel[] = ['quick', 'full', 'deep']

/** Checks the options of a proof and answers them without what is not set. */
export function checkProofOptions(value: unknown): ProofOptions {
  const { size, content, ...rest } = checkObject(value ?? {}, 'proof')
  checkKeys(rest, ['size', 'content'], 'proof')
  if (content !== undefined && typeof content !== 'boolean')
    throw invalid('proof.content', 'must be true or false', content)
  return {
    ...(size !== undefined && { size: checkInteger(size, 'proof.size', 1) }),
    ...(content !== undefined && { content }),
  }
}

/** Checks the options of a verification. */
export function checkVerifyOptions(value: unknown): void {
  const given = checkObject(value ?? {}, 'verify')
  checkKeys(given, ['level', 'signal', 'onProgress', 'onFinding'], 'verify')
  if (given.level !== undefined && !levels.some((level) => level === given.level))
    throw invalid('verify.level', `must be one of ${levels.join(', ')}`, given.level)
  checkCallbacks(given, 'verify')
}

/** Checks the options of a repair. */
export function checkRepairOptions(value: unknown): void {
  const given = checkObject(value ?? {}, 'repair')
  checkKeys(given, ['signal', 'onProgress'], 'repair')
  checkCallbacks(given, 'repair')
}

function checkCallbacks({ signal, onProgress, onFinding }: Record<string, unknown>, place: string): void {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalid(`${place}.signal`, 'must be an AbortSignal', signal)
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw invalid(`${place}.onProgress`, 'must be a function', onProgress)
  if (onFinding !== undefined && typeof onFinding !== 'function')
    throw invalid(`${place}.onFinding`, 'must be a function', onFinding)
}
