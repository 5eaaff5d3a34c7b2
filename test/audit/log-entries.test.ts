/** The operation log as a person reads it. */
import { afterEach, expect, test } from 'vitest'
import { gather, Stores, steppedClock } from './support.ts'

const stores = new Stores()
afterEach(() => stores.release())

async function written() {
  const clock = steppedClock()
  const client = stores.memory(clock)
  const notes = await client.createCollection({ name: 'notes', embeddingFunction: null }, { actor: 'ada' })
  await notes.add(
    {
      ids: ['a', 'b'],
      embeddings: [
        [1, 2],
        [3, 4],
      ],
      documents: ['häuser', null],
      metadatas: [{ topic: 'x' }, null],
    },
    { actor: 'ada', reason: 'import' },
  )
  clock.advance(60_000)
  await notes.modify({ name: 'papers' })
  await notes.update({ ids: ['a'], metadatas: [{ topic: 'y', page: 2 }] }, { actor: 'bob' })
  await notes.update({ ids: ['a'], embeddings: [[5, 6]] }, { actor: 'bob' })
  clock.advance(60_000)
  await notes.delete({ ids: ['b'] }, { actor: 'eve', idempotencyKey: 'once' })
  await client.deleteCollection({ name: 'papers' })
  return { client, clock, notes }
}

test('every operation, with names as they were, what it changed and how large it is', async () => {
  const { client, notes } = await written()
  const lines = await gather(client.log())
  expect(lines.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expect(lines.map(({ type, collectionName, id, summary }) => [type, collectionName, id, summary])).toEqual([
    ['create-collection', 'notes', null, 'collection notes'],
    ['add', 'notes', 'a', 'embedding, document, metadata (topic)'],
    ['add', 'notes', 'b', 'embedding'],
    ['modify-collection', 'papers', null, 'collection papers'],
    ['update', 'papers', 'a', 'metadata (page, topic)'],
    ['update', 'papers', 'a', 'embedding'],
    ['delete', 'papers', 'b', 'the whole record'],
    ['delete-collection', 'papers', null, 'collection papers'],
  ])
  expect(lines[1]).toMatchObject({
    committedAt: new Date(Date.UTC(2026, 0, 1)),
    collection: notes.id,
    actor: 'ada',
    reason: 'import',
    commit: { first: 2, count: 2 },
    sizes: { embedding: 8, document: 7, uri: 0, metadata: '{"topic":"x"}'.length },
  })
  expect(lines[6]).toMatchObject({ idempotencyKey: 'once', sizes: { embedding: 0 } })
})

test('narrowed by position, instant, collection, record, actor and type', async () => {
  const { client, clock, notes } = await written()
  const positions = async (options: Parameters<typeof client.log>[0]) =>
    (await gather(client.log(options))).map(({ position }) => position)
  expect(await positions({ after: 3, until: 6 })).toEqual([4, 5, 6])
  expect(await positions({ after: new Date(clock.now() - 60_000) })).toEqual([7, 8])
  expect(await positions({ until: new Date(clock.now() - 60_001) })).toEqual([1, 2, 3])
  expect(await positions({ id: 'a' })).toEqual([2, 5, 6])
  expect(await positions({ actor: 'bob' })).toEqual([5, 6])
  expect(await positions({ type: ['delete', 'delete-collection'] })).toEqual([7, 8])
  expect(await positions({ collection: 'notes', type: 'add' })).toEqual([2, 3])
  expect(await positions({ collection: notes.id, actor: 'eve' })).toEqual([7])
  // A position inside a commit stands for the commit before; but whoever goes on behind one has seen it.
  expect(await positions({ until: 2 })).toEqual([1])
  expect(await positions({ after: 2, until: 4 })).toEqual([3, 4])
  await expect(positions({ after: 9 })).rejects.toMatchObject({ code: 'position_not_reached' })
  const first = []
  for await (const { position } of client.log({ after: 5 })) {
    first.push(position)
    break
  }
  expect(first).toEqual([6])
})

test('names from before the part that is read', async () => {
  const { client } = await written()
  const [line] = await gather(client.log({ after: 1, until: 3, type: 'add' }))
  expect(line!.collectionName).toBe('notes')
  const [later] = await gather(client.log({ after: 6, until: 7 }))
  expect(later!.collectionName).toBe('papers')
})

test('only of its own tenant and database', async () => {
  const { client } = await written()
  await client.createDatabase({ name: 'other' })
  expect(await gather(client.log())).toHaveLength(8)
})

test('refuses what it does not know', async () => {
  const { client } = await written()
  expect(() => client.log({ type: 'nothing' as 'add' })).toThrow(
    expect.objectContaining({ code: 'invalid_argument' }),
  )
  expect(() => client.log({ since: 3 } as object)).toThrow(
    expect.objectContaining({ code: 'unsupported_option' }),
  )
  await expect(gather(client.log({ collection: 'nowhere' }))).rejects.toMatchObject({
    code: 'collection_not_found',
  })
  await expect(gather(client.log({ until: 99 }))).rejects.toMatchObject({ code: 'position_not_reached' })
})
