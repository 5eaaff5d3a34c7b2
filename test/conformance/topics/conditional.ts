import { describe, expect, test } from 'vitest'
import type { EmbeddingFunction } from '../../../src/embedding/embedding-function.ts'
import { type AddRecords, AnnalsError, type Collection } from '../../../src/index.ts'
import { all, codeOf, headOf, ids, points, refusalOf, type Topic, untyped } from '../fixture.ts'

export const conditional: Topic = (fixture) => {
  const four = async () => {
    const client = fixture.client()
    const notes = await fixture.collection({ client })
    await notes.add({
      ids: ids(4),
      embeddings: points(4),
      documents: ['zero', 'one', 'two', 'three'],
      metadatas: [{ n: 0 }, { n: 1 }, { n: 2 }, { n: 3 }],
    })
    return { client, notes }
  }
  const one = (id: string, n = 9): AddRecords => ({ ids: [id], embeddings: [[n, 1]] })
  const idsIn = async (notes: Collection) => (await notes.get()).ids.join(' ')

  describe('commits', () => {
    test('all kinds of writes together, in one commit', async () => {
      const { client, notes } = await four()
      const before = await headOf(client)
      const transaction = notes.conditional()
      const { ids: found, documents } = await transaction.get({ ids: ['r0', 'r1', 'new'] })
      expect([found, documents]).toEqual([
        ['r0', 'r1'],
        ['zero', 'one'],
      ])
      await transaction.delete({ ids: ['r0'] })
      await transaction.add(one('new'))
      await transaction.update({ ids: ['r1'], metadatas: [{ n: null, seen: true }] })
      await transaction.upsert({
        ids: ['r2', 'other'],
        embeddings: [
          [7, 7],
          [8, 8],
        ],
      })
      expect(await idsIn(notes)).toBe('r0 r1 r2 r3')
      const receipt = await transaction.commit({ actor: 'ada', reason: 'tidying' })
      expect(receipt).toEqual({
        position: before + 5,
        committedAt: expect.any(Date),
        count: 5,
        first_inserted_record_offset: before + 1,
        record_count: 5,
      })
      const rows = (await notes.get({ include: ['embeddings', 'metadatas', 'documents'] })).rows()
      expect(
        rows.map(({ id, embedding, document, metadata }) => [id, embedding, document, metadata]),
      ).toEqual([
        ['r1', [1, 1], 'one', { seen: true }],
        ['r2', [7, 7], 'two', { n: 2 }],
        ['r3', [3, 1], 'three', { n: 3 }],
        ['new', [9, 1], null, null],
        ['other', [8, 8], null, null],
      ])
      expect((await notes.query({ queryEmbeddings: [[8, 8]], nResults: 2 })).ids).toEqual([['other', 'r2']])
      const [version] = await all(notes.history('r0', { order: 'desc' }))
      expect(version).toMatchObject({
        type: 'delete',
        actor: 'ada',
        reason: 'tidying',
        commit: { first: before + 1, count: 5 },
      })
      expect((await notes.asOf(receipt.position - receipt.count).get()).ids).toEqual(ids(4))
    })

    test('nothing, where nothing was written', async () => {
      const { client, notes } = await four()
      const head = await headOf(client)
      const transaction = notes.conditional()
      await transaction.get({ ids: ['r0'] })
      await notes.update({ ids: ['r0'], metadatas: [{ n: 5 }] })
      const receipt = await transaction.commit()
      expect(receipt).toMatchObject({ count: 0, first_inserted_record_offset: null, record_count: 0 })
      expect(await headOf(client)).toBe(head + 1)
      expect(await codeOf(() => transaction.commit())).toBe('invalid_argument')
      expect(await codeOf(() => transaction.get({ ids: ['r0'] }))).toBe('invalid_argument')
    })

    test('the first records of a collection, and makes vectors of documents', async () => {
      const lengths: EmbeddingFunction = {
        name: 'lengths',
        generate: async (texts) => texts.map((text) => [text.length, 1]),
      }
      const notes = await fixture.collection({ embeddingFunction: lengths })
      const transaction = notes.conditional()
      await transaction.upsert({ ids: ['a', 'b'], documents: ['x', 'xxx'] })
      await transaction.upsert({ ids: ['c'], embeddings: [[5, 5]] })
      await transaction.commit()
      expect((await notes.get({ include: ['embeddings'] })).embeddings).toEqual([
        [1, 1],
        [3, 1],
        [5, 5],
      ])
    })

    test('or is refused, with all of its writes', async () => {
      const { notes } = await four()
      const transaction = notes.conditional()
      await transaction.upsert(one('fits'))
      await transaction.upsert({ ids: ['does-not'], embeddings: [[1, 2, 3]] })
      expect(await codeOf(() => transaction.commit())).toBe('dimension_mismatch')
      expect(await idsIn(notes)).toBe('r0 r1 r2 r3')
    })

    test('once with an idempotency key, whatever was read since', async () => {
      const { client, notes } = await four()
      const commit = async () => {
        const transaction = notes.conditional()
        await transaction.get({ ids: ['r1'] })
        await transaction.update({ ids: ['r1'], documents: ['again'] })
        return transaction.commit({ idempotencyKey: 'once' })
      }
      const [first, second] = [await commit(), await commit()]
      expect(second).toEqual(first)
      expect(await headOf(client)).toBe(first.position)
    })
  })

  describe('conflicts', () => {
    test.each<[string, (notes: Collection) => Promise<unknown>]>([
      ['was changed', (notes) => notes.update({ ids: ['r1'], metadatas: [{ n: 8 }] })],
      ['was deleted', (notes) => notes.delete({ ids: ['r1'] })],
      [
        'was deleted and added again',
        async (notes) => {
          await notes.delete({ ids: ['r1'] })
          await notes.add(one('r1'))
        },
      ],
      ['came to be', (notes) => notes.add(one('absent'))],
      [
        'came and went',
        async (notes) => {
          await notes.add(one('absent'))
          await notes.delete({ ids: ['absent'] })
        },
      ],
    ])('when a record that was read %s', async (_, meanwhile) => {
      const { notes } = await four()
      const transaction = notes.conditional()
      await transaction.get({ ids: ['r1', 'absent'] })
      await transaction.upsert(one('unread'))
      await meanwhile(notes)
      const before = await idsIn(notes)
      const error = await refusalOf(() => transaction.commit())
      expect([error.code, error.fate]).toEqual(['conflict', 'not_written'])
      expect(error.position).toBeGreaterThan(0)
      expect(await idsIn(notes)).toBe(before)
    })

    test('never about what was not read', async () => {
      const { notes } = await four()
      const transaction = notes.conditional()
      const { ids: found } = await transaction.get({ where: { n: { $lt: 2 } }, limit: 10 })
      expect(found).toEqual(['r0', 'r1'])
      await transaction.delete({ ids: ['r0'] })
      // Also not about what the filter would find now.
      await notes.update({ ids: ['r2'], metadatas: [{ n: 1 }] })
      await notes.add(one('more'))
      expect((await transaction.commit()).count).toBe(1)
    })

    test('one of two over the same record wins, whoever is first', async () => {
      const { client, notes } = await four()
      const head = await headOf(client)
      const attempt = async (n: number) => {
        const transaction = notes.conditional()
        await transaction.get({ ids: ['r1', 'key'] })
        await transaction.add({ ids: ['key'], embeddings: [[n, 1]] })
        return transaction
      }
      const transactions = await Promise.all(Array.from({ length: 8 }, (_, n) => attempt(n)))
      const ended = await Promise.allSettled(transactions.map((transaction) => transaction.commit()))
      const codes = ended.map((end) =>
        end.status === 'fulfilled' ? 'won' : (end.reason as AnnalsError).code,
      )
      expect(codes.sort()).toEqual([...Array(7).fill('conflict'), 'won'])
      expect(await headOf(client)).toBe(head + 1)
    })

    test('also with a plain write that waits in the same queue', async () => {
      const { notes } = await four()
      const transaction = notes.conditional()
      await transaction.get({ ids: ['r1'] })
      await transaction.update({ ids: ['r1'], documents: ['late'] })
      const plain = notes.update({ ids: ['r1'], documents: ['early'] })
      expect(await codeOf(() => transaction.commit())).toBe('conflict')
      await plain
      expect((await notes.get({ ids: ['r1'] })).documents).toEqual(['early'])
    })
  })

  describe('reads', () => {
    test('see one position, that of the first', async () => {
      const { notes } = await four()
      const transaction = notes.conditional()
      await transaction.get({ ids: ['r0'] })
      await notes.update({ ids: ['r1'], documents: ['changed'] })
      await notes.delete({ ids: ['r2'] })
      await notes.add(one('new'))
      const { ids: found, documents } = await transaction.get({ limit: 10 })
      expect([found, documents![1]]).toEqual([ids(4), 'one'])
    })

    test('of ids prove what is not there, unless something else may have left it out', async () => {
      const { notes } = await four()
      const addAfter = async (...reads: object[]) => {
        const transaction = notes.conditional()
        for (const read of reads) await transaction.get(read)
        return codeOf(async () => {
          await transaction.add(one('new'))
          throw new AnnalsError('internal', 'It was accepted.')
        })
      }
      expect(await addAfter()).toBe('invalid_argument')
      expect(await addAfter({ where: { n: 7 }, limit: 5 })).toBe('invalid_argument')
      expect(await addAfter({ ids: ['new'], where: { n: 7 } })).toBe('invalid_argument')
      expect(await addAfter({ ids: ['r0', 'new'], limit: 1 })).toBe('invalid_argument')
      expect(await addAfter({ ids: ['r0', 'new'], offset: 1 })).toBe('invalid_argument')
      expect(await addAfter({ ids: ['new'] })).toBe('internal')
    })
  })

  describe('refuse', () => {
    test('what would not hold', async () => {
      const { notes } = await four()
      const transaction = notes.conditional()
      const refused = (call: () => Promise<unknown>) => codeOf(call)
      expect(await refused(() => transaction.get())).toBe('invalid_argument')
      expect(await refused(() => transaction.get({ where: { n: 1 } }))).toBe('invalid_argument')
      expect(await refused(() => transaction.get({ limit: 0 }))).toBe('invalid_argument')
      await transaction.get({ ids: ['r0', 'r1', 'new'] })
      expect(await refused(() => transaction.add(one('r0')))).toBe('invalid_argument')
      expect(await refused(() => transaction.update(one('new')))).toBe('invalid_argument')
      expect(await refused(() => transaction.update(one('r2')))).toBe('invalid_argument')
      expect(await refused(() => transaction.delete({ ids: ['r2'] }))).toBe('invalid_argument')
      expect(await refused(() => transaction.delete({ ids: [] }))).toBe('invalid_argument')
      expect(await refused(() => transaction.delete(untyped({ where: { n: 1 } })))).toBe('unsupported_option')
      expect(await refused(() => transaction.add({ ids: ['new', 'new'], embeddings: points(2) }))).toBe(
        'invalid_argument',
      )
      await transaction.update(one('r0'))
      expect(await refused(() => transaction.upsert(one('r0')))).toBe('invalid_argument')
      expect(await refused(() => transaction.get({ ids: ['r0'] }))).toBe('invalid_argument')
      expect(await refused(() => transaction.get({ limit: 10 }))).toBe('invalid_argument')
      // What was refused has left no trace.
      expect((await transaction.commit()).record_count).toBe(1)
      expect(await idsIn(notes)).toBe('r0 r1 r2 r3')
    })

    test('a collection that is gone', async () => {
      const { client, notes } = await four()
      const transaction = notes.conditional()
      await transaction.get({ ids: ['r0'] })
      await transaction.delete({ ids: ['r0'] })
      await client.deleteCollection({ name: notes.name })
      expect(await codeOf(() => transaction.commit())).toBe('collection_not_found')
    })
  })

  describe('run', () => {
    test('begins anew until nobody was in between', async () => {
      const { notes } = await four()
      const runs: number[] = []
      const add = (amount: number) =>
        notes.conditional().run(
          async (transaction) => {
            runs.push(amount)
            const { metadatas } = await transaction.get({ ids: ['r1'] })
            const n = metadatas![0]!.n as number
            await transaction.update({ ids: ['r1'], metadatas: [{ n: n + amount }] })
            return n
          },
          { maxRetries: 20 },
        )
      const seen = await Promise.all([1, 10, 100, 1000].map(add))
      expect(new Set(seen).size).toBe(4)
      expect((await notes.get({ ids: ['r1'] })).metadatas).toEqual([{ n: 1112 }])
      expect(runs.length).toBeGreaterThanOrEqual(4)
    })

    test('gives up after so many times', async () => {
      const { notes } = await four()
      let runs = 0
      const code = await codeOf(() =>
        notes.conditional().run(async (transaction) => {
          runs += 1
          await transaction.get({ ids: ['r1'] })
          await transaction.delete({ ids: ['r1'] })
          await notes.update({ ids: ['r1'], metadatas: [{ n: runs }] })
        }, 2),
      )
      expect([code, runs]).toEqual(['conflict', 3])
    })

    test('lets through what the callback throws, and commits nothing then', async () => {
      const { notes } = await four()
      let runs = 0
      const failing = notes.conditional().run(async (transaction) => {
        runs += 1
        await transaction.upsert(one('new'))
        throw new RangeError('no')
      })
      await expect(failing).rejects.toThrow(RangeError)
      expect([runs, await idsIn(notes)]).toEqual([1, 'r0 r1 r2 r3'])
    })

    test('commits by itself', async () => {
      const { notes } = await four()
      const inside = (call: 'commit' | 'run') =>
        codeOf(() =>
          notes.conditional().run((transaction) => {
            return call === 'commit' ? transaction.commit() : transaction.run(() => undefined)
          }),
        )
      expect([await inside('commit'), await inside('run')]).toEqual(['invalid_argument', 'invalid_argument'])
      const unawaited = notes.conditional()
      await unawaited.run((transaction) => {
        void transaction.upsert(one('unawaited'))
      })
      expect(await idsIn(notes)).toBe('r0 r1 r2 r3 unawaited')
      expect(await codeOf(() => notes.conditional().run(() => undefined, { maxRetries: -1 }))).toBe(
        'invalid_argument',
      )
    })
  })
}
