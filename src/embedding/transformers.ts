/**
 * Real semantic vectors by `@huggingface/transformers`, an optional peer dependency. It is some hundred
 * megabytes with its runtime, so nothing of it is loaded before the first text is embedded.
 */
import { AnnalsError, show } from '../errors.ts'
import type { Space } from '../types.ts'

export type Pooling = 'mean' | 'cls' | 'last_token'

/** The part of `@huggingface/transformers` that is used here. */
export interface TransformersModule {
  /** `options` holds `dtype` and perhaps `device`; the library's own names for both are closed lists. */
  pipeline(task: 'feature-extraction', model: string, options: object): Promise<FeatureExtractor>
}

/** A loaded model; its answer's `tolist()` is one array of numbers for each text. */
export type FeatureExtractor = (
  texts: string[],
  options: { pooling: Pooling; normalize: boolean },
) => Promise<{ tolist(): unknown }>

/** What decides the numbers is also what a collection writes down: all but `device`, `batchSize`, `load`. */
export interface TransformersOptions {
  /** A model of the Hugging Face hub, or a folder. Default `Xenova/all-MiniLM-L6-v2` (384 dimensions). */
  model?: string
  /** Precision of the weights: `fp32`, `fp16`, `q8`, `q4` …, as far as the model has it. Default `fp32`. */
  dtype?: string
  /** Where it runs: `cpu`, `webgpu`, `cuda` … Default: the library's choice. */
  device?: string
  /** How the vectors of a text's tokens become one; the model's description says which. Default `mean`. */
  pooling?: Pooling
  /** Whether vectors are scaled to length 1. Default `true`. */
  normalize?: boolean
  /** Texts that go through the model together. More need more memory. Default 32. */
  batchSize?: number
  /** Loads the library. Default: `import('@huggingface/transformers')`. For tests, and for bundlers. */
  load?: () => Promise<TransformersModule>
}

/** As it stands in a collection's configuration. */
export interface TransformersConfig {
  model: string
  dtype: string
  pooling: Pooling
  normalize: boolean
}

const library = '@huggingface/transformers'
const poolings: readonly unknown[] = ['mean', 'cls', 'last_token']

/**
 * Embeds texts with a model of the Hugging Face hub, in this process. The defaults give the vectors of
 * Chroma's default embedding function.
 *
 * Needs `npm install @huggingface/transformers`. The library downloads the model at the first use and keeps
 * it in its own cache folder; from then on it works offline. A text that is longer than the model reads
 * (256 to 512 tokens for most) is cut by the model, silently.
 *
 * @throws AnnalsError `invalid_argument` when an option is of the wrong kind.
 *
 * @example
 * const bge = new TransformersEmbeddingFunction({ model: 'Xenova/bge-small-en-v1.5', pooling: 'cls' })
 * const notes = await client.createCollection({ name: 'notes', embeddingFunction: bge })
 */
export class TransformersEmbeddingFunction {
  readonly name = 'transformers'
  readonly #config: TransformersConfig
  readonly #device: string | undefined
  readonly #batchSize: number
  readonly #load: () => Promise<TransformersModule>
  #extractor: Promise<FeatureExtractor> | undefined

  constructor(options: TransformersOptions = {}) {
    const { model = 'Xenova/all-MiniLM-L6-v2', dtype = 'fp32', pooling = 'mean', normalize = true } = options
    check(isText(model), 'model', 'a name of the Hugging Face hub', model)
    check(isText(dtype), 'dtype', 'a string such as "fp32"', dtype)
    check(poolings.includes(pooling), 'pooling', '"mean", "cls" or "last_token"', pooling)
    check(typeof normalize === 'boolean', 'normalize', 'a boolean', normalize)
    const { device, batchSize = 32, load = importLibrary } = options
    check(device === undefined || isText(device), 'device', 'a string such as "cpu"', device)
    check(Number.isSafeInteger(batchSize) && batchSize >= 1, 'batchSize', 'an integer from 1', batchSize)
    check(typeof load === 'function', 'load', 'a function', load)
    this.#config = { model, dtype, pooling, normalize }
    this.#device = device
    this.#batchSize = batchSize
    this.#load = load
  }

  /** Builds it again from what `getConfig` answered. */
  static buildFromConfig(config: TransformersOptions): TransformersEmbeddingFunction {
    return new TransformersEmbeddingFunction(config)
  }

  /**
   * One vector for each text, in their order. The first call loads the library and the model; calls that
   * come meanwhile wait for the same load, and a failed load is tried again by the next call.
   *
   * @throws AnnalsError `dependency_missing` when the library is not installed. Errors of the library, such
   *   as a model that cannot be downloaded, come as they are.
   */
  async generate(texts: string[]): Promise<number[][]> {
    if (texts.length === 0) return []
    const extract = await this.#loaded()
    const { pooling, normalize } = this.#config
    const vectors: number[][] = []
    for (let start = 0; start < texts.length; start += this.#batchSize) {
      const output = await extract(texts.slice(start, start + this.#batchSize), { pooling, normalize })
      // The shape is the library's promise; whoever stores the vectors checks it (see embed).
      for (const vector of output.tolist() as number[][]) vectors.push(vector)
    }
    return vectors
  }

  /** `cosine`. */
  defaultSpace(): Space {
    return 'cosine'
  }

  supportedSpaces(): Space[] {
    return ['cosine', 'l2', 'ip']
  }

  getConfig(): TransformersConfig {
    return { ...this.#config }
  }

  #loaded(): Promise<FeatureExtractor> {
    this.#extractor ??= this.#start().catch((error: unknown) => {
      this.#extractor = undefined
      throw error
    })
    return this.#extractor
  }

  async #start(): Promise<FeatureExtractor> {
    const { pipeline } = await this.#load()
    const options = {
      dtype: this.#config.dtype,
      ...(this.#device === undefined ? {} : { device: this.#device }),
    }
    return pipeline('feature-extraction', this.#config.model, options)
  }
}

async function importLibrary(): Promise<TransformersModule> {
  // As a variable, so that the compiler does not look for a package that need not be there.
  const specifier: string = library
  try {
    return await import(specifier)
  } catch (error) {
    if (!isMissing(error)) throw error
    throw new AnnalsError('dependency_missing', `the embedding function "transformers" needs ${library}`, {
      fate: 'not_written',
      hint: `npm install ${library}`,
      cause: error,
    })
  }
}

/** Whether the library itself is absent: something absent inside it is a broken installation. */
function isMissing(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === 'ERR_MODULE_NOT_FOUND' && error.message.includes(`package '${library}'`)
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function check(holds: boolean, option: string, expected: string, value: unknown): void {
  if (!holds) throw new AnnalsError('invalid_argument', `${option} must be ${expected}, not ${show(value)}`)
}
