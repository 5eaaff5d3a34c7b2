/** What an import from Chroma is told, and its door. */
import { limits } from '../limits.ts'
import type { WriteOptions } from '../types.ts'
import { checkArray, checkKeys, checkObject, checkText, invalid } from '../validation/values.ts'
import { checkAuthor } from './import.ts'
import { checkControl, type ExchangeControl, type OnProgress } from './progress.ts'

/** Where a collection stands. */
export interface CollectionPlace {
  tenant: string
  database: string
  name: string
}

/** What is imported from Chroma, and where it goes. */
export interface ChromaImportOptions extends ExchangeControl {
  /** Only these; default all. */
  tenants?: string[]
  databases?: string[]
  /** Names of collections. */
  collections?: string[]
  /** Where a collection goes; what the answer does not name stays as it is in Chroma. */
  rename?: (source: CollectionPlace) => Partial<CollectionPlace>
  /**
   * Default `new`: when one of the collections exists already, nothing is imported. `existing`: records are
   * upserted into those that exist, which also takes up an import that broke off.
   */
  into?: 'new' | 'existing'
  /** Reads and checks everything and writes nothing. Default false. */
  dryRun?: boolean
  /** Kept in the log with every write. */
  actor?: string
  reason?: string
}

/** The same, checked. */
export interface CheckedChromaOptions {
  tenants: readonly string[] | null
  databases: readonly string[] | null
  collections: readonly string[] | null
  rename: (source: CollectionPlace) => Partial<CollectionPlace>
  into: 'new' | 'existing'
  dryRun: boolean
  write: WriteOptions
  signal: AbortSignal | null
  onProgress: OnProgress
  batchSize: number
}

const chromaOptionKeys: readonly string[] = [
  'tenants',
  'databases',
  'collections',
  'rename',
  'into',
  'dryRun',
  'actor',
  'reason',
  'signal',
  'onProgress',
  'batchSize',
]

/** Checks the options of an import; `more` names those that only this kind of import has. */
export function checkChromaOptions(
  options: unknown,
  place: string,
  more: readonly string[] = [],
): CheckedChromaOptions {
  const given = checkObject(options ?? {}, place)
  checkKeys(given, [...chromaOptionKeys, ...more], place)
  const { rename = () => ({}), into = 'new', dryRun = false } = given
  if (typeof rename !== 'function') throw invalid('rename', 'must be a function', rename)
  if (into !== 'new' && into !== 'existing') throw invalid('into', "must be 'new' or 'existing'", into)
  if (typeof dryRun !== 'boolean') throw invalid('dryRun', 'must be true or false', dryRun)
  return {
    tenants: names(given.tenants, 'tenants'),
    databases: names(given.databases, 'databases'),
    collections: names(given.collections, 'collections'),
    rename: rename as CheckedChromaOptions['rename'],
    into,
    dryRun,
    write: checkAuthor(given),
    ...checkControl(given, place, limits.recordsPerWriteMax),
  }
}

function names(value: unknown, place: string): string[] | null {
  if (value == null) return null
  return checkArray(value, place).map((name, index) => checkText(name, `${place}[${index}]`, 1_024))
}
