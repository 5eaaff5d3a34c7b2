/**
 * Differences between two points, against a model: the state of every collection at every position, kept as
 * plain maps. What must hold: the differences from a to b, applied to the state at a, give the state at b, and
 * nothing is told that is the same at both.
 */
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import type { Difference, RecordDifference } from '../../src/audit/diff.ts'
import type { Client } from '../../src/client/api.ts'
import type { Collection } from '../../src/client/collection-api.ts'
import type { Metadata, RecordImage } from '../../src/types.ts'
import { gather, Stores, steppedClock } from './support.ts'

const stores = new Stores()
afterEach(() => stores.release())

type Records = Map<string, RecordImage>
/** Collections by UUID: name, metadata, records. */
type State = Map<string, { name: string; metadata: Metadata | null; records: Records }>

async function stateAt(client: Client, position: number): Promise<State> {
  const state: State = new Map()
  for (const collection of await client.asOf(position).listCollections({ limit: 1000 })) {
    const { ids, embeddings, documents, metadatas, uris } = await collection.get({
      include: ['embeddings', 'documents', 'metadatas', 'uris'],
    })
    const records: Records = new Map()
    ids.forEach((id, index) => {
      const [embedding, document] = [embeddings![index]!, documents![index]!]
      records.set(id, { embedding, document, metadata: metadatas![index]!, uri: uris![index]! })
    })
    state.set(collection.id, { name: collection.name, metadata: collection.metadata, records })
  }
  return state
}

/** Applies differences in their order; fails where one does not fit what it is applied to. */
function apply(state: State, differences: readonly Difference[]): State {
  for (const difference of differences) {
    if (difference.subject === 'collection') applyToCollection(state, difference)
    else applyToRecord(state, difference)
  }
  return state
}

function applyToCollection(state: State, difference: Difference & { subject: 'collection' }): void {
  const { kind, collection, before, after } = difference
  const standing = state.get(collection)
  expect(standing?.name).toEqual(before?.name)
  if (kind === 'created')
    state.set(collection, { name: after!.name, metadata: after!.metadata, records: new Map() })
  // Its records follow, one by one; it goes when it is empty.
  else if (kind === 'deleted') standing!.name = ''
  else Object.assign(standing!, { name: after!.name, metadata: after!.metadata })
}

function applyToRecord(state: State, { kind, collection, id, before, after }: RecordDifference): void {
  const { records } = state.get(collection)!
  expect(records.get(id) ?? null).toEqual(before)
  expect([kind === 'added', kind === 'deleted']).toEqual([before === null, after === null])
  if (after === null) records.delete(id)
  else records.set(id, after)
}

function standing(state: State): State {
  for (const [id, { name, records }] of state)
    if (name === '') expect([state.delete(id), records.size]).toEqual([true, 0])
  return state
}

/** Records that stand in both states and are the same in both must not be told. */
function expectNothingIdle(before: State, after: State, differences: readonly Difference[]): void {
  const told = new Set<string>()
  for (const difference of differences) {
    const key =
      difference.subject === 'record' ? `${difference.collection} ${difference.id}` : difference.collection
    expect(told.has(key)).toBe(false)
    told.add(key)
    if (difference.subject === 'collection') continue
    const old = before.get(difference.collection)?.records.get(difference.id)
    const now = after.get(difference.collection)?.records.get(difference.id)
    expect(old ?? null).not.toEqual(now ?? null)
  }
}

const ids = ['a', 'b', 'c', 'd']
const names = ['one', 'two']
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('upsert' as const),
      what: fc.nat(3),
      picks: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      what: fc.nat(3),
      picks: fc.array(fc.nat(3), { minLength: 1, maxLength: 2 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('modify' as const), what: fc.nat(3), picks: fc.constant([]) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('drop' as const),
      what: fc.constant(0),
      picks: fc.constant([]),
    }),
  },
)
type Step = {
  kind: 'upsert' | 'delete' | 'modify' | 'drop'
  what: number
  picks: readonly number[]
  on: number
}

async function take(client: Client, { kind, what, picks, on }: Step): Promise<void> {
  const name = names[on]!
  const collection = await client.getOrCreateCollection({ name, embeddingFunction: null })
  const chosen = [...new Set(picks)].map((pick) => ids[pick]!)
  if (kind === 'delete') await collection.delete({ ids: chosen })
  else if (kind === 'modify') await collection.modify({ metadata: { note: what } })
  else if (kind === 'drop') await client.deleteCollection({ name })
  else
    await collection.upsert({
      ids: chosen,
      embeddings: what === 3 ? chosen.map(() => [9, 9]) : chosen.map((_, index) => [what, index]),
      ...(what !== 1 && { documents: chosen.map((id) => `${id} ${what}`) }),
      ...(what !== 2 && { metadatas: chosen.map(() => ({ what, [`key${what}`]: true })) }),
      ...(what === 0 && { uris: chosen.map((id) => `file:${id}`) }),
    })
}

test('applied to the state at a, the differences give the state at b: any writes, any two positions', async () => {
  const steps = fc.array(fc.tuple(step, fc.nat(1)), { minLength: 1, maxLength: 25 })
  await fc.assert(
    fc.asyncProperty(steps, async (taken) => {
      const client = stores.memory()
      const heads = [0]
      for (const [one, on] of taken) {
        await take(client, { ...one, on })
        heads.push((await client.stats()).head)
      }
      const states = new Map<number, State>()
      for (const head of heads) states.set(head, await stateAt(client, head))
      for (const from of heads.filter((_, index) => index % 3 === 0))
        for (const to of heads) {
          const differences = await gather(client.diff(from, to))
          const before = structuredClone(states.get(from)!)
          expect(standing(apply(before, differences))).toEqual(states.get(to)!)
          expectNothingIdle(states.get(from)!, states.get(to)!, differences)
        }
      await client.close()
    }),
    { numRuns: Number(process.env.ANNALS_DIFF_RUNS ?? 25) },
  )
})

describe('the diff of one collection', () => {
  async function notes(): Promise<{ collection: Collection; client: Client }> {
    const client = stores.memory()
    return { client, collection: await client.createCollection({ name: 'notes', embeddingFunction: null }) }
  }

  test('tells what changed in each record, and who was the last to change it', async () => {
    const { collection } = await notes()
    const { position: from } = await collection.add({
      ids: ['kept', 'changed', 'gone', 'back'],
      embeddings: [[1], [2], [3], [4]],
      documents: ['k', 'c', 'g', 'b'],
      metadatas: [null, { topic: 'x', page: 1, old: true }, null, { n: 1 }],
    })
    await collection.update({ ids: ['changed'], metadatas: [{ topic: 'y' }] }, { actor: 'ada' })
    await collection.update(
      { ids: ['changed'], embeddings: [[2.5]], documents: ['c!'], metadatas: [{ old: null, extra: 'e' }] },
      { actor: 'bob', reason: 'review' },
    )
    await collection.delete({ ids: ['gone'] }, { actor: 'eve' })
    await collection.add({ ids: ['brief'], embeddings: [[5]] })
    await collection.delete({ ids: ['brief'] })
    await collection.update({ ids: ['back'], metadatas: [{ n: 2 }] })
    await collection.update({ ids: ['back'], metadatas: [{ n: 1 }] })
    const { position: to } = await collection.add({ ids: ['new'], embeddings: [[6]] }, { actor: 'ada' })

    const { added, updated, deleted, collections } = await collection.diff(from, to).collect()
    expect(collections).toEqual([])
    expect(added.map(({ id, by }) => [id, by.actor])).toEqual([['new', 'ada']])
    expect(deleted.map(({ id, by, after }) => [id, by.actor, after])).toEqual([['gone', 'eve', null]])
    expect(updated).toMatchObject([
      {
        id: 'changed',
        collectionName: 'notes',
        before: { document: 'c', embedding: [2], metadata: { topic: 'x', page: 1, old: true } },
        after: { document: 'c!', embedding: [2.5], metadata: { topic: 'y', page: 1, extra: 'e' } },
        changed: { embedding: true, document: true, uri: false, metadata: ['extra', 'old', 'topic'] },
        by: { actor: 'bob', reason: 'review', type: 'update', id: 'changed' },
      },
    ])
  })

  test('leads back when the points are swapped', async () => {
    const { collection } = await notes()
    const { position: from } = await collection.add({ ids: ['a', 'b'], embeddings: [[1], [2]] })
    await collection.delete({ ids: ['a'] })
    const { position: to } = await collection.upsert({ ids: ['b', 'c'], embeddings: [[3], [4]] })
    const [there, back] = [await gather(collection.diff(from, to)), await gather(collection.diff(to, from))]
    expect(there.map(({ kind, id }) => [kind, id])).toEqual([
      ['deleted', 'a'],
      ['updated', 'b'],
      ['added', 'c'],
    ])
    expect(back.map(({ kind, id }) => [kind, id])).toEqual([
      ['added', 'a'],
      ['updated', 'b'],
      ['deleted', 'c'],
    ])
    back.forEach(({ before, after }, index) => {
      expect([after, before]).toEqual([there[index]!.before, there[index]!.after])
    })
    expect(await gather(collection.diff(to, to))).toEqual([])
  })

  test('takes instants, and is a stream that can be left', async () => {
    const clock = steppedClock()
    const client = stores.memory(clock)
    const collection = await client.createCollection({ name: 'notes', embeddingFunction: null })
    await collection.add({ ids: ['a'], embeddings: [[1]] })
    const before = new Date(clock.now())
    clock.advance(1000)
    const many = Array.from({ length: 1000 }, (_, index) => `n${index}`)
    await collection.add({ ids: many, embeddings: many.map(() => [0]) })
    clock.advance(1000)
    await collection.delete({ ids: ['a'] })
    let seen = 0
    for await (const { kind } of collection.diff(before, new Date(clock.now() - 1))) {
      expect(kind).toBe('added')
      seen += 1
      if (seen === 300) break
    }
    expect((await collection.diff(before, new Date(clock.now())).collect()).deleted).toHaveLength(1)
  })

  test('of a collection that was not there yet, or is not any more, is all of its records', async () => {
    const { client, collection } = await notes()
    const many = Array.from({ length: 300 }, (_, index) => `n${index}`)
    const { position } = await collection.add({ ids: many, embeddings: many.map(() => [0]) })
    await collection.update({ ids: many.slice(0, 150), embeddings: many.slice(0, 150).map(() => [1]) })
    const { position: end } = await client.deleteCollection({ name: 'notes' })
    expect((await collection.diff(0, position).collect()).added).toHaveLength(300)
    const { deleted } = await collection.diff(position, end).collect()
    expect(new Set(deleted.map(({ id }) => id)).size).toBe(300)
    expect(
      deleted.every(({ by, before }) => by.type === 'delete-collection' && before!.embedding[0] === 0),
    ).toBe(true)
    expect(await gather(collection.diff(0, end))).toEqual([])
  })

  test('refuses points that are none', async () => {
    const { collection } = await notes()
    expect(() => collection.diff(-1, 2)).toThrow(expect.objectContaining({ code: 'invalid_argument' }))
    await expect(gather(collection.diff(0, 99))).rejects.toMatchObject({ code: 'position_not_reached' })
  })
})

test('the diff of a client tells of collections, and only of its own database', async () => {
  const client = stores.memory()
  const kept = await client.createCollection({ name: 'kept', metadata: { v: 1 }, embeddingFunction: null })
  const gone = await client.createCollection({ name: 'gone', embeddingFunction: null })
  const { position: from } = await gone.add({ ids: ['x'], embeddings: [[1]] })
  await kept.modify({ name: 'renamed', metadata: { v: 2 } }, { actor: 'ada' })
  await client.deleteCollection({ name: 'gone' }, { actor: 'bob' })
  const made = await client.createCollection({ name: 'made', embeddingFunction: null })
  await client.createDatabase({ name: 'elsewhere' })
  const { position: to } = await made.add({ ids: ['y'], embeddings: [[1]] })
  const told = await gather(client.diff(from, to))
  expect(told.map(({ subject, kind, collectionName }) => [subject, kind, collectionName])).toEqual([
    ['collection', 'deleted', 'gone'],
    ['record', 'deleted', 'gone'],
    ['collection', 'created', 'made'],
    ['record', 'added', 'made'],
    ['collection', 'modified', 'renamed'],
  ])
  expect(told.at(-1)).toMatchObject({
    before: { name: 'kept', metadata: { v: 1 } },
    after: { name: 'renamed', metadata: { v: 2 } },
    changed: { name: true, metadata: ['v'], configuration: false },
    by: { actor: 'ada' },
  })
})
