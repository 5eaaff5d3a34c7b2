/**
 * Which embedding function a collection was created with: written down as plain data, built again from it,
 * and compared with the one that the collection is opened with.
 */
import { AnnalsError, messageOf, show } from '../errors.ts'
import type { EmbeddingFunctionConfiguration } from '../types.ts'
import { type EmbeddingFunction, nameOf } from './embedding-function.ts'
import { FeatureHashingEmbeddingFunction } from './feature-hashing.ts'
import { TransformersEmbeddingFunction } from './transformers.ts'

interface KnownFunction {
  /** The keys of its configuration; one with others beside them is not the function built here. */
  keys: ReadonlySet<string>
  build(config: Record<string, unknown>): EmbeddingFunction
}

// Chroma's `default` is missing on purpose: it is a model, and vectors of another function beside its own,
// of the same length as they are, would be compared without a complaint.
const knownFunctions: ReadonlyMap<string, KnownFunction> = new Map([
  [
    'feature-hashing',
    {
      keys: new Set(['dimension']),
      build: (config) => FeatureHashingEmbeddingFunction.buildFromConfig(config),
    } satisfies KnownFunction,
  ],
  [
    'transformers',
    {
      keys: new Set(['model', 'dtype', 'pooling', 'normalize']),
      build: (config) => TransformersEmbeddingFunction.buildFromConfig(config),
    },
  ],
])

/** The name of functions that have none. */
const anonymous = 'custom'

/** Keys in the configurations of `@chroma-core/*` that say how to reach a service, not what it answers. */
const irrelevantKeys: ReadonlySet<string> = new Set(['api_key_env_var', 'organization_id', 'api_base'])

/**
 * What a collection writes down about its embedding function.
 *
 * A function with a `name` and a `getConfig` is `known`; any other one is `legacy`, as in Chroma, under its
 * name, or `custom` when it has none. The configuration is kept as JSON would keep it.
 *
 * @throws AnnalsError `invalid_argument` when `getConfig` throws or answers what JSON cannot hold.
 *
 * @example
 * describe(new FeatureHashingEmbeddingFunction())
 * // { type: 'known', name: 'feature-hashing', config: { dimension: 384 } }
 */
export function describe(fn: EmbeddingFunction): EmbeddingFunctionConfiguration {
  const name = typeof fn.name === 'string' && fn.name !== '' ? fn.name : anonymous
  if (name === anonymous || typeof fn.getConfig !== 'function') return { type: 'legacy', name, config: {} }
  return { type: 'known', name, config: plainConfig(fn) }
}

function plainConfig(fn: EmbeddingFunction): Record<string, unknown> {
  let config: unknown
  try {
    config = JSON.parse(JSON.stringify(fn.getConfig?.() ?? {}))
  } catch (error) {
    throw unusableConfig(fn, messageOf(error), error)
  }
  if (typeof config === 'object' && config !== null && !Array.isArray(config))
    return config as Record<string, unknown>
  throw unusableConfig(fn, `it is ${show(config)} where an object was expected`)
}

function unusableConfig(fn: EmbeddingFunction, why: string, cause?: unknown): AnnalsError {
  const message = `the configuration of embedding function ${nameOf(fn)} cannot be written down: ${why}`
  return new AnnalsError('invalid_argument', message, {
    fate: 'not_written',
    hint: 'getConfig() answers a plain object that JSON can hold.',
    cause,
  })
}

/**
 * Builds the embedding function that a collection was created with, where that is one of the built-in ones:
 * `feature-hashing`, `transformers`. Nothing is loaded before its first use.
 *
 * Answers `null` for all others, which the caller has to hand in again, and when the configuration is not
 * one that this version understands in full: a function that is nearly the same gives wrong neighbours.
 *
 * @example
 * fromConfiguration({ type: 'known', name: 'feature-hashing', config: { dimension: 64 } })?.generate(['x'])
 */
export function fromConfiguration(
  configuration: EmbeddingFunctionConfiguration | null,
): EmbeddingFunction | null {
  if (configuration?.type !== 'known') return null
  const known = knownFunctions.get(configuration.name)
  const config = configOf(configuration)
  if (known === undefined || !Object.keys(config).every((key) => known.keys.has(key))) return null
  try {
    return known.build(config)
  } catch (error) {
    if (error instanceof AnnalsError && error.code === 'invalid_argument') return null
    throw error
  }
}

/**
 * Says in one sentence how the embedding function that a collection was created with differs from the one
 * that it is opened with, or `null` when nothing speaks against their being the same. It is a reason to
 * warn, not to refuse: two names may well belong to one model.
 *
 * `null` also when either side is unknown: no function, or a stored one without a name. An empty
 * configuration says nothing and so differs from nothing; how a service is reached does not count.
 * Chroma's `default` is the model all-MiniLM-L6-v2, so it differs from the feature hashing that
 * a collection gets here when none is named.
 *
 * @example
 * differs(describe(new FeatureHashingEmbeddingFunction({ dimension: 64 })), describe(given))
 * // 'the collection was created with the embedding function "feature-hashing" (dimension 64)
 * //  and is opened with "feature-hashing" (dimension 384)'
 */
export function differs(
  stored: EmbeddingFunctionConfiguration | null,
  given: EmbeddingFunctionConfiguration | null,
): string | null {
  if (stored === null || given === null || isAnonymous(stored)) return null
  if (isAnonymous(given)) return sentence(show(stored.name), 'one without a name')
  if (stored.name !== given.name) return sentence(show(stored.name), show(given.name))
  const keys = differingKeys(configOf(stored), configOf(given))
  if (keys.length === 0) return null
  return sentence(withValues(stored, keys), withValues(given, keys))
}

function sentence(stored: string, given: string): string {
  return `the collection was created with the embedding function ${stored} and is opened with ${given}`
}

function isAnonymous(configuration: EmbeddingFunctionConfiguration): boolean {
  return !configuration.name || configuration.name === anonymous
}

/** Configurations of Chroma's clients leave the field out at times. */
function configOf(configuration: EmbeddingFunctionConfiguration): Record<string, unknown> {
  return (configuration.config as Record<string, unknown> | null | undefined) ?? {}
}

function differingKeys(a: Record<string, unknown>, b: Record<string, unknown>): string[] {
  const keys = [Object.keys(a), Object.keys(b)]
  if (keys.some((list) => list.length === 0)) return []
  return [...new Set(keys.flat())]
    .filter((key) => !irrelevantKeys.has(key) && canonical(a[key]) !== canonical(b[key]))
    .sort()
}

/** JSON with sorted keys, so that equal values are equal strings. */
function canonical(value: unknown): string {
  return JSON.stringify(value ?? null, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}

function withValues(configuration: EmbeddingFunctionConfiguration, keys: readonly string[]): string {
  const config = configOf(configuration)
  const values = keys.map((key) => `${key} ${config[key] === undefined ? 'not set' : show(config[key])}`)
  return `${show(configuration.name)} (${values.join(', ')})`
}
