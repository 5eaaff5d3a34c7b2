import { describe, expect, test } from 'vitest'
import type { Client, Collection, ErrorCode } from '../../../src/index.ts'
import { type Fixture, headOf, refusalOf, type Topic, untyped } from '../fixture.ts'

type Call = (collection: Collection, client: Client) => unknown
type Case = [name: string, call: Call, code: ErrorCode, named: string]

const add =
  (records: unknown): Call =>
  (notes) =>
    notes.add(untyped(records))
const metadata = (value: unknown): Call => add({ ids: ['a'], embeddings: [[1, 2]], metadatas: [value] })
const vector = (value: unknown): Call => add({ ids: ['a'], embeddings: [value] })
const holes = <T>(...items: T[]): T[] => {
  const list: T[] = []
  for (const [index, item] of items.entries()) list[index + 1] = item
  return list
}

const writes: Case[] = [
  ['no records', add(undefined), 'invalid_argument', 'undefined'],
  ['null', add(null), 'invalid_argument', 'null'],
  ['a list', add([{ id: 'a' }]), 'invalid_argument', 'array of 1'],
  ['a promise', add(Promise.resolve({ ids: ['a'] })), 'invalid_argument', 'object'],
  ['a map', add(new Map([['ids', ['a']]])), 'invalid_argument', 'object'],
  ['an unknown column', add({ ids: ['a'], embedding: [[1, 2]] }), 'unsupported_option', '"embedding"'],
  ['no ids', add({ embeddings: [[1, 2]] }), 'invalid_argument', 'ids'],
  ['one id instead of a list', add({ ids: 'a', embeddings: [[1, 2]] }), 'invalid_argument', '"a"'],
  ['an empty list of ids', add({ ids: [], embeddings: [] }), 'invalid_argument', 'ids'],
  [
    'an id that is a number',
    add({
      ids: ['x', 7],
      embeddings: [
        [1, 2],
        [1, 2],
      ],
    }),
    'invalid_argument',
    'ids[1]',
  ],
  ['an id that is null', add({ ids: [null], embeddings: [[1, 2]] }), 'invalid_argument', 'null'],
  ['an empty id', add({ ids: [''], embeddings: [[1, 2]] }), 'invalid_argument', '""'],
  ['an id with NUL', add({ ids: ['a\0'], embeddings: [[1, 2]] }), 'invalid_argument', '"a\\u0000"'],
  ['half a character', add({ ids: ['\ud800'], embeddings: [[1, 2]] }), 'invalid_argument', 'Unicode'],
  ['a long id', add({ ids: ['x'.repeat(1_025)], embeddings: [[1, 2]] }), 'limit_exceeded', '1025'],
  [
    'one id twice',
    add({
      ids: ['a', 'a'],
      embeddings: [
        [1, 2],
        [1, 2],
      ],
    }),
    'invalid_argument',
    '"a"',
  ],
  [
    'a hole among ids',
    add({
      ids: holes('a'),
      embeddings: [
        [1, 2],
        [1, 2],
      ],
    }),
    'invalid_argument',
    'ids[0]',
  ],
  [
    'unequal columns',
    add({
      ids: ['a'],
      embeddings: [
        [1, 2],
        [3, 4],
      ],
    }),
    'invalid_argument',
    'embeddings',
  ],
  ['fewer documents', add({ ids: ['a', 'b'], documents: ['x'] }), 'invalid_argument', 'documents'],
  ['documents that are no list', add({ ids: ['a'], documents: 'x' }), 'invalid_argument', '"x"'],
  [
    'a document that is no text',
    add({ ids: ['a'], documents: [7], embeddings: [[1, 2]] }),
    'invalid_argument',
    '7',
  ],
  [
    'a uri that is no text',
    add({ ids: ['a'], uris: [{}], embeddings: [[1, 2]] }),
    'invalid_argument',
    'uris[0]',
  ],
  ['neither vector nor document', add({ ids: ['a'] }), 'invalid_argument', '"a"'],
  ['a hole among vectors', add({ ids: ['a', 'b'], embeddings: holes([1, 2]) }), 'invalid_argument', '"a"'],
  [
    'no function for a document',
    add({ ids: ['a'], documents: ['x'] }),
    'embedding_function_missing',
    '"notes"',
  ],
  [
    'too many records',
    add({ ids: Array.from({ length: 10_001 }, (_, n) => `${n}`) }),
    'limit_exceeded',
    '10001',
  ],
  ['a flat vector', vector(1), 'invalid_argument', 'embeddings[0]'],
  ['a vector of text', vector('1,2'), 'invalid_argument', '"1,2"'],
  ['an empty vector', vector([]), 'invalid_argument', 'embeddings[0]'],
  ['a Float64Array', vector(Float64Array.of(1, 2)), 'invalid_argument', 'Float64Array'],
  ['a Buffer', vector(Buffer.from([1, 2])), 'invalid_argument', 'Buffer'],
  ['NaN', vector([1, Number.NaN]), 'invalid_argument', 'NaN'],
  ['Infinity', vector([Number.NEGATIVE_INFINITY, 1]), 'invalid_argument', '-Infinity'],
  ['more than float32 holds', vector([1, 1e39]), 'invalid_argument', '1e+39'],
  ['numbers as text', vector(['1', 2]), 'invalid_argument', '"1"'],
  ['null in a vector', vector([null, 2]), 'invalid_argument', 'null'],
  ['a boolean in a vector', vector([true, 2]), 'invalid_argument', 'true'],
  ['a bigint in a vector', vector([1n, 2n]), 'invalid_argument', '1n'],
  ['a hole in a vector', vector(holes(1)), 'invalid_argument', 'undefined'],
  ['too many dimensions', vector(new Float32Array(16_385)), 'limit_exceeded', '16385'],
  ['metadata that is a list', metadata([1]), 'invalid_argument', 'metadatas[0]'],
  ['metadata that is text', metadata('x'), 'invalid_argument', '"x"'],
  ['metadata that is a map', metadata(new Map([['k', 1]])), 'invalid_argument', 'metadatas[0]'],
  ['metadata that is a set', metadata(new Set(['k'])), 'invalid_argument', 'metadatas[0]'],
  ['metadata that is a vector', metadata(Float32Array.of(1)), 'invalid_argument', 'metadatas[0]'],
  ['null in metadata', metadata({ k: null }), 'invalid_argument', 'null'],
  ['undefined in metadata', metadata({ k: undefined }), 'invalid_argument', 'undefined'],
  ['an object in metadata', metadata({ k: { l: 1 } }), 'invalid_argument', 'metadatas[0].k'],
  ['a date in metadata', metadata({ k: new Date(0) }), 'invalid_argument', '1970'],
  ['a bigint of more than 64 bits', metadata({ k: 2n ** 63n }), 'invalid_argument', '9223372036854775808n'],
  ['NaN in metadata', metadata({ k: Number.NaN }), 'invalid_argument', 'NaN'],
  ['a number that is not exact', metadata({ k: 2 ** 53 }), 'invalid_argument', '9007199254740992'],
  ['a mixed list in metadata', metadata({ k: [1, 'x'] }), 'invalid_argument', '"x"'],
  ['a nested list in metadata', metadata({ k: [[1]] }), 'invalid_argument', 'metadatas[0].k[0]'],
  ['a hole in a list in metadata', metadata({ k: holes(1) }), 'invalid_argument', 'metadatas[0].k'],
  ['an empty key', metadata({ '': 1 }), 'invalid_argument', 'empty'],
  ['a key with #', metadata({ '#k': 1 }), 'invalid_argument', '"#k"'],
  ['a key with $', metadata({ $k: 1 }), 'invalid_argument', '"$k"'],
  ['a key with NUL', metadata({ 'k\0': 1 }), 'invalid_argument', 'NUL'],
  ['a reserved key', metadata({ 'chroma:document': 'x' }), 'invalid_argument', 'chroma:document'],
  ['half a character in metadata', metadata({ k: '\udc00' }), 'invalid_argument', 'Unicode'],
  ['another dimension', vector([1, 2, 3]), 'dimension_mismatch', '3'],
  ['another dimension for a known id', add({ ids: ['there'], embeddings: [[1]] }), 'dimension_mismatch', '1'],
  [
    'another dimension in an update',
    (notes) => notes.update({ ids: ['there'], embeddings: [[1]] }),
    'dimension_mismatch',
    '"there"',
  ],
  ['an update of nothing', (notes) => notes.update(untyped({})), 'invalid_argument', 'ids'],
  ['a delete of everything', (notes) => notes.delete({}), 'invalid_argument', 'where'],
  ['a delete of undefined', (notes) => notes.delete(untyped(undefined)), 'invalid_argument', 'where'],
  ['a delete of no ids', (notes) => notes.delete({ ids: [] }), 'invalid_argument', 'ids'],
  ['a delete of one id', (notes) => notes.delete(untyped({ ids: 'there' })), 'invalid_argument', '"there"'],
  ['a delete by id', (notes) => notes.delete(untyped({ id: ['there'] })), 'unsupported_option', '"id"'],
  ['a delete with a limit alone', (notes) => notes.delete({ limit: 1 }), 'invalid_argument', 'limit'],
  [
    'a delete with ids and a limit',
    (notes) => notes.delete({ ids: ['there'], limit: 1 }),
    'invalid_argument',
    'limit',
  ],
  [
    'a delete with a negative limit',
    (notes) => notes.delete({ where: { k: 1 }, limit: -1 }),
    'invalid_argument',
    '-1',
  ],
  ['modify with text', (notes) => notes.modify(untyped('new name')), 'invalid_argument', '"new name"'],
  ['modify with empty metadata', (notes) => notes.modify({ metadata: {} }), 'invalid_argument', 'metadata'],
  ['modify with a bad name', (notes) => notes.modify({ name: 'x' }), 'invalid_argument', '"x"'],
  [
    'a collection without a name',
    (_, client) => client.createCollection(untyped({})),
    'invalid_argument',
    'name',
  ],
  [
    'a collection of nothing',
    (_, client) => client.createCollection(untyped(undefined)),
    'invalid_argument',
    'undefined',
  ],
  [
    'a collection by its name',
    (_, client) => client.createCollection(untyped('more')),
    'invalid_argument',
    '"more"',
  ],
  [
    'a collection with empty metadata',
    (_, client) => client.createCollection({ name: 'more', metadata: {} }),
    'invalid_argument',
    'metadata',
  ],
  [
    'a collection with a schema',
    (_, client) => client.createCollection(untyped({ name: 'more', schema: {} })),
    'unsupported_option',
    '"schema"',
  ],
  [
    'a function that is none',
    (_, client) => client.createCollection(untyped({ name: 'more', embeddingFunction: 'openai' })),
    'invalid_argument',
    '"openai"',
  ],
  [
    'a tenant that is none',
    (_, client) => client.createTenant(untyped({ name: 7 })),
    'invalid_argument',
    '7',
  ],
  [
    'a database by its name',
    (_, client) => client.createDatabase(untyped('main')),
    'invalid_argument',
    '"main"',
  ],
  [
    'a deleted collection by its name',
    (_, client) => client.deleteCollection(untyped('notes')),
    'invalid_argument',
    '"notes"',
  ],
]

const reads: Case[] = [
  ['an unknown option', (notes) => notes.get(untyped({ id: ['a'] })), 'unsupported_option', '"id"'],
  ['one id', (notes) => notes.get(untyped({ ids: 'a' })), 'invalid_argument', '"a"'],
  ['a hole among ids', (notes) => notes.get({ ids: holes('a') }), 'invalid_argument', 'ids[0]'],
  ['a negative limit', (notes) => notes.get({ limit: -1 }), 'invalid_argument', '-1'],
  ['half a limit', (notes) => notes.get({ limit: 1.5 }), 'invalid_argument', '1.5'],
  ['an offset as text', (notes) => notes.get(untyped({ offset: '1' })), 'invalid_argument', '"1"'],
  ['distances in get', (notes) => notes.get({ include: ['distances'] }), 'invalid_argument', '"distances"'],
  [
    'an unknown column',
    (notes) => notes.get(untyped({ include: ['document'] })),
    'invalid_argument',
    '"document"',
  ],
  [
    'a column that is no list',
    (notes) => notes.get(untyped({ include: 'uris' })),
    'invalid_argument',
    '"uris"',
  ],
  ['a promise', (notes) => notes.get(untyped(Promise.resolve())), 'invalid_argument', 'object'],
  ['peek with text', (notes) => notes.peek(untyped('5')), 'invalid_argument', '"5"'],
  ['peek with a negative limit', (notes) => notes.peek({ limit: -1 }), 'invalid_argument', '-1'],
  ['a query of nothing', (notes) => notes.query(untyped(undefined)), 'invalid_argument', 'undefined'],
  ['a query without vectors', (notes) => notes.query({}), 'invalid_argument', 'queryEmbeddings'],
  [
    'a query with both',
    (notes) => notes.query({ queryEmbeddings: [[1, 2]], queryTexts: ['x'] }),
    'invalid_argument',
    'either',
  ],
  ['no queries', (notes) => notes.query({ queryEmbeddings: [] }), 'invalid_argument', 'queryEmbeddings'],
  ['a flat query', (notes) => notes.query(untyped({ queryEmbeddings: [1, 2] })), 'invalid_argument', 'got 1'],
  [
    'a hole among queries',
    (notes) => notes.query({ queryEmbeddings: holes([1, 2]) }),
    'invalid_argument',
    'queryEmbeddings[0]',
  ],
  [
    'NaN in a query',
    (notes) => notes.query({ queryEmbeddings: [[1, Number.NaN]] }),
    'invalid_argument',
    'NaN',
  ],
  [
    'a query of another dimension',
    (notes) => notes.query({ queryEmbeddings: [[1, 2, 3]] }),
    'dimension_mismatch',
    '3',
  ],
  [
    'a negative number of results',
    (notes) => notes.query({ queryEmbeddings: [[1, 2]], nResults: -1 }),
    'invalid_argument',
    '-1',
  ],
  [
    'endless results',
    (notes) => notes.query({ queryEmbeddings: [[1, 2]], nResults: Number.POSITIVE_INFINITY }),
    'invalid_argument',
    'Infinity',
  ],
  [
    'texts without a function',
    (notes) => notes.query({ queryTexts: ['x'] }),
    'embedding_function_missing',
    '"notes"',
  ],
  ['texts that are none', (notes) => notes.query(untyped({ queryTexts: [7] })), 'invalid_argument', '7'],
  [
    'a misspelled option',
    (notes) => notes.query(untyped({ queryEmbeddings: [[1, 2]], n_results: 3 })),
    'unsupported_option',
    '"n_results"',
  ],
  [
    'a collection by its name',
    (_, client) => client.getCollection(untyped('notes')),
    'invalid_argument',
    '"notes"',
  ],
  [
    'a collection by a wrong id',
    (_, client) => client.getCollectionById({ id: 'x' }),
    'invalid_argument',
    '"x"',
  ],
  [
    'a past collection with an unknown option',
    (_, client) => client.asOf(1).getCollectionById(untyped({ id: '0'.repeat(36), nam: 1 })),
    'unsupported_option',
    '"nam"',
  ],
  [
    'a list with a negative limit',
    (_, client) => client.listCollections({ limit: -1 }),
    'invalid_argument',
    '-1',
  ],
  ['a list by text', (_, client) => client.listDatabases(untyped({ tenant: 7 })), 'invalid_argument', '7'],
]

export const validation: Topic = (fixture) => {
  const filled = async ({ client: make, collection }: Pick<Fixture, 'client' | 'collection'>) => {
    const client = make()
    const notes = await collection({ client })
    await notes.add({ ids: ['there'], embeddings: [[1, 1]], metadatas: [{ k: 1 }] })
    return { client, notes }
  }
  // What is refused leaves it as it is, which each of the tests looks at.
  const ready = fixture.once(filled)

  describe('a write is refused before anything is written:', () => {
    test.each(writes)('%s', async (_, call, code, named) => {
      const { client, notes } = await ready()
      const error = await refusalOf(() => call(notes, client))
      expect({ code: error.code, fate: error.fate }).toEqual({ code, fate: 'not_written' })
      expect(error.message).toContain(named)
      expect(await headOf(client)).toBe(2)
      expect((await notes.get()).rows()).toMatchObject([{ id: 'there', metadata: { k: 1 } }])
    })
  })

  describe('a read is refused:', () => {
    test.each(reads)('%s', async (_, call, code, named) => {
      const { client, notes } = await ready()
      const error = await refusalOf(() => call(notes, client))
      expect(error.code).toBe(code)
      expect(error.message).toContain(named)
    })
  })

  test('update and upsert take null where add does not', async () => {
    const { notes } = await filled(fixture)
    await notes.update({ ids: ['there'], metadatas: [{ k: null, l: 2 }] })
    await notes.upsert({ ids: ['new'], embeddings: [[2, 2]], metadatas: [{ k: null, m: 3 }] })
    expect((await notes.get()).metadatas).toEqual([{ l: 2 }, { m: 3 }])
  })
}
