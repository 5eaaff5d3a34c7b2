/**
 * Functions that turn texts into vectors: Chroma's JavaScript interface, and the one place that calls it.
 * What such a function answers comes from outside, so nothing of it is used before it is checked.
 */
import { AnnalsError, messageOf, show } from '../errors.ts'
import type { Space, Vector } from '../types.ts'

/**
 * Turns texts into vectors. This is the interface of Chroma's JavaScript client, so each `@chroma-core/*`
 * embedding package fits as it is, and so does a plain object with a `generate`.
 *
 * The same text must give the same vector at any time: the store keeps vectors, and compares those of
 * today's queries with those of last year's documents.
 *
 * @example
 * const lengths: EmbeddingFunction = {
 *   name: 'lengths',
 *   generate: async (texts) => texts.map((text) => [text.length, text.split(' ').length]),
 * }
 */
export interface EmbeddingFunction {
  /** What a collection writes down about it, and what messages call it. */
  name?: string
  /** One vector for each text, in the order of the texts, all of one length; values must be finite. */
  generate(texts: string[]): Promise<Vector[]>
  /** The same for texts that are searched for, where a model tells them apart. Default: `generate`. */
  generateForQueries?(texts: string[]): Promise<Vector[]>
  /** The space of a collection that is created with this function and does not name one. */
  defaultSpace?(): Space
  /** The spaces in which its vectors can be compared. */
  supportedSpaces?(): Space[]
  /**
   * What it takes to build the same function again, as plain data without secrets. It is kept in the log.
   * (`object`, because interfaces such as those of `@chroma-core/*` do not fit an index of `unknown`.)
   */
  getConfig?(): object
}

/** How messages name a function. */
export function nameOf(fn: EmbeddingFunction): string {
  return typeof fn.name === 'string' && fn.name !== '' ? show(fn.name) : 'without a name'
}

/**
 * Calls an embedding function and checks its answer.
 *
 * Answers one float32 vector for each text, in their order, all of the same length. The vectors are copies
 * that nobody else holds. For no texts it answers `[]` and does not call the function. The function gets a
 * copy of `texts`: some clean their input in place, and these are the caller's documents.
 *
 * @param forQueries whether the texts are searched for: then `generateForQueries` is asked, if there is one.
 * @throws AnnalsError `embedding_failed` when the function throws (the error is the `cause`), or answers
 *   anything else than a non-empty array of finite float32 numbers for each text; nothing was written then.
 *   An AnnalsError of the function itself, such as `dependency_missing`, is passed on.
 *
 * @example
 * const [vector] = await embed(new FeatureHashingEmbeddingFunction(), ['first thought'], false)
 */
export async function embed(
  fn: EmbeddingFunction,
  texts: readonly string[],
  forQueries: boolean,
): Promise<Float32Array[]> {
  if (texts.length === 0) return []
  const answer = await ask(fn, [...texts], forQueries)
  if (!Array.isArray(answer)) throw wrongAnswer(fn, `answered ${show(answer)} where an array was expected`)
  if (answer.length !== texts.length)
    throw wrongAnswer(fn, `answered ${answer.length} vectors for ${texts.length} texts`)
  return checkedVectors(fn, answer)
}

/** The function's answer, whatever it is: types end where other people's code begins. */
async function ask(fn: EmbeddingFunction, texts: string[], forQueries: boolean): Promise<unknown> {
  try {
    if (forQueries && typeof fn.generateForQueries === 'function') return await fn.generateForQueries(texts)
    return await fn.generate(texts)
  } catch (error) {
    if (error instanceof AnnalsError) throw error
    throw new AnnalsError(
      'embedding_failed',
      `embedding function ${nameOf(fn)} failed: ${messageOf(error)}`,
      {
        fate: 'not_written',
        hint: 'See the cause; if it is a passing failure such as a network error, try again.',
        cause: error,
      },
    )
  }
}

function checkedVectors(fn: EmbeddingFunction, answer: readonly unknown[]): Float32Array[] {
  let dimension = 0
  // Array.from, not map: map would skip the holes of a sparse array and let them through unchecked.
  return Array.from(answer, (vector, index) => {
    const checked = checkedVector(fn, vector, index)
    if (index === 0) dimension = checked.length
    if (checked.length !== dimension)
      throw wrongAnswer(
        fn,
        `answered vectors of different lengths: ${dimension} for text 0, ${checked.length} for text ${index}`,
      )
    return checked
  })
}

function checkedVector(fn: EmbeddingFunction, vector: unknown, index: number): Float32Array {
  if (!Array.isArray(vector) && !(vector instanceof Float32Array))
    throw wrongAnswer(fn, `answered ${show(vector)} for text ${index} where an array of numbers was expected`)
  if (vector.length === 0) throw wrongAnswer(fn, `answered an empty vector for text ${index}`)
  const checked = new Float32Array(vector.length)
  for (let i = 0; i < checked.length; i++) {
    const value: unknown = vector[i]
    // Checked as float32, in which it is kept: 1e39 is a finite number and an infinite float32.
    if (typeof value !== 'number' || !Number.isFinite(Math.fround(value)))
      throw wrongAnswer(
        fn,
        `answered ${show(value)} at [${i}] of the vector for text ${index}, which is no finite float32`,
      )
    checked[i] = value
  }
  return checked
}

function wrongAnswer(fn: EmbeddingFunction, what: string): AnnalsError {
  return new AnnalsError('embedding_failed', `embedding function ${nameOf(fn)} ${what}`, {
    fate: 'not_written',
    hint: 'An embedding function answers one array of finite numbers for each text, all of one length.',
  })
}
