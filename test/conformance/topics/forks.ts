import { expect, test } from 'vitest'
import type { Client, Collection, ReadableCollection } from '../../../src/index.ts'
import { all, codeOf, headOf, ids, points, type Topic, untyped } from '../fixture.ts'

const include = ['embeddings' as const, 'documents' as const, 'metadatas' as const, 'uris' as const]
const none = { embeddingFunction: null }

const whole = async (collection: ReadableCollection) => (await collection.get({ include })).rows()

export const forks: Topic = (fixture) => {
  /** Three records, of which one was changed and one deleted before. */
  const storied = async (client: Client): Promise<Collection> => {
    const notes = await client.createCollection({ name: 'notes', metadata: { topic: 'x' }, ...none })
    await notes.add({
      ids: ['a', 'b', 'c', 'd'],
      embeddings: [
        [1, 0],
        [2, 0],
        [3, 0],
        [4, -0],
      ],
      documents: ['one apple', 'two pears', null, 'four apples'],
      metadatas: [{ n: 1 }, { n: 2, tags: ['x', 'y'] }, null, { n: 4 }],
      uris: [null, 'file:b', null, null],
    })
    await notes.update({
      ids: ['d', 'b'],
      metadatas: [{ n: 5 }, { half: 0.5 }],
      embeddings: [[4, -0.5], null],
    })
    await notes.delete({ ids: ['a'] })
    return notes
  }

  test('hold what the source holds, part by part, in its order', async () => {
    const notes = await storied(fixture.client())
    const copy = await notes.fork({ name: 'copy' })
    expect(copy.id).not.toBe(notes.id)
    expect(copy).toMatchObject({ name: 'copy', metadata: { topic: 'x' }, configuration: notes.configuration })
    expect(await whole(copy)).toEqual(await whole(notes))
    expect((await copy.get()).ids).toEqual(['b', 'c', 'd'])
    expect(await copy.count()).toBe(3)
  })

  test('answer filters and queries as the source does', async () => {
    const copy = await (await storied(fixture.client())).fork({ name: 'copy' })
    expect((await copy.get({ where: { n: { $gte: 2 } } })).ids).toEqual(['b', 'd'])
    expect((await copy.get({ where: { tags: { $contains: 'y' } } })).ids).toEqual(['b'])
    expect((await copy.get({ whereDocument: { $contains: 'apple' } })).ids).toEqual(['d'])
    const found = await copy.query({ queryEmbeddings: [[3.2, 0]], nResults: 2, include: ['documents'] })
    expect(found.ids).toEqual([['c', 'd']])
    expect(found.documents).toEqual([[null, 'four apples']])
  })

  test('and sources do not see what is written to the other', async () => {
    const client = fixture.client()
    const notes = await storied(client)
    const copy = await notes.fork({ name: 'copy' })
    await copy.update({ ids: ['b'], documents: ['only here'], metadatas: [{ n: null }] })
    await copy.delete({ ids: ['c'] })
    await copy.add({
      ids: ['e', 'a'],
      embeddings: [
        [9, 0],
        [8, 0],
      ],
    })
    await notes.upsert({
      ids: ['c', 'e'],
      embeddings: [
        [7, 7],
        [6, 6],
      ],
      documents: ['three', 'five'],
    })
    await notes.delete({ ids: ['d'] })
    expect(await whole(copy)).toMatchObject([
      {
        id: 'b',
        embedding: [2, 0],
        document: 'only here',
        metadata: { tags: ['x', 'y'], half: 0.5 },
        uri: 'file:b',
      },
      { id: 'd', embedding: [4, -0.5], document: 'four apples', metadata: { n: 5 } },
      { id: 'e', embedding: [9, 0], document: null },
      { id: 'a', embedding: [8, 0], document: null },
    ])
    expect(await whole(notes)).toMatchObject([
      { id: 'b', document: 'two pears', metadata: { n: 2, half: 0.5 } },
      { id: 'c', embedding: [7, 7], document: 'three' },
      { id: 'e', embedding: [6, 6], document: 'five' },
    ])
    expect((await copy.query({ queryEmbeddings: [[7, 7]], nResults: 9 })).ids).toEqual([['a', 'e', 'd', 'b']])
    expect((await copy.get({ whereDocument: { $contains: 'only here' } })).ids).toEqual(['b'])
    expect((await notes.get({ whereDocument: { $contains: 'only here' } })).ids).toEqual([])
  })

  test('share graphs: what is sealed, replaced and deleted is found rightly on both sides', async () => {
    const client = fixture.client()
    const notes = await fixture.collection({ client, hnsw: { sync_threshold: 40, batch_size: 20 } })
    await notes.add({ ids: ids(130), embeddings: points(130) })
    await client.flush()
    // The newest labels die, so that the fork's own begin behind labels that it has not.
    await notes.delete({ ids: ['r7', 'r128', 'r129'] })
    const copy = await notes.fork({ name: 'copy' })
    const near = async (collection: ReadableCollection, at: number) =>
      (await collection.query({ queryEmbeddings: [[at, 1]], nResults: 3 })).ids[0]!.toSorted()
    expect(await near(copy, 7)).toEqual(['r5', 'r6', 'r8'].toSorted())
    const { position } = await copy.update({ ids: ['r6'], embeddings: [[500, 1]] })
    await copy.add({ ids: ids(60, 200), embeddings: points(60, 200) })
    await notes.add({ ids: ['r7'], embeddings: [[7, 1]] })
    await client.flush()
    expect(await near(copy, 7)).toEqual(['r5', 'r8', 'r9'])
    expect(await near(copy, 229)).toEqual(['r228', 'r229', 'r230'])
    expect(await near(copy, 499)).toEqual(['r258', 'r259', 'r6'])
    expect(await near(copy.asOf(position - 1), 7)).toEqual(['r5', 'r6', 'r8'])
    expect(await near(notes, 7)).toEqual(['r6', 'r7', 'r8'])
    expect(await near(notes, 229)).toEqual(['r125', 'r126', 'r127'])
  })

  test('stay whole when the source is deleted, and the other way round', async () => {
    const client = fixture.client()
    const notes = await storied(client)
    const before = await whole(notes)
    const copy = await notes.fork({ name: 'copy' })
    const again = await copy.fork({ name: 'again' })
    await client.deleteCollection({ name: 'notes' })
    expect(await whole(copy)).toEqual(before)
    await client.deleteCollection({ name: 'copy' })
    expect(await whole(again)).toEqual(before)
    expect((await again.query({ queryEmbeddings: [[3, 0]], nResults: 1 })).ids).toEqual([['c']])
  })

  test('are counted in the whole family', async () => {
    const client = fixture.client()
    const notes = await storied(client)
    expect(await notes.forkCount()).toBe(0)
    const copy = await notes.fork({ name: 'copy' })
    const again = await copy.fork({ name: 'again' })
    const other = await notes.fork({ name: 'other' })
    for (const one of [notes, copy, again, other]) expect(await one.forkCount()).toBe(3)
    await client.deleteCollection({ name: 'copy' })
    await client.deleteCollection({ name: 'notes' })
    expect(await again.forkCount()).toBe(2)
    expect(await codeOf(() => copy.forkCount())).toBe('collection_not_found')
  })

  test('have a past that begins with them', async () => {
    const client = fixture.client()
    const notes = await storied(client)
    const before = await headOf(client)
    const records = await whole(notes)
    const copy = await notes.fork({ name: 'copy' }, { actor: 'ada', reason: 'a draft' })
    const forked = await headOf(client)
    expect(forked - before).toBe(4)
    await copy.delete({ ids: ['b'] })
    await notes.delete({ ids: ['b', 'c'] })
    expect(await whole(copy.asOf(forked))).toEqual(records)
    expect((await copy.asOf(forked).query({ queryEmbeddings: [[2, 0]], nResults: 1 })).ids).toEqual([['b']])
    expect(await codeOf(() => copy.asOf(before).get())).toBe('collection_not_found')
    // Inside the commit is before it.
    expect(await codeOf(() => client.asOf(forked - 1).getCollection({ name: 'copy', ...none }))).toBe(
      'collection_not_found',
    )
    expect(await all(copy.history('b'))).toMatchObject([
      {
        type: 'add',
        before: null,
        after: { embedding: [2, 0], document: 'two pears', uri: 'file:b' },
        actor: 'ada',
        commit: { first: before + 1, count: 4 },
      },
      { type: 'delete', before: { document: 'two pears' }, after: null },
    ])
  })

  test('are told as one commit: the collection, then its records, whole', async () => {
    const client = fixture.client()
    const notes = await storied(client)
    const after = await headOf(client)
    const copy = await notes.fork({ name: 'copy' })
    const changes = await all(copy.changes({ after }))
    expect(changes.map(({ type, id }) => [type, id])).toEqual([
      ['create-collection', null],
      ['add', 'b'],
      ['add', 'c'],
      ['add', 'd'],
    ])
    expect(changes[1]!.after).toEqual({
      embedding: [2, 0],
      document: 'two pears',
      uri: 'file:b',
      metadata: { n: 2, tags: ['x', 'y'], half: 0.5 },
    })
  })

  test('need a free and good name', async () => {
    const notes = await storied(fixture.client())
    await notes.fork({ name: 'copy' })
    expect(await codeOf(() => notes.fork({ name: 'copy' }))).toBe('collection_exists')
    expect(await codeOf(() => notes.fork({ name: 'notes' }))).toBe('collection_exists')
    for (const options of [{ name: 'x' }, {}, null])
      expect(await codeOf(() => notes.fork(untyped(options)))).toBe('invalid_argument')
    expect(await codeOf(() => notes.fork(untyped({ name: 'good', ids: [] })))).toBe('unsupported_option')
  })

  test('of an empty collection are empty, and keep the length of its vectors', async () => {
    const client = fixture.client()
    const notes = await fixture.collection({ client })
    const first = await notes.fork({ name: 'first' })
    await first.add({ ids: ['a'], embeddings: [[1, 2, 3]] })
    expect((await first.query({ queryEmbeddings: [[1, 2, 3]] })).ids).toEqual([['a']])
    await notes.add({ ids: ['a'], embeddings: [[1, 2]] })
    await notes.delete({ ids: ['a'] })
    const second = await notes.fork({ name: 'second' })
    expect(await second.count()).toBe(0)
    expect(await codeOf(() => second.add({ ids: ['a'], embeddings: [[1]] }))).toBe('dimension_mismatch')
  })

  test('are made once for one key, and only of what the caller knows', async () => {
    const client = fixture.client()
    const notes = await storied(client)
    const head = await headOf(client)
    expect(await codeOf(() => notes.fork({ name: 'copy' }, { expectedPosition: head - 1 }))).toBe('conflict')
    const first = await notes.fork({ name: 'copy' }, { expectedPosition: head, idempotencyKey: 'k' })
    const forked = await headOf(client)
    const again = await notes.fork({ name: 'copy' }, { expectedPosition: head, idempotencyKey: 'k' })
    expect(again.id).toBe(first.id)
    expect(await headOf(client)).toBe(forked)
    expect(await codeOf(() => again.fork({ name: 'other' }, { idempotencyKey: 'k' }))).toBe('conflict')
  })

  test('take their place among writes that are not waited for', async () => {
    const notes = await fixture.collection()
    const writes = [
      notes.add({ ids: ['a'], embeddings: [[1, 2]] }),
      notes.fork({ name: 'copy' }),
      notes.add({ ids: ['b'], embeddings: [[3, 4]] }),
    ]
    const [, copy] = await Promise.all(writes)
    expect((await (copy as Collection).get()).ids).toEqual(['a'])
    expect((await notes.get()).ids).toEqual(['a', 'b'])
  })

  test('say how far graphs are built', async () => {
    const client = fixture.client()
    const notes = await fixture.collection({ client, hnsw: { sync_threshold: 40, batch_size: 20 } })
    const indexed = (total: number) => ({
      op_indexing_progress: 1,
      num_unindexed_ops: 0,
      num_indexed_ops: total,
      total_ops: total,
    })
    expect(await notes.getIndexingStatus()).toEqual(indexed(0))
    await notes.add({ ids: ids(50), embeddings: points(50) })
    await client.flush()
    expect(await notes.getIndexingStatus()).toEqual(indexed(50))
    const copy = await notes.fork({ name: 'copy' })
    await copy.add({ ids: ['more'], embeddings: [[1, 1]] })
    expect(await copy.getIndexingStatus()).toEqual(indexed(51))
  })
}
