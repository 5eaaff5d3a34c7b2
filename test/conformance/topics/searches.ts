import * as chroma from 'chromadb'
import { describe, expect, test } from 'vitest'
import type { EmbeddingFunction } from '../../../src/embedding/embedding-function.ts'
import {
  type Collection,
  GroupBy,
  K,
  Knn,
  MaxK,
  MinK,
  ReadLevel,
  Rrf,
  Search,
  type SearchLike,
  Sum,
  Val,
  type Where,
} from '../../../src/index.ts'
import { codeOf, type Fixture, ids, points, type Topic, untyped } from '../fixture.ts'

/** A query whose neighbours are r0, r1, r2 … */
const fromLeft = { query: [0, 1] }
/** … and one whose neighbours are r19, r18 … */
const fromRight = { query: [19, 1] }

export const searches: Topic = (fixture) => {
  const line = async (count = 20, { collection }: Pick<Fixture, 'collection'> = fixture) => {
    const notes = await collection()
    await notes.add({
      ids: ids(count),
      embeddings: points(count),
      documents: Array.from({ length: count }, (_, n) => (n % 5 === 4 ? null : `number ${n}`)),
      metadatas: Array.from({ length: count }, (_, n) => ({ even: n % 2 === 0, n, third: `t${n % 3}` })),
    })
    return notes
  }
  /** For tests that write nothing. */
  const twenty = fixture.once((kept) => line(20, kept))
  const idsOf = async (notes: Pick<Collection, 'search'>, search: SearchLike) =>
    (await notes.search(search)).ids[0]!.join(' ')

  describe('show', () => {
    test('just what was selected, best first', async () => {
      const notes = await twenty()
      const base = new Search().rank(Knn(fromRight)).limit(3)
      const found = await notes.search([
        base,
        base.select('#document', K.SCORE),
        base.select(K.EMBEDDING, 'n', '#id'),
        base.selectAll(),
      ])
      expect(found.ids).toEqual(Array(4).fill(['r19', 'r18', 'r17']))
      expect(found.documents).toEqual([
        null,
        [null, 'number 18', 'number 17'],
        null,
        [null, 'number 18', 'number 17'],
      ])
      expect(found.scores).toEqual([null, [0, 1, 4], null, [0, 1, 4]])
      expect(found.embeddings[1]).toBeNull()
      expect(found.embeddings[2]).toEqual([
        [19, 1],
        [18, 1],
        [17, 1],
      ])
      expect(found.metadatas[2]).toEqual([{ n: 19 }, { n: 18 }, { n: 17 }])
      expect(found.metadatas[3]![0]).toEqual({ even: false, n: 19, third: 't1' })
      expect(found.select).toEqual([
        [],
        ['#document', '#score'],
        ['#embedding', '#id', 'n'],
        ['#document', '#embedding', '#metadata', '#score'],
      ])
      expect(found.rows()[1]![1]).toEqual({
        id: 'r18',
        document: 'number 18',
        embedding: null,
        metadata: null,
        score: 1,
      })
    })

    test('a page: by insertion without a rank, by score with one', async () => {
      const notes = await line()
      await notes.update({ ids: ['r1'], embeddings: [[50, 1]] })
      const page = async (search: Search) => (await notes.search(search.select('#score'))).rows()[0]!
      const listed = await page(new Search().limit(2, 1))
      expect(listed.map(({ id, score }) => [id, score])).toEqual([
        ['r1', 0],
        ['r2', 1],
      ])
      const ranked = await page(new Search().rank(Knn(fromLeft)).limit({ limit: 2, offset: 1 }))
      expect(ranked.map(({ id, score }) => [id, score])).toEqual([
        ['r2', 4],
        ['r3', 9],
      ])
      expect((await page(new Search())).length).toBe(20)
      expect((await page(new Search().rank(Knn({ ...fromLeft, limit: 7 })))).length).toBe(7)
      expect((await page(new Search().limit(5, 100))).length).toBe(0)
    })

    test('null for values that a record lacks', async () => {
      const notes = await fixture.collection()
      await notes.add({ ids: ['a'], embeddings: [[1, 1]] })
      const found = await notes.search(new Search().select('#document', '#metadata', 'missing'))
      expect(found.rows()[0]).toEqual([
        { id: 'a', document: null, embedding: null, metadata: null, score: null },
      ])
    })
  })

  describe('filter', () => {
    test.each<[string, SearchLike, string]>([
      ['ids', new Search().where(K.ID.isIn(['r3', 'r1', 'absent'])), 'r1 r3'],
      [
        'documents',
        new Search().where(K.DOCUMENT.contains('number 1')),
        'r1 r10 r11 r12 r13 r15 r16 r17 r18',
      ],
      ['metadata', { where: { $and: [{ even: true }, { n: { $gt: 12 } }] } }, 'r14 r16 r18'],
      ['all joined', { where: K('n').lt(4).or(K('n').gte(18)).and(K.ID.ne('r0')) }, 'r1 r2 r3 r18 r19'],
      ['nothing', { filter: {} }, ids(20).join(' ')],
    ])('by %s', async (_, search, expected) => {
      expect(await idsOf(await twenty(), search)).toBe(expected)
    })

    test('before the neighbours are counted, as query does', async () => {
      const notes = await twenty()
      const filters: Where[] = [
        { even: true },
        { third: 't2' },
        { '#id': { $nin: ['r0', 'r1'] } },
        { '#document': { $regex: '[67]$' } },
      ]
      for (const where of filters) {
        const search = new Search({ where, rank: Knn({ query: [7.2, 1], limit: 4 }), select: '#score' })
        const found = await notes.search(search)
        const expected = await notes.query({ queryEmbeddings: [[7.2, 1]], where, nResults: 4 })
        expect(found.ids).toEqual(expected.ids)
        expect(found.scores).toEqual(expected.distances)
      }
    })
  })

  describe('rank', () => {
    test('by arithmetic on what several queries found', async () => {
      const notes = await twenty()
      const both = Sum(Knn(fromLeft), Knn(fromRight).multiply(2))
      const found = await notes.search(new Search({ rank: both, limit: 3, select: '#score' }))
      expect(found.rows()[0]!.map(({ id, score }) => [id, score])).toEqual(
        [13, 12, 14].map((n) => [`r${n}`, n ** 2 + 2 * (19 - n) ** 2]),
      )
      const clamped = Knn(fromLeft).max(4).subtract(Val(1)).negate()
      expect(await idsOf(notes, new Search().rank(clamped).limit(2))).toBe('r19 r18')
    })

    test('only what every Knn without a default found', async () => {
      const notes = await twenty()
      const near = { limit: 11 }
      expect(
        await idsOf(notes, { rank: Sum(Knn({ ...fromLeft, ...near }), Knn({ ...fromRight, ...near })) }),
      ).toBe('r9 r10')
      const either = Sum(
        Knn({ ...fromLeft, limit: 2, default: 1000 }),
        Knn({ ...fromRight, limit: 1, default: 2000 }),
      )
      expect(await idsOf(notes, { rank: either })).toBe('r19 r0 r1')
      expect(await idsOf(notes, { rank: Val(1) })).toBe('')
    })

    test('by reciprocal rank fusion', async () => {
      const notes = await twenty()
      const left = Knn({ ...fromLeft, returnRank: true })
      const right = Knn({ ...fromRight, returnRank: true })
      const fused = Rrf({ ranks: [left, right], k: 10, weights: [3, 1] })
      const [first] = (await notes.search(new Search({ rank: fused, select: '#score' }))).rows()[0]!
      expect(first!.id).toBe('r0')
      expect(first!.score).toBeCloseTo(-(3 / 10 + 1 / 29), 9)
    })

    test('a text by the embedding function', async () => {
      const lengths: EmbeddingFunction = {
        name: 'lengths',
        generate: async (texts) => texts.map((text) => [text.length, 1]),
      }
      const notes = await fixture.collection({ embeddingFunction: lengths })
      await notes.add({ ids: ['a', 'b', 'c'], documents: ['x', 'xxx', 'xxxxxxx'] })
      const search = new Search().rank(Sum(Knn({ query: 'zz' }), Knn({ query: 'zzzzz' })))
      expect(await idsOf(notes, search.limit(1))).toBe('b')
    })
  })

  describe('group', () => {
    test('and keep the best of each', async () => {
      const notes = await twenty()
      const grouped = (by: GroupBy) => idsOf(notes, new Search().rank(Knn(fromLeft)).groupBy(by).limit(10))
      expect(await grouped(new GroupBy([K('third')], new MinK([K.SCORE], 1)))).toBe('r0 r1 r2')
      expect(await grouped(new GroupBy(['third'], new MaxK(['n'], 2)))).toBe('r14 r15 r16 r17 r18 r19')
      expect(await grouped(new GroupBy(['third', 'even'], new MinK(['n', '#score'], 1)))).toBe(
        'r0 r1 r2 r3 r4 r5',
      )
      expect(await grouped(new GroupBy(['missing'], new MinK(['#score'], 2)))).toBe('r0 r1')
    })
  })

  describe('stand', () => {
    test('in every form: ours, its parts, the payload, the official client', async () => {
      const notes = await twenty()
      const where = { n: { $gte: 2 } }
      const aggregate = { $min_k: { keys: ['#score'], k: 2 } }
      const forms = {
        built: new Search()
          .where(K('n').gte(2))
          .rank(Knn(fromLeft).add(1))
          .groupBy(new GroupBy([K('even')], new MinK([K.SCORE], 2)))
          .limit(3, 1)
          .select(K.SCORE, 'n'),
        parts: {
          where,
          rank: Knn(fromLeft).add(1),
          groupBy: { keys: [K('even')], aggregate },
          limit: { limit: 3, offset: 1 },
          select: [K.SCORE, 'n'],
        },
        payload: {
          filter: where,
          rank: { $sum: [{ $knn: { query: [0, 1], limit: 128 } }, { $val: 1 }] },
          group_by: { keys: ['even'], aggregate },
          limit: { limit: 3, offset: 1 },
          select: { keys: ['#score', 'n'] },
        },
        official: new chroma.Search()
          .where(chroma.K('n').gte(2))
          .rank(chroma.Knn(fromLeft).add(1))
          .groupBy(new chroma.GroupBy([chroma.K('even')], new chroma.MinK([chroma.K.SCORE], 2)))
          .limit(3, 1)
          .select(chroma.K.SCORE, 'n'),
        'parts of the official client': {
          where: chroma.K('n').gte(2),
          rank: chroma.Knn(fromLeft).add(1),
          groupBy: new chroma.GroupBy([chroma.K('even')], new chroma.MinK([chroma.K.SCORE], 2)),
          limit: { limit: 3, offset: 1 },
          select: [chroma.K.SCORE, chroma.K('n')],
        },
      } satisfies Record<string, SearchLike>
      for (const [name, form] of Object.entries(forms)) {
        const { ids: found, scores, metadatas, select } = await notes.search(form)
        expect({ name, found, scores, metadatas, select }).toEqual({
          name,
          found: [['r3', 'r4', 'r5']],
          scores: [[10, 17, 26]],
          metadatas: [[{ n: 3 }, { n: 4 }, { n: 5 }]],
          select: [['#score', 'n']],
        })
      }
    })

    test('at every read level on all that was acknowledged', async () => {
      const notes = await twenty()
      for (const readLevel of Object.values(ReadLevel)) {
        const found = await notes.search(new Search().rank(Knn(fromRight)).limit(1), { readLevel })
        expect(found.ids).toEqual([['r19']])
      }
      const wrong = untyped<ReadLevel>('eventual')
      expect(await codeOf(() => notes.search({}, { readLevel: wrong }))).toBe('invalid_argument')
    })

    test('on a collection without records', async () => {
      const notes = await fixture.collection()
      expect((await notes.search([new Search().rank(Knn(fromLeft)), new Search()])).ids).toEqual([[], []])
    })

    test('on records that come, change and go', async () => {
      const notes = await line(5)
      const search = new Search().rank(Knn(fromLeft)).limit(3)
      expect(await idsOf(notes, search)).toBe('r0 r1 r2')
      await notes.delete({ ids: ['r1'] })
      await notes.upsert({
        ids: ['r0', 'new'],
        embeddings: [
          [3.5, 1],
          [0.5, 1],
        ],
      })
      expect(await idsOf(notes, search)).toBe('new r2 r3')
    })
  })

  test('see the past as it was', async () => {
    const notes = await line(6)
    const { position } = await notes.delete({ ids: ['r5'] })
    await notes.update({ ids: ['r0', 'r2'], embeddings: [[9, 1], null], metadatas: [null, { n: 20 }] })
    await notes.update({ ids: ['r1'], documents: ['changed'] })
    const then = notes.asOf(position)
    const ranked = new Search().rank(Knn(fromLeft)).select('n', '#document')
    expect(await idsOf(then, ranked)).toBe('r0 r1 r2 r3 r4')
    expect(await idsOf(then, ranked.where({ n: { $lt: 3 } }))).toBe('r0 r1 r2')
    expect(await idsOf(then, new Search().where({ n: { $lt: 3 } }).limit(2, 1))).toBe('r1 r2')
    expect(await idsOf(notes, ranked.where({ n: { $lt: 3 } }))).toBe('r1 r0')
    const [, one, two] = (await then.search(ranked)).rows()[0]!
    expect([one!.document, two!.metadata]).toEqual(['number 1', { n: 2 }])
    const before = notes.asOf(position - 1)
    expect(await idsOf(before, new Search().rank(Knn(fromRight)).limit(1))).toBe('r5')
  })

  describe('refuse', () => {
    test('what does not fit the collection', async () => {
      const notes = await line(3)
      const refused = (search: SearchLike) => codeOf(() => notes.search(search))
      expect(await refused(new Search().rank(Knn({ query: [1, 2, 3] })))).toBe('dimension_mismatch')
      expect(await refused(new Search().rank(Knn({ query: 'text' })))).toBe('embedding_function_missing')
      expect(await refused({ rank: Knn({ query: [1, 2], key: 'sparse' }) })).toBe('unsupported_option')
      expect(await refused({ rank: { $knn: { query: { indices: [1], values: [1] } } } })).toBe(
        'unsupported_option',
      )
      expect(await refused({ where: { n: { $gt: 'x' } } as unknown as Where })).toBe('invalid_filter')
      expect(await refused({ groupBy: new GroupBy(['n'], new MinK(['n'], 1)) })).toBe('invalid_argument')
      expect(await refused(untyped([]))).toBe('invalid_argument')
      expect(await refused(untyped(null))).toBe('invalid_argument')
      expect(await refused(untyped({ ranks: 1 }))).toBe('unsupported_option')
    })
  })
}
