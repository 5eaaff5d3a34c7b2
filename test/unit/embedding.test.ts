import { createHash } from 'node:crypto'
import { expect, describe as suite, test } from 'vitest'
import { type EmbeddingFunction, embed } from '../../src/embedding/embedding-function.ts'
import { FeatureHashingEmbeddingFunction } from '../../src/embedding/feature-hashing.ts'
import { describe, differs, fromConfiguration } from '../../src/embedding/known-functions.ts'
import { TransformersEmbeddingFunction, type TransformersModule } from '../../src/embedding/transformers.ts'
import { AnnalsError, type ErrorCode } from '../../src/errors.ts'

const hashing = new FeatureHashingEmbeddingFunction()

async function vectorOf(text: string, dimension = 384): Promise<number[]> {
  const [vector] = await new FeatureHashingEmbeddingFunction({ dimension }).generate([text])
  return vector as number[]
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] as number), 0)
}

async function similarity(a: string, b: string): Promise<number> {
  return dot(await vectorOf(a), await vectorOf(b))
}

/** Of the float32 values as little-endian bytes. */
function digestOf(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4)
  for (const [i, value] of vector.entries()) bytes.writeFloatLE(value, i * 4)
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16)
}

async function errorOf(run: () => unknown): Promise<AnnalsError> {
  try {
    await run()
  } catch (error) {
    if (error instanceof AnnalsError) return error
    throw error
  }
  throw new Error('expected an AnnalsError')
}

async function codeOf(run: () => unknown): Promise<ErrorCode> {
  return (await errorOf(run)).code
}

function answering(answer: unknown, name?: string): EmbeddingFunction {
  const generate = async () => answer as number[][]
  return name === undefined ? { generate } : { generate, name }
}

suite('feature hashing', () => {
  test('gives these very numbers, on every machine and in every version', async () => {
    // A second implementation of the description, in Python, gave the same ones.
    expect(await vectorOf('The quick brown fox', 8)).toEqual([
      0.41825002431869507, -0.5127212405204773, 0.09138388186693192, 0.26799556612968445, 0.31397634744644165,
      -0.37900295853614807, -0.30004066228866577, 0.3869915306568146,
    ])
    expect(await vectorOf('東京は日本の首都です', 8)).toEqual([
      0, -0.7808688282966614, 0.15617376565933228, -0.31234753131866455, 0.4685212969779968,
      -0.15617376565933228, 0.15617376565933228, 0,
    ])
  })

  test.each([
    ['The quick brown fox', '614b21b991c5fc7e'],
    ['Der Fluß fließt über die Grenze. FLUSS!', '99e7fa3d18e1e87a'],
    ['東京は日本の首都です', 'a73b5200dda0f71b'],
    ['iPhone発売 🎉 ½', '3ad0399c59123d02'],
    ['ｆｕｌｌ ｗｉｄｔｈ', 'ef8838b0f9449a48'],
  ])('gives these very numbers in 384 dimensions: %s', async (text, digest) => {
    expect(digestOf(await vectorOf(text))).toBe(digest)
  })

  test('gives each text its own vector, whatever stands beside it', async () => {
    const texts = ['one', 'two', 'one']
    const vectors = await hashing.generate(texts)
    expect(vectors).toEqual([await vectorOf('one'), await vectorOf('two'), await vectorOf('one')])
    expect(texts).toEqual(['one', 'two', 'one'])
    expect(await hashing.generate([])).toEqual([])
  })

  test.each([1, 8, 384, 1000])('gives vectors of length 1 in %i dimensions', async (dimension) => {
    for (const text of [
      'a',
      'The quick brown fox jumps over the lazy dog',
      'Київ 🎉 東京',
      'x '.repeat(500),
    ]) {
      const vector = await vectorOf(text, dimension)
      expect(vector).toHaveLength(dimension)
      expect(dot(vector, vector)).toBeCloseTo(1, 5)
      expect(vector.every((value) => value === Math.fround(value))).toBe(true)
    }
  })

  test.each(['', '   \n', '...!?', '\u0000', '\ud800'])(
    'gives the zero vector without a word: %j',
    async (text) => {
      expect(await vectorOf(text)).toEqual(new Array(384).fill(0))
    },
  )

  test('holds texts closer that share words', async () => {
    const question = 'What is the capital city of France?'
    const related = await similarity(question, 'The capital of France is Paris.')
    expect(related).toBeGreaterThan(0.4)
    expect(related).toBeGreaterThan(3 * (await similarity(question, 'Iron rusts in moist air.')))
  })

  test('holds inflected and misspelt words close', async () => {
    expect(await similarity('volcano', 'volcanoes')).toBeGreaterThan(0.4)
    expect(await similarity('hydrogen', 'hydrogne')).toBeGreaterThan(0.2)
    expect(await similarity('hydrogen', 'umbrella')).toBeLessThan(0.2)
  })

  test('lets common words weigh little, yet keeps texts that have no others', async () => {
    const iron = await similarity('the iron of the bridge', 'iron bridge')
    expect(iron).toBeGreaterThan(0.9)
    expect(await similarity('to be or not to be', 'or to be')).toBeGreaterThan(0.1)
  })

  test('does not tell case, width and composition of characters apart', async () => {
    expect(await vectorOf('ＫÖLN')).toEqual(await vectorOf('ko\u0308ln'))
    expect(await vectorOf('Fe₂O₃')).toEqual(await vectorOf('fe2o3'))
  })

  test('compares scripts that have no spaces by their characters', async () => {
    const tokyo = '東京は日本の首都です'
    expect(await similarity(tokyo, '日本の首都')).toBeGreaterThan(0.5)
    expect(await similarity(tokyo, '日本の首都')).toBeGreaterThan(
      2 * (await similarity(tokyo, '猫が好きです')),
    )
    expect(await similarity('กรุงเทพเป็นเมืองหลวง', 'เมืองหลวง')).toBeGreaterThan(0.5)
    expect(await similarity('iPhone発売', 'iphone')).toBeGreaterThan(0.4)
  })

  test('takes emoji and flags for words', async () => {
    expect(await similarity('party 🎉', '🎉')).toBeGreaterThan(0.5)
    expect(await similarity('🎉', '🎂')).toBeLessThan(0.5)
    expect(await similarity('👍🏽', '👍')).toBeCloseTo(1)
    expect(await similarity('🇫🇷', '🇫🇷 🇫🇷')).toBeCloseTo(1)
    expect(await similarity('🇫🇷', '🇩🇪')).toBeLessThan(0.9)
  })

  test('takes very long texts and very long words', async () => {
    const words = 'the quick brown fox jumps over the lazy dog '.repeat(25_000)
    expect(await similarity(words, 'a quick brown fox jumps over a lazy dog')).toBeGreaterThan(0.95)
    for (const word of ['x'.repeat(300_000), '東京'.repeat(150_000)]) {
      const vector = await vectorOf(word)
      expect(dot(vector, vector)).toBeCloseTo(1, 5)
    }
  })

  test('lets other work go on between the texts of a long list', async () => {
    let done = false
    let turns = 0
    const count = () => {
      turns++
      if (!done) setImmediate(count)
    }
    setImmediate(count)
    await hashing.generate(new Array(100).fill('word '.repeat(2000)))
    done = true
    expect(turns).toBeGreaterThan(10)
  })

  test('says which spaces and which configuration it has', () => {
    expect(hashing.defaultSpace()).toBe('cosine')
    expect(hashing.supportedSpaces()).toEqual(['cosine', 'l2', 'ip'])
    expect(hashing.getConfig()).toEqual({ dimension: 384 })
    expect(FeatureHashingEmbeddingFunction.buildFromConfig({ dimension: 7 }).dimension).toBe(7)
  })

  test.each([0, -1, 1.5, Number.NaN, 16_385, '384'])('refuses %j as dimension', async (dimension) => {
    const options = { dimension: dimension as number }
    expect(await codeOf(() => new FeatureHashingEmbeddingFunction(options))).toBe('invalid_argument')
  })

  test('refuses texts that are none', async () => {
    const error = await errorOf(() => hashing.generate(['fine', 5 as unknown as string]))
    expect(error.code).toBe('invalid_argument')
    expect(error.message).toBe('texts[1] must be a string, not 5')
  })
})

suite('embed', () => {
  test('answers float32 copies', async () => {
    const own = new Float32Array([1, 2])
    const vectors = await embed(answering([own, [0.1, 4]]), ['a', 'b'], false)
    expect(vectors).toEqual([new Float32Array([1, 2]), new Float32Array([0.1, 4])])
    own[0] = 9
    expect(vectors[0]?.[0]).toBe(1)
  })

  test('does not call the function for no texts, and keeps its hands off the texts', async () => {
    const fn: EmbeddingFunction = {
      generate: async (texts) => texts.splice(0).map(() => [1]),
    }
    const texts = ['a', 'b']
    expect(await embed(fn, texts, false)).toHaveLength(2)
    expect(texts).toEqual(['a', 'b'])
    expect(await embed(answering('nothing'), [], false)).toEqual([])
  })

  test('asks generateForQueries for queries only, and where there is one', async () => {
    class Both {
      readonly #document = 1
      readonly #query = 2
      generate = async (texts: string[]) => texts.map(() => [this.#document])
      async generateForQueries(texts: string[]) {
        return texts.map(() => [this.#query])
      }
    }
    const both = new Both()
    expect(await embed(both, ['a'], false)).toEqual([new Float32Array([1])])
    expect(await embed(both, ['a'], true)).toEqual([new Float32Array([2])])
    expect(await embed(answering([[3]]), ['a'], true)).toEqual([new Float32Array([3])])
  })

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'answered undefined where an array was expected'],
    ['an object', { indices: [1], values: [1] }, 'answered an object where an array was expected'],
    ['too few vectors', [[1]], 'answered 1 vectors for 2 texts'],
    ['too many vectors', [[1], [1], [1]], 'answered 3 vectors for 2 texts'],
    ['no vector', [[1], null], 'answered null for text 1'],
    // biome-ignore lint/suspicious/noSparseArray: the hole is the point
    ['a hole', [[1], ,], 'answered undefined for text 1'],
    ['a vector of doubles', [[1], new Float64Array([1])], 'answered a Float64Array for text 1'],
    ['empty vectors', [[], []], 'answered an empty vector for text 0'],
    ['different lengths', [[1, 2], [1]], 'of different lengths: 2 for text 0, 1 for text 1'],
    ['NaN', [[1], [Number.NaN]], 'answered NaN at [0] of the vector for text 1'],
    ['infinity', [[1], new Float32Array([Number.POSITIVE_INFINITY])], 'answered Infinity at [0]'],
    ['more than float32 holds', [[1], [1e39]], 'answered 1e+39 at [0] of the vector for text 1'],
    ['strings', [[1], ['2']], 'answered "2" at [0] of the vector for text 1'],
    ['null as a value', [[1], [null]], 'answered null at [0] of the vector for text 1'],
    ['nested vectors', [[1], [[2]]], 'answered an array of 1 at [0] of the vector for text 1'],
  ])('refuses %s', async (_case, answer, message) => {
    const error = await errorOf(() => embed(answering(answer, 'bad'), ['a', 'b'], false))
    expect(error.code).toBe('embedding_failed')
    expect(error.fate).toBe('not_written')
    expect(error.message).toContain('embedding function "bad"')
    expect(error.message).toContain(message)
    expect(error.hint).toBeTruthy()
  })

  test('keeps the cause of what the function throws, at once or later', async () => {
    const cause = new Error('429 Too Many Requests')
    const throwing = () => {
      throw cause
    }
    for (const generate of [throwing, async () => throwing()]) {
      const error = await errorOf(() => embed({ generate }, ['a'], false))
      expect(error.code).toBe('embedding_failed')
      expect(error.message).toBe('embedding function without a name failed: 429 Too Many Requests')
      expect(error.cause).toBe(cause)
      expect(error.fate).toBe('not_written')
    }
    const odd = await errorOf(() => embed({ generate: () => Promise.reject('no') }, ['a'], true))
    expect(odd.message).toContain('failed: no')
  })

  test('passes errors of the store on', async () => {
    const own = new AnnalsError('dependency_missing', 'x')
    const generate = () => Promise.reject(own)
    expect(await errorOf(() => embed({ generate }, ['a'], false))).toBe(own)
  })
})

interface FakeLibrary {
  module: TransformersModule
  /** Arguments of each call of `pipeline` and of the model. */
  pipelines: unknown[][]
  calls: unknown[][]
}

function fakeLibrary(): FakeLibrary {
  const pipelines: unknown[][] = []
  const calls: unknown[][] = []
  const module: TransformersModule = {
    async pipeline(...args) {
      pipelines.push(args)
      return async (...call) => {
        calls.push(call)
        return { tolist: () => call[0].map((text) => [text.length, 1]) }
      }
    },
  }
  return { module, pipelines, calls }
}

suite('transformers', () => {
  test('says what to install when the library is missing', async () => {
    const fn = new TransformersEmbeddingFunction()
    for (const run of [() => fn.generate(['a']), () => embed(fn, ['a'], false)]) {
      const error = await errorOf(run)
      expect(error.code).toBe('dependency_missing')
      expect(error.hint).toBe('npm install @huggingface/transformers')
      expect(error.fate).toBe('not_written')
      expect(error.cause).toBeInstanceOf(Error)
    }
  })

  test('loads library and model once, at the first use', async () => {
    const { module, pipelines, calls } = fakeLibrary()
    let loads = 0
    const fn = new TransformersEmbeddingFunction({
      load: async () => {
        loads++
        return module
      },
    })
    expect(await fn.generate([])).toEqual([])
    expect(loads).toBe(0)
    const answers = await Promise.all([fn.generate(['a', 'bb']), fn.generate(['ccc'])])
    expect(answers).toEqual([
      [
        [1, 1],
        [2, 1],
      ],
      [[3, 1]],
    ])
    expect(loads).toBe(1)
    expect(pipelines).toEqual([['feature-extraction', 'Xenova/all-MiniLM-L6-v2', { dtype: 'fp32' }]])
    expect(calls[0]).toEqual([['a', 'bb'], { pooling: 'mean', normalize: true }])
  })

  test('hands its options on and works in batches', async () => {
    const { module, pipelines, calls } = fakeLibrary()
    const fn = new TransformersEmbeddingFunction({
      model: 'm',
      dtype: 'q8',
      device: 'cpu',
      pooling: 'cls',
      normalize: false,
      batchSize: 2,
      load: async () => module,
    })
    expect(await embed(fn, ['a', 'bb', 'ccc', 'd', 'e'], true)).toHaveLength(5)
    expect(pipelines).toEqual([['feature-extraction', 'm', { dtype: 'q8', device: 'cpu' }]])
    expect(calls.map(([texts]) => texts)).toEqual([['a', 'bb'], ['ccc', 'd'], ['e']])
    expect(calls[2]?.[1]).toEqual({ pooling: 'cls', normalize: false })
    expect(fn.getConfig()).toEqual({ model: 'm', dtype: 'q8', pooling: 'cls', normalize: false })
  })

  test('tries a failed load again', async () => {
    const { module } = fakeLibrary()
    const failure = new Error('offline')
    let loads = 0
    const fn = new TransformersEmbeddingFunction({
      load: async () => {
        if (++loads === 1) throw failure
        return module
      },
    })
    const error = await errorOf(() => embed(fn, ['a'], false))
    expect(error.code).toBe('embedding_failed')
    expect(error.cause).toBe(failure)
    expect(await embed(fn, ['a'], false)).toHaveLength(1)
  })

  test.each([
    { model: '' },
    { model: 5 },
    { dtype: '' },
    { device: 7 },
    { pooling: 'none' },
    { normalize: 'yes' },
    { batchSize: 0 },
    { batchSize: 1.5 },
    { load: 'x' },
  ])('refuses %j', async (options) => {
    const given = options as ConstructorParameters<typeof TransformersEmbeddingFunction>[0]
    expect(await codeOf(() => new TransformersEmbeddingFunction(given))).toBe('invalid_argument')
  })
})

const known = (name: string, config: Record<string, unknown> = {}) => ({
  type: 'known' as const,
  name,
  config,
})

suite('what a collection writes down', () => {
  test('describes functions', () => {
    expect(describe(hashing)).toEqual(known('feature-hashing', { dimension: 384 }))
    expect(describe({ ...answering([]), name: 'mine', getConfig: () => ({ a: undefined, b: 1 }) })).toEqual(
      known('mine', { b: 1 }),
    )
    expect(describe(answering([], 'mine'))).toEqual({ type: 'legacy', name: 'mine', config: {} })
    expect(describe(answering([]))).toEqual({ type: 'legacy', name: 'custom', config: {} })
    expect(describe(answering([], ''))).toEqual({ type: 'legacy', name: 'custom', config: {} })
  })

  test.each<[string, () => object]>([
    [
      'a cycle',
      () => {
        const config: Record<string, unknown> = {}
        config.self = config
        return config
      },
    ],
    ['an array', () => [1]],
    ['a bigint', () => ({ size: 1n })],
    [
      'an error',
      () => {
        throw new Error('not ready')
      },
    ],
  ])('refuses a configuration that cannot be kept: %s', async (_case, getConfig) => {
    const error = await errorOf(() => describe({ ...answering([]), name: 'mine', getConfig }))
    expect(error.code).toBe('invalid_argument')
    expect(error.message).toContain('the configuration of embedding function "mine" cannot be written down')
  })

  test('builds the built-in functions again', async () => {
    const built = [
      new FeatureHashingEmbeddingFunction({ dimension: 64 }),
      new TransformersEmbeddingFunction({ model: 'm', pooling: 'cls' }),
    ]
    for (const fn of built) {
      const again = fromConfiguration(describe(fn))
      expect(again?.constructor).toBe(fn.constructor)
      expect(describe(again as EmbeddingFunction)).toEqual(describe(fn))
    }
  })

  test.each([
    null,
    known('openai', { model_name: 'm' }),
    { type: 'legacy' as const, name: 'feature-hashing', config: {} },
    known('feature-hashing', { dimension: 'many' }),
    known('feature-hashing', { dimension: 384, seed: 1 }),
    known('default'),
    known('default', { model_name: 'Xenova/all-MiniLM-L6-v2' }),
    known('transformers', { model: 5 }),
    known('constructor'),
  ])('does not build what it does not know: %j', (configuration) => {
    expect(fromConfiguration(configuration)).toBeNull()
  })

  test('says how two functions differ', () => {
    const small = describe(new FeatureHashingEmbeddingFunction({ dimension: 64 }))
    expect(differs(small, describe(hashing))).toBe(
      'the collection was created with the embedding function "feature-hashing" (dimension 64) ' +
        'and is opened with "feature-hashing" (dimension 384)',
    )
    expect(differs(known('openai', { model_name: 'a' }), small)).toBe(
      'the collection was created with the embedding function "openai" and is opened with "feature-hashing"',
    )
    expect(differs(small, describe(answering([])))).toMatch(/is opened with one without a name$/)
    expect(
      differs(known('openai', { model_name: 'a' }), known('openai', { dimensions: 5, model_name: 'a' })),
    ).toBe(
      'the collection was created with the embedding function "openai" (dimensions not set) ' +
        'and is opened with "openai" (dimensions 5)',
    )
  })

  test('says nothing where nothing speaks against their being the same', () => {
    const described = describe(hashing)
    expect(differs(described, describe(new FeatureHashingEmbeddingFunction()))).toBeNull()
    expect(differs(null, described)).toBeNull()
    expect(differs(described, null)).toBeNull()
    expect(differs(describe(answering([])), described)).toBeNull()
    expect(differs({ type: 'legacy' } as never, described)).toBeNull()
    expect(differs(known('a', { x: { p: 1, q: [2] } }), known('a', { x: { q: [2], p: 1 } }))).toBeNull()
    expect(
      differs(known('a', { api_key_env_var: 'X', m: 1 }), known('a', { api_key_env_var: 'Y', m: 1 })),
    ).toBeNull()
  })

  test("tells Chroma's default from the one here, and not from itself", () => {
    const chroma = known('default', { model_name: 'Xenova/all-MiniLM-L6-v2', revision: 'main' })
    expect(differs(known('default'), chroma)).toBeNull()
    expect(differs(known('default'), describe(hashing))).toContain(
      '"default" and is opened with "feature-hashing"',
    )
  })
})
