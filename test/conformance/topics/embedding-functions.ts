import { describe, expect, test } from 'vitest'
import { type EmbeddingFunction, FeatureHashingEmbeddingFunction } from '../../../src/index.ts'
import { codeOf, headOf, refusalOf, type Topic, untyped } from '../fixture.ts'

/** Length and number of words: nothing to learn, easy to follow. */
const lengths: EmbeddingFunction = {
  name: 'lengths',
  generate: async (texts) => texts.map((text) => [text.length, text.split(' ').length]),
}

const answering = (answer: unknown): EmbeddingFunction => ({ generate: async () => untyped(answer) })

export const embeddingFunctions: Topic = (fixture) => {
  test('the built-in one finds a text by its words', async () => {
    const client = fixture.client()
    const notes = await client.createCollection({
      name: 'notes',
      configuration: { hnsw: { space: 'cosine' } },
    })
    await notes.add({
      ids: ['ada', 'cook', 'car'],
      documents: [
        'Ada Lovelace wrote the first program',
        'stir the soup and add some salt',
        'the engine of the car is cold',
      ],
    })
    const found = await notes.query({
      queryTexts: ['who wrote the first program?', 'salt for the soup'],
      nResults: 1,
    })
    expect(found.ids).toEqual([['ada'], ['cook']])
    const again = await client.getCollection({ name: 'notes' })
    expect((await again.query({ queryTexts: ['cold engine'], nResults: 1 })).ids).toEqual([['car']])
  })

  test('a given one makes the vectors of documents and of queries', async () => {
    const notes = await fixture.collection({ embeddingFunction: lengths })
    await notes.add({ ids: ['a', 'b'], documents: ['one two', 'x'] })
    expect((await notes.get({ include: ['embeddings'] })).embeddings).toEqual([
      [7, 2],
      [1, 1],
    ])
    expect((await notes.query({ queryTexts: ['y'] })).ids).toEqual([['b', 'a']])
    const { position } = await notes.update({ ids: ['b'], documents: ['now a long one'] })
    expect((await notes.get({ include: ['embeddings'] })).embeddings).toEqual([
      [7, 2],
      [14, 4],
    ])
    expect((await notes.asOf(position - 1).query({ queryTexts: ['y'] })).ids).toEqual([['b', 'a']])
  })

  test('vectors that are given go before those that could be made', async () => {
    const notes = await fixture.collection({ embeddingFunction: lengths })
    await notes.upsert({ ids: ['a', 'b'], embeddings: [[9, 9], null], documents: ['text', 'text'] })
    expect((await notes.get({ include: ['embeddings'] })).embeddings).toEqual([
      [9, 9],
      [4, 1],
    ])
  })

  test('queries may have a function of their own', async () => {
    const embeddingFunction: EmbeddingFunction = {
      ...lengths,
      generateForQueries: async (texts) => texts.map(() => [100, 100]),
    }
    const notes = await fixture.collection({ embeddingFunction })
    await notes.add({ ids: ['short', 'long'], documents: ['x', 'x'.repeat(100)] })
    expect((await notes.query({ queryTexts: ['x'], nResults: 1 })).ids).toEqual([['long']])
  })

  test('it chooses the space, unless one is named', async () => {
    const client = fixture.client()
    const embeddingFunction: EmbeddingFunction = { ...lengths, defaultSpace: () => 'cosine' }
    const one = await fixture.collection({ client, name: 'one', embeddingFunction })
    const two = await fixture.collection({ client, name: 'two', embeddingFunction, hnsw: { space: 'ip' } })
    expect([one, two].map(({ configuration }) => configuration.hnsw.space)).toEqual(['cosine', 'ip'])
  })

  test('a collection without one takes documents beside vectors, and updates of documents alone', async () => {
    const notes = await fixture.collection({ embeddingFunction: null })
    await notes.add({ ids: ['a'], embeddings: [[1]], documents: ['old'] })
    await notes.update({ ids: ['a'], documents: ['new'] })
    expect((await notes.get({ include: ['documents', 'embeddings'] })).rows()).toMatchObject([
      { document: 'new', embedding: [1] },
    ])
    expect(await codeOf(() => notes.query({ queryTexts: ['x'] }))).toBe('embedding_function_missing')
  })

  test('one of the caller must be given again, and says so', async () => {
    const client = fixture.client()
    await fixture.collection({ client, embeddingFunction: lengths })
    const without = await client.getCollection({ name: 'notes' })
    const error = await refusalOf(() => without.add({ ids: ['a'], documents: ['x'] }))
    expect(error.code).toBe('embedding_function_missing')
    expect(error.message).toContain('"lengths"')
    const again = await client.getCollection({ name: 'notes', embeddingFunction: lengths })
    await again.add({ ids: ['a'], documents: ['x'] })
    expect((await again.query({ queryTexts: ['x'] })).distances).toEqual([[0]])
    const past = await client.asOf(2).getCollection({ name: 'notes', embeddingFunction: lengths })
    expect((await past.query({ queryTexts: ['x'] })).ids).toEqual([['a']])
  })

  test('the built-in one is made again as it was', async () => {
    const client = fixture.client()
    const embeddingFunction = new FeatureHashingEmbeddingFunction({ dimension: 16 })
    await fixture.collection({ client, embeddingFunction })
    const again = await client.getCollection({ name: 'notes' })
    expect(again.configuration.embedding_function).toEqual({
      type: 'known',
      name: 'feature-hashing',
      config: { dimension: 16 },
    })
    await again.add({ ids: ['a'], documents: ['text'] })
    expect((await again.peek()).embeddings![0]).toHaveLength(16)
  })

  describe('what it answers is checked:', () => {
    test.each<[string, unknown, string]>([
      ['nothing', undefined, 'undefined'],
      ['too few', [[1, 2]], '1 vectors for 2 texts'],
      ['too many', [[1], [2], [3]], '3 vectors'],
      ['unequal ones', [[1, 2], [1]], 'different lengths'],
      ['NaN', [[1], [Number.NaN]], 'NaN'],
      ['more than float32 holds', [[1], [1e39]], '1e+39'],
      ['text', ['x', 'y'], '"x"'],
      ['empty vectors', [[], []], 'empty'],
    ])('%s', async (_, answer, named) => {
      const client = fixture.client()
      const notes = await fixture.collection({ client, embeddingFunction: answering(answer) })
      const error = await refusalOf(() => notes.add({ ids: ['a', 'b'], documents: ['x', 'y'] }))
      expect(error).toMatchObject({ code: 'embedding_failed', fate: 'not_written' })
      expect(error.message).toContain(named)
      expect(await headOf(client)).toBe(1)
    })

    test('an error of its own is the cause', async () => {
      const failure = new Error('no credit left')
      const embeddingFunction: EmbeddingFunction = { generate: () => Promise.reject(failure) }
      const notes = await fixture.collection({ embeddingFunction })
      const error = await refusalOf(() => notes.add({ ids: ['a'], documents: ['x'] }))
      expect(error).toMatchObject({ code: 'embedding_failed', cause: failure })
      expect(error.message).toContain('no credit left')
    })

    test('a dimension that does not fit the collection', async () => {
      const notes = await fixture.collection({ embeddingFunction: lengths })
      await notes.add({ ids: ['a'], embeddings: [[1, 2, 3]] })
      expect(await codeOf(() => notes.add({ ids: ['b'], documents: ['x'] }))).toBe('dimension_mismatch')
      expect(await codeOf(() => notes.query({ queryTexts: ['x'] }))).toBe('dimension_mismatch')
    })
  })
}
