/**
 * The embedding function that needs no model and no download: signed feature hashing of words and of
 * character n-grams. It is a lexical stand-in and not a semantic model: it finds texts that share words,
 * word stems or spelling. "car" and "automobile" are strangers to it.
 *
 * Its vectors are kept in logs and compared with those of later versions. The numbers are therefore a
 * contract, held by golden values in the tests: another algorithm needs another name.
 *
 * - Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning": the hashed index and the
 *   hashed sign, by which colliding features cancel on average instead of adding up.
 * - Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information" (fastText): n-grams of a word
 *   between boundary marks, by which inflected and misspelt words stay close to each other.
 */
import { AnnalsError, show } from '../errors.ts'
import { limits } from '../limits.ts'
import type { Space } from '../types.ts'

export interface FeatureHashingOptions {
  /** Length of the vectors; default 384. Shorter ones collide more often. */
  dimension?: number
}

const defaultDimension = 384

/** n-grams of 3 to 5 characters for words, of 1 and 2 for scripts that put no spaces between words. */
const wordGrams = { shortest: 3, longest: 5 }
const unspacedGrams = { shortest: 1, longest: 2 }

/** Weight of all n-grams of a word together, beside 1 for the word. Chosen by trying 0.5 to 2. */
const gramsWeight = 1.5
/** Words such as "the" say little about a text, but they may be all that it has. */
const commonWeight = 0.125

/** Where the hash starts: a word is another feature than an n-gram of the same characters. */
const wordSeed = 0x811c9dc5
const gramSeed = 0x2f0b4c47
const fnvPrime = 0x01000193

const wordStart = 0x3c // <
const wordEnd = 0x3e // >

/** After this many characters other work gets its turn: about 10 ms. */
const turnLength = 32 * 1024

/**
 * Embeds texts by their words and character n-grams: offline, without a dependency, and with the same
 * numbers on every machine (characters newer than the engine's Unicode tables aside).
 *
 * Text is compared in NFKC and lower case. A word's weight grows with the square root of its count; very
 * common English words weigh an eighth. Chinese, Japanese, Thai and other texts without spaces are compared
 * by single characters and pairs; emoji are words. The vectors have length 1, so that all spaces order
 * alike, except that **a text without a word (empty, or punctuation only) gives the zero vector**: its
 * cosine distance to all is 1.
 *
 * @throws AnnalsError `invalid_argument` when the dimension is not an integer from 1 to 16,384.
 *
 * @example
 * const hashing = new FeatureHashingEmbeddingFunction({ dimension: 512 })
 * const notes = await client.createCollection({ name: 'notes', embeddingFunction: hashing })
 */
export class FeatureHashingEmbeddingFunction {
  readonly name = 'feature-hashing'
  readonly dimension: number

  constructor(options: FeatureHashingOptions = {}) {
    this.dimension = checkedDimension(options.dimension ?? defaultDimension)
  }

  /** Builds it again from what `getConfig` answered. */
  static buildFromConfig(config: FeatureHashingOptions): FeatureHashingEmbeddingFunction {
    return new FeatureHashingEmbeddingFunction(config)
  }

  /**
   * One vector for each text. Long lists are worked off in turns, so that the event loop stays free.
   *
   * @throws AnnalsError `invalid_argument` when a text is not a string.
   */
  async generate(texts: string[]): Promise<number[][]> {
    const vectors: number[][] = []
    let turn = 0
    for (const [index, text] of texts.entries()) {
      if (typeof text !== 'string')
        throw new AnnalsError('invalid_argument', `texts[${index}] must be a string, not ${show(text)}`)
      turn += text.length
      if (turn > turnLength) {
        await new Promise((resolve) => setImmediate(resolve))
        turn = text.length
      }
      vectors.push(hashText(text, this.dimension))
    }
    return vectors
  }

  /** `cosine`, as Chroma's own embedding functions answer. */
  defaultSpace(): Space {
    return 'cosine'
  }

  /** All: the vectors have length 1. */
  supportedSpaces(): Space[] {
    return ['cosine', 'l2', 'ip']
  }

  getConfig(): { dimension: number } {
    return { dimension: this.dimension }
  }
}

function checkedDimension(dimension: unknown): number {
  if (typeof dimension === 'number' && Number.isInteger(dimension))
    if (dimension >= 1 && dimension <= limits.dimensionMax) return dimension
  throw new AnnalsError(
    'invalid_argument',
    `dimension must be an integer from 1 to ${limits.dimensionMax}, not ${show(dimension)}`,
  )
}

/** One distinct word, or run of characters, of a text. */
interface Term {
  /** Its code points. */
  characters: readonly number[]
  /** How often the text has it; at least 1. */
  count: number
  /** Whether its script puts no spaces between words, so that the run holds words that nobody has split. */
  unspaced: boolean
  /** Whether it is one of the few very common English words. */
  common: boolean
}

// U+30FC, the mark of long vowels, belongs to Katakana words, though Unicode counts it to no script.
const unspacedCharacter =
  '[\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\u30FC\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}]'
const startsUnspaced = new RegExp(`^${unspacedCharacter}`, 'u')
// In this order: a run of unspaced script ends a word, as in "iPhone発売".
const termPattern = new RegExp(
  [
    `${unspacedCharacter}+`,
    `(?:(?!${unspacedCharacter})[\\p{L}\\p{N}])(?:(?!${unspacedCharacter})[\\p{L}\\p{N}\\p{M}])*`,
    '\\p{Regional_Indicator}{2}',
    '\\p{Extended_Pictographic}',
  ].join('|'),
  'gu',
)

const common: ReadonlySet<string> = new Set(
  (
    'a an and are as at be been but by did do does for from had has have he her his how i if in into is it ' +
    'its of on or she so that the their them there these they this those to was we were what when where ' +
    'which who why will with you your'
  ).split(' '),
)

/**
 * The distinct terms of a text in NFKC and lower case, in the order in which they come first.
 * A text without letters, digits or emoji has none.
 */
function countTerms(text: string): Term[] {
  const counts = new Map<string, number>()
  for (const [found] of text.normalize('NFKC').toLowerCase().matchAll(termPattern))
    counts.set(found, (counts.get(found) ?? 0) + 1)
  return Array.from(counts, ([word, count]) => ({
    characters: Array.from(word, (character) => character.codePointAt(0) as number),
    count,
    unspaced: startsUnspaced.test(word),
    common: common.has(word),
  }))
}

function hashText(text: string, dimension: number): number[] {
  const sums = new Float64Array(dimension)
  for (const term of countTerms(text)) addTerm(sums, term)
  return normalised(sums)
}

function addTerm(sums: Float64Array, term: Term): void {
  // The square root and not the usual 1 + log: only the former gives the same bits on every engine.
  const weight = Math.sqrt(term.count) * (term.common ? commonWeight : 1)
  if (term.unspaced) {
    // A run is a phrase: it weighs as much as its words would, at about two characters each.
    addGrams(sums, term.characters, unspacedGrams, weight * Math.sqrt(term.characters.length / 2))
    return
  }
  addFeature(sums, hashOf(term.characters), weight)
  addGrams(sums, [wordStart, ...term.characters, wordEnd], wordGrams, weight * gramsWeight)
}

/** Adds all n-grams of the characters, which together have the given weight however long the word is. */
function addGrams(
  sums: Float64Array,
  characters: readonly number[],
  grams: { shortest: number; longest: number },
  weight: number,
): void {
  let count = 0
  for (let n = grams.shortest; n <= grams.longest; n++) count += Math.max(0, characters.length - n + 1)
  // Random signs: the lengths of n features add up like the sides of a right angle, to √n and not to n.
  const share = weight / Math.sqrt(Math.max(1, count))
  for (let start = 0; start < characters.length; start++) {
    const end = Math.min(characters.length, start + grams.longest)
    let hash = gramSeed
    for (let i = start; i < end; i++) {
      // FNV-1a grows with each character, so that one pass hashes the n-grams of all lengths.
      hash = hashCharacter(hash, characters[i] as number)
      if (i - start + 1 >= grams.shortest) addFeature(sums, finished(hash), share)
    }
  }
}

/** The signed part: one bit of the hash is the sign, the others choose the place. */
function addFeature(sums: Float64Array, hash: number, weight: number): void {
  const index = (hash & 0x7fffffff) % sums.length
  sums[index] = (sums[index] as number) + (hash < 0 ? -weight : weight)
}

function hashOf(characters: readonly number[]): number {
  let hash = wordSeed
  for (const character of characters) hash = hashCharacter(hash, character)
  return finished(hash)
}

/** FNV-1a over the four bytes of a code point, lowest first. */
function hashCharacter(hash: number, character: number): number {
  let next = Math.imul(hash ^ (character & 0xff), fnvPrime)
  next = Math.imul(next ^ ((character >>> 8) & 0xff), fnvPrime)
  next = Math.imul(next ^ ((character >>> 16) & 0xff), fnvPrime)
  return Math.imul(next, fnvPrime)
}

/** MurmurHash3's finaliser: FNV alone mixes its upper bits, hence the sign, too little. */
function finished(hash: number): number {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** Rounded to float32, so that what `generate` answers is what the store keeps. */
function normalised(sums: Float64Array): number[] {
  let squares = 0
  for (const sum of sums) squares += sum * sum
  const length = Math.sqrt(squares)
  return Array.from(sums, (sum) => (length === 0 ? 0 : Math.fround(sum / length)))
}
