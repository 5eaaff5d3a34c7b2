import type { Recovery } from '../log/operation-log.ts'
import type { StoreOptions } from '../opening.ts'
import { checkInteger, checkKeys, checkObject, invalid } from '../validation/values.ts'
import type { ClientScope } from './client-scope.ts'

const recoveries: readonly Recovery[] = ['tolerate-tail', 'absolute', 'point-in-time', 'salvage']

/** Splits what a client's constructor was given, every option checked; one that is not known is refused. */
export function splitClientOptions(
  options: object,
  place: string,
  known: readonly string[],
): { scope: ClientScope; storeOptions: StoreOptions } {
  const given = checkObject(options, place)
  checkKeys(given, ['tenant', 'database', ...known], place)
  const { tenant, database, path: _, ...storeOptions } = given
  checkStoreOptions(storeOptions, place)
  const scope = { ...(tenant !== undefined && { tenant }), ...(database !== undefined && { database }) }
  // LocalClient checks the names themselves.
  return { scope: scope as ClientScope, storeOptions: storeOptions as StoreOptions }
}

function checkStoreOptions(given: Record<string, unknown>, place: string): void {
  const { recovery, memoryBudgetBytes, diskReserveBytes, onProgress, env } = given
  if (recovery !== undefined && !recoveries.some((mode) => mode === recovery))
    throw invalid(`${place}.recovery`, `must be one of ${recoveries.join(', ')}`, recovery)
  if (memoryBudgetBytes !== undefined && memoryBudgetBytes !== Number.POSITIVE_INFINITY)
    checkInteger(memoryBudgetBytes, `${place}.memoryBudgetBytes`, 0)
  if (diskReserveBytes !== undefined) checkInteger(diskReserveBytes, `${place}.diskReserveBytes`, 0)
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw invalid(`${place}.onProgress`, 'must be a function', onProgress)
  if (env !== undefined) checkEnv(checkObject(env, `${place}.env`), `${place}.env`)
}

function checkEnv(env: Record<string, unknown>, place: string): void {
  for (const method of ['now', 'randomBytes', 'uuid', 'freeBytes'])
    if (typeof env[method] !== 'function')
      throw invalid(`${place}.${method}`, 'must be a function', env[method])
}
