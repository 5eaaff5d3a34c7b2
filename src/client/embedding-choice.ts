import type { EmbeddingFunction } from '../embedding/embedding-function.ts'
import { FeatureHashingEmbeddingFunction } from '../embedding/feature-hashing.ts'
import { describe, differs, fromConfiguration } from '../embedding/known-functions.ts'
import type { EmbeddingFunctionConfiguration } from '../types.ts'
import { invalid } from '../validation/values.ts'

/** What a caller says about the embedding function: one, none, or nothing. */
export type GivenFunction = EmbeddingFunction | null | undefined

/** The function of a new collection, and what it writes down about it. */
export function choose(given: GivenFunction): {
  embeddingFunction: EmbeddingFunction | null
  configuration: EmbeddingFunctionConfiguration | null
} {
  checkFunction(given)
  const embeddingFunction = given === undefined ? new FeatureHashingEmbeddingFunction() : given
  return { embeddingFunction, configuration: embeddingFunction === null ? null : describe(embeddingFunction) }
}

/** The function of a collection that exists. Warns when it is not the one that the collection was created with. */
export function chooseFor(
  name: string,
  stored: EmbeddingFunctionConfiguration | null,
  given: GivenFunction,
): EmbeddingFunction | null {
  checkFunction(given)
  if (given === undefined) return fromConfiguration(stored)
  if (given === null) return null
  const difference = differs(stored, describe(given))
  if (difference !== null)
    process.emitWarning(`Collection ${name}: ${difference}. Distances between the two mean nothing.`, {
      type: 'AnnalsWarning',
      code: 'ANNALS_EMBEDDING_FUNCTION',
    })
  return given
}

function checkFunction(given: unknown): void {
  if (given == null) return
  if (typeof given === 'object' && typeof (given as EmbeddingFunction).generate === 'function') return
  throw invalid('embeddingFunction', 'must be an object with a method generate(texts)', given)
}
