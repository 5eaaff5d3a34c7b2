/** The door for calls of a client: what they were given, checked before anything is asked of a store or a server. */
import { validateCollectionMetadata, validateWriteOptions } from '../commands/validate.ts'
import { limits } from '../limits.ts'
import type { VacuumOptions } from '../maintenance/caretaker.ts'
import type { CollectionConfiguration, Metadata, WriteOptions } from '../types.ts'
import { checkConfiguration } from '../validation/configuration.ts'
import {
  checkIds,
  checkKeys,
  checkName,
  checkObject,
  checkText,
  checkUuid,
  invalid,
} from '../validation/values.ts'
import type { CreateCollectionOptions } from './api.ts'
import { choose } from './embedding-choice.ts'
import { checkRun } from './reindex-options.ts'

/** What a collection is created with. */
export interface CheckedCreation {
  name: string
  metadata: Metadata | null
  configuration: CollectionConfiguration
}

/** What a collection is created with; its embedding function is written down in the configuration. */
export function checkCreation(options: CreateCollectionOptions): CheckedCreation {
  const given = checkObject(options, 'createCollection')
  checkKeys(given, ['name', 'metadata', 'configuration', 'embeddingFunction'], 'createCollection')
  const name = checkName(given.name, 'name')
  const metadata = validateCollectionMetadata(given.metadata)
  const { embeddingFunction, configuration: described } = choose(options.embeddingFunction)
  // Only a function that was asked for may choose the space; the default is Chroma's.
  const space = options.embeddingFunction == null ? undefined : embeddingFunction?.defaultSpace?.()
  return {
    name,
    metadata,
    configuration: checkConfiguration(given.configuration, metadata, space, described),
  }
}

/** Options that hold a name and nothing else. */
export function checkNamed(options: unknown, place: string): Record<string, unknown> {
  const given = checkObject(options, place)
  checkKeys(given, ['name'], place)
  return given
}

/** A name to look for, which none need bear. */
export function checkSought(options: unknown, place: string): string {
  return checkText(checkNamed(options, place).name, 'name', limits.nameLengthMax)
}

/** The name of a collection to look for. */
export function checkSoughtCollection(options: unknown): string {
  const given = checkObject(options, 'getCollection')
  checkKeys(given, ['name', 'embeddingFunction'], 'getCollection')
  return checkText(given.name, 'name', limits.nameLengthMax)
}

/** The UUID of a collection to look for. */
export function checkSoughtId(options: unknown): string {
  const given = checkObject(options, 'getCollectionById')
  checkKeys(given, ['id', 'embeddingFunction'], 'getCollectionById')
  return checkUuid(given.id, 'id')
}

/** A database by its name, in `tenant` unless another one is named. */
export function checkDatabase(options: unknown, tenant: string): { tenant: string; database: string } {
  const given = checkObject(options, 'database')
  checkKeys(given, ['name', 'tenant'], 'database')
  return { tenant: checkName(given.tenant ?? tenant, 'tenant'), database: checkName(given.name, 'name') }
}

/** The collection that a retention is for, as it was named; `undefined` for the whole store. */
export function checkRetentionScope(options: unknown): string | undefined {
  const given = checkObject(options, 'setRetention')
  checkKeys(given, ['collection'], 'setRetention')
  if (given.collection === undefined) return undefined
  return checkText(given.collection, 'setRetention.collection', limits.nameLengthMax)
}

/** The options of a vacuum; answers who is responsible for it. */
export function checkVacuum(options: VacuumOptions, write: unknown): WriteOptions {
  const given = checkObject(options, 'vacuum')
  checkKeys(given, ['dryRun', 'signal', 'onProgress'], 'vacuum')
  checkRun(given, 'vacuum')
  if (given.dryRun !== undefined && typeof given.dryRun !== 'boolean')
    throw invalid('vacuum.dryRun', 'must be true or false', given.dryRun)
  const { actor, reason, ...rest } = validateWriteOptions(write)
  // One vacuum is many writes: a key or a position that fits the first would not fit the others.
  checkKeys(rest, [], 'vacuum')
  return { ...(actor !== undefined && { actor }), ...(reason !== undefined && { reason }) }
}

/** Which records are to be erased; the collection as it was named. */
export function checkErasure(options: unknown): { collection: string; ids: string[]; forks: boolean } {
  const given = checkObject(options, 'erase')
  checkKeys(given, ['collection', 'ids', 'forks'], 'erase')
  const ids = checkIds(given.ids)
  const forks = given.forks ?? false
  if (typeof forks !== 'boolean') throw invalid('erase.forks', 'must be true or false', forks)
  return { collection: checkText(given.collection, 'collection', limits.nameLengthMax), ids, forks }
}
