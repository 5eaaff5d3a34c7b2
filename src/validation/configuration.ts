import { availableParallelism } from 'node:os'
import { AnnalsError, show } from '../errors.ts'
import { plainNumbers } from '../exact-number.ts'
import { limits } from '../limits.ts'
import type {
  CollectionConfiguration,
  EmbeddingFunctionConfiguration,
  HnswConfiguration,
  Space,
} from '../types.ts'
import { checkInteger, checkKeys, checkObject, invalid } from './values.ts'

const spaces: readonly Space[] = ['l2', 'cosine', 'ip']

/** The embedding function is named by `embeddingFunction` beside the configuration, never inside it. */
const topKeys = ['hnsw', 'spann']

/** What of HNSW may change after creation; the rest shapes graphs that stand already. */
const updatable: readonly (keyof HnswConfiguration)[] = [
  'ef_search',
  'num_threads',
  'resize_factor',
  'batch_size',
  'sync_threshold',
]

const checks: {
  readonly [K in keyof HnswConfiguration]: (value: unknown, place: string) => HnswConfiguration[K]
} = {
  space: checkSpace,
  ef_construction: (value, place) => checkInteger(value, place, 1, limits.efMax),
  ef_search: (value, place) => checkInteger(value, place, 1, limits.efMax),
  max_neighbors: (value, place) => checkInteger(value, place, 2, limits.maxNeighborsMax),
  num_threads: (value, place) => checkInteger(value, place, 1, 1024),
  resize_factor: checkResizeFactor,
  batch_size: (value, place) => checkInteger(value, place, 1),
  sync_threshold: (value, place) => checkInteger(value, place, 1),
}

/** Chroma's defaults. */
export function defaultHnsw(): HnswConfiguration {
  return {
    space: 'l2',
    ef_construction: 100,
    ef_search: 100,
    max_neighbors: 16,
    num_threads: availableParallelism(),
    resize_factor: 1.2,
    batch_size: 100,
    sync_threshold: 1000,
  }
}

/**
 * The configuration of a new collection. Names in snake case (Chroma's) and camel case are accepted; an option
 * that is not known or not supported is refused. Legacy metadata such as `hnsw:space` counts only where
 * `configuration.hnsw` is absent.
 */
export function checkConfiguration(
  value: unknown,
  legacyMetadata: Readonly<Record<string, unknown>> | null,
  defaultSpace: Space | undefined,
  embeddingFunction: EmbeddingFunctionConfiguration | null,
): CollectionConfiguration {
  const given = value == null ? {} : snakeCase(checkObject(value, 'configuration'), topKeys)
  checkTopKeys(given)
  const hnsw = given.hnsw ?? legacyHnsw(legacyMetadata ?? {})
  const space = defaultSpace === undefined ? {} : { space: defaultSpace }
  return {
    hnsw: { ...defaultHnsw(), ...space, ...checkHnsw(hnsw, 'configuration.hnsw') },
    embedding_function: embeddingFunction,
  }
}

/** The options of HNSW that a configuration gives, checked by themselves, under the names in snake case. */
export function checkGivenHnsw(value: unknown): Partial<HnswConfiguration> {
  const given = snakeCase(checkObject(value, 'configuration'), topKeys)
  checkTopKeys(given)
  return checkHnsw(given.hnsw ?? {}, 'configuration.hnsw')
}

/** The configuration after a reindexing: graphs are built anew, so all but the space may change. */
export function checkReindexConfiguration(
  old: CollectionConfiguration,
  value: unknown,
): CollectionConfiguration {
  return changed(old, value, [...updatable, 'ef_construction', 'max_neighbors'])
}

/** The configuration after `modify`: only what may change can be given. */
export function checkConfigurationUpdate(
  old: CollectionConfiguration,
  value: unknown,
): CollectionConfiguration {
  return changed(old, value, updatable)
}

function changed(
  old: CollectionConfiguration,
  value: unknown,
  changeable: readonly (keyof HnswConfiguration)[],
): CollectionConfiguration {
  const hnsw = checkGivenHnsw(value)
  for (const [key, next] of Object.entries(hnsw) as [keyof HnswConfiguration, unknown][]) {
    if (changeable.includes(key) || next === old.hnsw[key]) continue
    throw new AnnalsError(
      'unsupported_option',
      `configuration.hnsw.${key}: is fixed at ${show(old.hnsw[key])} since the collection was created, got ${show(next)}.`,
      {
        fate: 'not_written',
        hint: `What can change: ${changeable.join(', ')}. Other graphs take a reindex(); another space takes a new collection.`,
      },
    )
  }
  return { ...old, hnsw: { ...old.hnsw, ...hnsw } }
}

/** The configuration of a collection that is built anew from its history: all of HNSW's options may change. */
export function checkConfigurationReplaced(
  old: CollectionConfiguration,
  value: unknown,
): CollectionConfiguration {
  return changed(old, value, Object.keys(checks) as (keyof HnswConfiguration)[])
}

function checkTopKeys(given: Record<string, unknown>): void {
  if (given.spann != null)
    throw new AnnalsError('unsupported_option', 'configuration.spann: SPANN indexes are not supported.', {
      fate: 'not_written',
      hint: 'Use configuration.hnsw; all of its options work.',
    })
  checkKeys(given, topKeys, 'configuration')
}

function checkHnsw(value: unknown, place: string): Partial<HnswConfiguration> {
  const given = snakeCase(checkObject(value, place), Object.keys(checks))
  checkKeys(given, Object.keys(checks), place)
  const entries = Object.entries(given).filter(([, entry]) => entry != null)
  return Object.fromEntries(
    entries.map(([key, entry]) => [key, checks[key as keyof HnswConfiguration](entry, `${place}.${key}`)]),
  )
}

/** `hnsw:space` and its kin in a collection's metadata, as Chroma's older clients wrote them. */
export function legacyHnsw(metadata: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const names: Record<string, string> = {
    'hnsw:space': 'space',
    'hnsw:construction_ef': 'ef_construction',
    'hnsw:search_ef': 'ef_search',
    'hnsw:M': 'max_neighbors',
    'hnsw:num_threads': 'num_threads',
    'hnsw:resize_factor': 'resize_factor',
    'hnsw:batch_size': 'batch_size',
    'hnsw:sync_threshold': 'sync_threshold',
  }
  const known = Object.entries(metadata).filter(([key]) => key in names)
  return Object.fromEntries(known.map(([key, entry]) => [names[key]!, plainNumbers(entry)]))
}

function checkSpace(value: unknown, place: string): Space {
  const space = spaces.find((known) => known === value)
  if (space === undefined) throw invalid(place, `must be one of ${spaces.join(', ')}`, value)
  return space
}

function checkResizeFactor(value: unknown, place: string): number {
  if (typeof value === 'number' && value >= 1 && value <= 16) return value
  throw invalid(place, 'must be a number from 1 to 16', value)
}

/** Under the names in snake case where those are `known`; others keep theirs, so that messages name them. */
function snakeCase(value: Record<string, unknown>, known: readonly string[]): Record<string, unknown> {
  const entries = Object.entries(value).map(([key, entry]) => {
    const snake = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    return [known.includes(snake) ? snake : key, entry]
  })
  return Object.fromEntries(entries)
}
