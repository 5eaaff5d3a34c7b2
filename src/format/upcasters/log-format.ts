import { logFormatVersion } from '../version.ts'
import { isStoreRecord0 } from './format-0.ts'

/**
 * The format of a log, as its store record tells: the formats before 1 by their own marks, all others by the
 * version inside, which `decodeStoreRecord` checks.
 */
export function logFormatOf(storeRecord: Buffer): number {
  return isStoreRecord0(storeRecord) ? 0 : logFormatVersion
}
