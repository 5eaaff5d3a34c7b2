import type { EmbeddingFunction } from '../embedding/embedding-function.ts'
import { describe } from '../embedding/known-functions.ts'
import { show } from '../errors.ts'
import type { CollectionState, Metadata, Vector } from '../types.ts'
import { checkConfigurationReplaced } from '../validation/configuration.ts'
import { checkKeys, checkName, checkObject, invalid } from '../validation/values.ts'

/** One version of a record on its way through a replay. */
export interface ReplayedRecord {
  /** The collection's name in the source. */
  collection: string
  id: string
  embedding: Float32Array
  document: string | null
  uri: string | null
  metadata: Metadata | null
  /** Position in the source. */
  position: number
  committedAt: Date
}

/** What a transform may change of a version. */
export interface TransformedRecord {
  embedding: Vector
  document: string | null
  uri: string | null
  metadata: Metadata | null
}

/**
 * Changes records on their way: called for each version, in order, with the whole version. `null` leaves the
 * record out, from this version on until one that is kept. Must be pure: a replay that is continued calls it
 * only for what is new.
 */
export type Transform = (record: ReplayedRecord) => TransformedRecord | null

/** What a replay changes in collections. */
export interface CollectionChanges {
  /** HNSW options, the space and all others that are fixed once a collection exists. */
  configuration?: { hnsw?: Record<string, unknown> }
  /** Documents are embedded again by this one; the collections note it down. */
  embeddingFunction?: EmbeddingFunction
  /** With `embeddingFunction`: keep the vectors of records without a document instead of refusing them. */
  keepVectors?: boolean
  transform?: Transform
}

/** The same for one collection; what is not given is as for all. */
export interface CollectionPlan extends CollectionChanges {
  /** Its name in the target. */
  name?: string
}

/**
 * Which collections a replay carries over, and how: their names (only these); or by name what to do, `false` to
 * leave one out (all others as they are); or a function that is asked for each, with its name and state as they
 * are at the end of the replay.
 */
export type CollectionChoice =
  | readonly string[]
  | Readonly<Record<string, CollectionPlan | boolean>>
  | ((collection: CollectionState & { id: string }) => CollectionPlan | boolean)

/** A collection's plan, checked. */
export interface CheckedPlan {
  /** Its name in the source. */
  name: string
  changed: (state: CollectionState) => CollectionState
  configuration: CollectionChanges['configuration'] | null
  embeddingFunction: EmbeddingFunction | null
  keepVectors: boolean
  transform: Transform | null
}

const planKeys = ['name', 'configuration', 'embeddingFunction', 'keepVectors', 'transform'] as const

/**
 * Decides what becomes of each collection, once.
 *
 * What holds: a collection is known by its UUID; its name is the last one that it had in the source, as far as
 * `names` tells, so that a plan by name finds it in all of its history.
 */
export class CollectionPlans {
  readonly #choice: CollectionChoice | undefined
  readonly #forAll: CollectionChanges
  readonly #names: ReadonlyMap<string, CollectionState>
  readonly #plans = new Map<string, CheckedPlan | null>()
  readonly #sources = new Map<string, string>()

  constructor(
    choice: CollectionChoice | undefined,
    forAll: CollectionChanges,
    names: ReadonlyMap<string, CollectionState>,
  ) {
    this.#choice = choice
    this.#forAll = forAll
    this.#names = names
  }

  /** The plan for a collection, first met with this state; `null` to leave it out. */
  begin(id: string, state: CollectionState): CheckedPlan | null {
    const known = this.#names.get(id) ?? state
    const plan = this.#choose(id, known)
    const checked = plan === null ? null : checkPlan(known.name, { ...this.#forAll, ...plan })
    this.#plans.set(id, checked)
    return checked
  }

  /** The plan of a collection that was begun before; one that was not is left out. */
  of(id: string): CheckedPlan | null {
    return this.#plans.get(id) ?? null
  }

  /** Remembers of what a collection is a fork. */
  noteFork(fork: string, source: string): void {
    this.#sources.set(fork, source)
  }

  /**
   * Whether a fork stays a fork: then it stands on what its source holds in the target. So the source must be
   * carried over, too, and be changed in the same way.
   */
  keepsFork(fork: string): boolean {
    const plan = this.of(fork)
    const source = this.of(this.#sources.get(fork) ?? '')
    if (plan === null || source === null) return false
    return (
      plan.transform === source.transform &&
      plan.embeddingFunction === source.embeddingFunction &&
      plan.keepVectors === source.keepVectors &&
      JSON.stringify(plan.configuration) === JSON.stringify(source.configuration)
    )
  }

  #choose(id: string, state: CollectionState): CollectionPlan | null {
    const choice = this.#choice
    if (choice === undefined) return {}
    if (isList(choice)) return choice.includes(state.name) ? {} : null
    const entry = typeof choice === 'function' ? choice({ ...state, id }) : named(choice, state.name)
    if (entry === true) return {}
    return entry === false ? null : checkObject(entry, `collections[${show(state.name)}]`)
  }
}

/** Refuses names that the source does not have: a typing error would silently leave a collection out. */
export function checkChoice(
  choice: CollectionChoice | undefined,
  names: ReadonlyMap<string, CollectionState>,
): void {
  if (choice === undefined || typeof choice === 'function') return
  const present = new Set([...names.values()].map(({ name }) => name))
  const missing = (isList(choice) ? choice : Object.keys(choice)).find((name) => !present.has(name))
  if (missing === undefined) return
  throw invalid('collections', 'must name collections of the source', missing)
}

function named(choice: Readonly<Record<string, CollectionPlan | boolean>>, name: string) {
  return Object.hasOwn(choice, name) ? choice[name]! : true
}

function isList(choice: CollectionChoice): choice is readonly string[] {
  return Array.isArray(choice)
}

function checkPlan(name: string, plan: CollectionPlan): CheckedPlan {
  const place = `collections[${show(name)}]`
  checkKeys(plan, planKeys, place)
  const { configuration, embeddingFunction = null, keepVectors = false, transform = null } = plan
  const newName = plan.name === undefined ? null : checkName(plan.name, `${place}.name`)
  if (transform !== null && typeof transform !== 'function')
    throw invalid(`${place}.transform`, 'must be a function', transform)
  if (embeddingFunction !== null && typeof embeddingFunction.generate !== 'function')
    throw invalid(`${place}.embeddingFunction`, 'must have a method generate(texts)', embeddingFunction)
  const changed = (state: CollectionState): CollectionState => {
    const replaced =
      configuration === undefined
        ? state.configuration
        : checkConfigurationReplaced(state.configuration, configuration)
    const described = embeddingFunction === null ? {} : { embedding_function: describe(embeddingFunction) }
    return { ...state, name: newName ?? state.name, configuration: { ...replaced, ...described } }
  }
  return { name, changed, configuration: configuration ?? null, embeddingFunction, keepVectors, transform }
}
