/** Why a query answers otherwise: each neighbour that came, went or moved is traced to the operations. */
import { afterEach, expect, test } from 'vitest'
import { Stores } from './support.ts'

const stores = new Stores()
afterEach(() => stores.release())

async function line(count: number) {
  const client = stores.memory()
  const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
  const ids = Array.from({ length: count }, (_, index) => `p${index + 1}`)
  const { position } = await notes.add({
    ids,
    embeddings: ids.map((_, index) => [index + 1, 0]),
    metadatas: ids.map(() => ({ kind: 'point' })),
  })
  return { client, notes, position }
}

const origin = { queryEmbeddings: [[0, 0]] }

test('a nearer record enters, and the ones behind it are displaced', async () => {
  const { notes, position } = await line(5)
  const { position: to } = await notes.add(
    { ids: ['new'], embeddings: [[1.5, 0]], metadatas: [{ kind: 'point' }] },
    { actor: 'ada', reason: 'import' },
  )
  const { queries } = await notes.explainQuery({ ...origin, nResults: 3 }, position, to)
  const told = queries[0]!.map(({ id, change, because, before, after, causes }) => ({
    id,
    change,
    because,
    ranks: [before?.rank ?? null, after?.rank ?? null],
    causes: causes.map(({ type, id: of, actor }) => [type, of, actor]),
  }))
  const added = ['add', 'new', 'ada']
  expect(told).toEqual([
    { id: 'p1', change: 'unchanged', because: null, ranks: [1, 1], causes: [] },
    { id: 'new', change: 'entered', because: 'own', ranks: [null, 2], causes: [added] },
    { id: 'p2', change: 'moved', because: 'others', ranks: [2, 3], causes: [added] },
    { id: 'p3', change: 'left', because: 'others', ranks: [3, null], causes: [added] },
  ])
})

test('a record that left by itself: deleted, moved away, or no longer admitted by the filter', async () => {
  const { notes, position } = await line(8)
  await notes.delete({ ids: ['p1'] }, { actor: 'eve' })
  await notes.update({ ids: ['p2'], embeddings: [[100, 0]] }, { actor: 'bob' })
  const { position: to } = await notes.update(
    { ids: ['p3'], metadatas: [{ kind: 'other' }] },
    { actor: 'ada' },
  )
  const query = { ...origin, nResults: 4, where: { kind: 'point' } }
  const { queries, ...points } = await notes.explainQuery(query, position, to)
  expect(points).toEqual({ from: position, to })
  const byId = new Map(queries[0]!.map((one) => [one.id, one]))
  expect(byId.get('p1')).toMatchObject({
    change: 'left',
    because: 'own',
    causes: [{ type: 'delete', actor: 'eve' }],
  })
  expect(byId.get('p2')).toMatchObject({
    change: 'left',
    because: 'own',
    causes: [{ type: 'update', actor: 'bob' }],
  })
  expect(byId.get('p3')).toMatchObject({
    change: 'left',
    because: 'own',
    causes: [{ type: 'update', actor: 'ada' }],
  })
  expect(byId.get('p4')).toMatchObject({
    change: 'moved',
    because: 'others',
    before: { rank: 4 },
    after: { rank: 1 },
  })
  expect(byId.get('p4')!.causes.map(({ actor }) => actor)).toEqual(['eve', 'bob', 'ada'])
  expect(byId.get('p5')).toMatchObject({ change: 'entered', because: 'others' })
  expect(byId.get('p5')!.causes.map(({ id }) => id)).toEqual(['p1', 'p2', 'p3'])
})

test('operations that do not matter for the query are no cause', async () => {
  const { notes, position } = await line(4)
  await notes.update({ ids: ['p1'], documents: ['new text'] })
  const { position: to } = await notes.add({ ids: ['far'], embeddings: [[50, 0]] })
  const { queries } = await notes.explainQuery({ ...origin, nResults: 3 }, position, to)
  expect(queries[0]!.map(({ change }) => change)).toEqual(['unchanged', 'unchanged', 'unchanged'])
})

test('several operations on one record are all told, oldest first; points may be swapped', async () => {
  const { notes, position } = await line(3)
  await notes.update({ ids: ['p3'], embeddings: [[0.5, 0]] }, { actor: 'first' })
  const { position: to } = await notes.update({ ids: ['p3'], embeddings: [[0.25, 0]] }, { actor: 'second' })
  for (const [from, until] of [
    [position, to],
    [to, position],
  ] as const) {
    const { queries } = await notes.explainQuery({ ...origin, nResults: 3 }, from, until)
    const moved = queries[0]!.find(({ id }) => id === 'p3')!
    expect(moved).toMatchObject({ change: 'moved', because: 'own' })
    expect(moved.causes.map(({ actor }) => actor)).toEqual(['first', 'second'])
  }
})

test('of a collection that was deleted: everything left with it', async () => {
  const { client, notes, position } = await line(2)
  const { position: to } = await client.deleteCollection({ name: 'notes' }, { actor: 'eve' })
  const { queries } = await notes.explainQuery(origin, position, to)
  expect(queries[0]!).toMatchObject([
    { id: 'p1', change: 'left', causes: [{ type: 'delete-collection', actor: 'eve' }] },
    { id: 'p2', change: 'left', causes: [{ type: 'delete-collection', actor: 'eve' }] },
  ])
  await expect(notes.explainQuery(origin, 0, 0)).rejects.toMatchObject({ code: 'collection_not_found' })
})

test('texts are embedded once, and several queries are explained one by one', async () => {
  const client = stores.memory()
  const notes = await client.createCollection({ name: 'texts' })
  const { position } = await notes.add({ ids: ['a'], documents: ['a cat sat'] })
  const { position: to } = await notes.add({ ids: ['b'], documents: ['a dog ran'] })
  const { queries } = await notes.explainQuery({ queryTexts: ['cat', 'dog'], nResults: 1 }, position, to)
  expect(queries.map((one) => one.map(({ id, change }) => [id, change]))).toEqual([
    [['a', 'unchanged']],
    [
      ['b', 'entered'],
      ['a', 'left'],
    ],
  ])
})
