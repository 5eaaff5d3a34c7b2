import { describe, expect, test } from 'vitest'
import { all, codeOf, headOf, points, refusalOf, type Topic } from '../fixture.ts'

export const writeOptions: Topic = (fixture) => {
  describe('receipts', () => {
    test('name the position after the write, and the way back before it', async () => {
      const notes = await fixture.collection()
      const first = await notes.add({ ids: ['a', 'b'], embeddings: points(2) })
      const second = await notes.upsert({
        ids: ['b', 'c'],
        embeddings: points(2),
        metadatas: [{ v: 2 }, { v: 2 }],
      })
      const third = await notes.delete({ ids: ['a', 'b', 'x'] })
      const idsAt = async (position: number) => (await notes.asOf(position).get()).ids
      expect([first, second, third].map(({ count }) => count)).toEqual([2, 2, 2])
      expect(second.position).toBe(first.position + 2)
      expect(await idsAt(first.position)).toEqual(['a', 'b'])
      expect(await idsAt(first.position - first.count)).toEqual([])
      expect(await idsAt(second.position)).toEqual(['a', 'b', 'c'])
      expect(await idsAt(third.position)).toEqual(['c'])
      expect(await idsAt(third.position - third.count)).toEqual(['a', 'b', 'c'])
      expect(first.committedAt).toBeInstanceOf(Date)
      expect(third.committedAt >= first.committedAt).toBe(true)
    })

    test('of a write that changes nothing name the head', async () => {
      const client = fixture.client()
      const notes = await fixture.collection({ client })
      const { position } = await notes.add({ ids: ['a'], embeddings: [[1]] })
      await client.createCollection({ name: 'others' })
      const head = await headOf(client)
      expect(head).toBe(position + 1)
      for (const receipt of [
        await notes.add({ ids: ['a'], embeddings: [[2]] }),
        await notes.update({ ids: ['x'], metadatas: [{ k: 1 }] }),
        await notes.delete({ ids: ['x'] }),
      ])
        expect(receipt).toMatchObject({ position: head, count: 0 })
      expect(await headOf(client)).toBe(head)
    })

    test('of creating and deleting count operations too', async () => {
      const client = fixture.client()
      expect(await client.createTenant({ name: 'acme' })).toMatchObject({ position: 1, count: 1 })
      expect(await client.createDatabase({ name: 'main' })).toMatchObject({ position: 2, count: 1 })
      await client.createCollection({ name: 'notes' })
      expect(await client.deleteCollection({ name: 'notes' })).toMatchObject({ position: 4, count: 1 })
      expect(await client.deleteDatabase({ name: 'main' })).toMatchObject({ position: 5, count: 1 })
    })
  })

  describe('actor and reason', () => {
    test('are kept with every operation of the write', async () => {
      const client = fixture.client()
      const by = { actor: 'ada', reason: 'import №1' }
      const notes = await client.createCollection({ name: 'notes', embeddingFunction: null }, by)
      await notes.add({ ids: ['a', 'b'], embeddings: points(2) }, { actor: 'bob' })
      await notes.modify({ name: 'renamed' }, { reason: 'typo' })
      await notes.delete({ ids: ['a'] })
      await client.deleteCollection({ name: 'renamed' }, by)
      const told = (await all(client.changes())).map(({ type, actor, reason }) => [type, actor, reason])
      expect(told).toEqual([
        ['create-collection', 'ada', 'import №1'],
        ['add', 'bob', null],
        ['add', 'bob', null],
        ['modify-collection', null, 'typo'],
        ['delete', null, null],
        ['delete-collection', 'ada', 'import №1'],
      ])
    })
  })

  describe('an idempotency key', () => {
    test('answers a repeated write with the first commit, and writes nothing', async () => {
      const client = fixture.client()
      const notes = await fixture.collection({ client })
      const once = { idempotencyKey: 'import-7' }
      const first = await notes.add({ ids: ['a', 'b'], embeddings: points(2) }, once)
      await notes.delete({ ids: ['a'] })
      const head = await headOf(client)
      expect(await notes.add({ ids: ['a', 'b'], embeddings: points(2) }, once)).toEqual(first)
      expect(await notes.delete({ ids: ['b'] }, once)).toEqual(first)
      expect(await headOf(client)).toBe(head)
      expect((await notes.get()).ids).toEqual(['b'])
    })

    test('holds for writes that are under way at once', async () => {
      const notes = await fixture.collection()
      const once = { idempotencyKey: 'k' }
      const receipts = await Promise.all(
        ['a', 'b', 'c'].map((id) => notes.add({ ids: [id], embeddings: [[1]] }, once)),
      )
      expect(new Set(receipts.map(({ position }) => position)).size).toBe(1)
      expect((await notes.get()).ids).toEqual(['a'])
    })

    test('is not used up by a write that was refused or changed nothing', async () => {
      const notes = await fixture.collection()
      const once = { idempotencyKey: 'k' }
      await notes.add({ ids: ['a'], embeddings: [[1]] })
      expect(await codeOf(() => notes.add({ ids: ['b'], embeddings: [[1, 2]] }, once))).toBe(
        'dimension_mismatch',
      )
      expect((await notes.delete({ ids: ['x'] }, once)).count).toBe(0)
      expect((await notes.add({ ids: ['b'], embeddings: [[1]] }, once)).count).toBe(1)
    })

    test('that was used for another collection is refused', async () => {
      const client = fixture.client()
      const notes = await fixture.collection({ client })
      const others = await client.createCollection({ name: 'others' })
      const once = { idempotencyKey: 'k' }
      await notes.add({ ids: ['a'], embeddings: [[1]] }, once)
      expect(await codeOf(() => others.add({ ids: ['a'], embeddings: [[1]] }, once))).toBe('conflict')
      expect(await others.count()).toBe(0)
    })

    test('makes repeating the creation of a collection safe', async () => {
      const client = fixture.client()
      const once = { idempotencyKey: 'make' }
      const first = await client.createCollection({ name: 'notes' }, once)
      const again = await client.createCollection({ name: 'notes' }, once)
      expect(again.id).toBe(first.id)
    })

    test('counts in its own database: elsewhere it is another key', async ({ skip }) => {
      const place = fixture.place()
      if (!place.isShared) skip('this client has its store for itself')
      const once = { idempotencyKey: 'k' }
      await place.open().createTenant({ name: 'acme' }, once)
      const ids = new Set<string>()
      for (const tenant of ['default_tenant', 'acme'])
        for (const database of ['one', 'two']) {
          const client = place.open({ tenant, database })
          await client.createDatabase({ name: database })
          const notes = await client.createCollection({ name: 'notes' }, once)
          const again = await client.createCollection({ name: 'notes' }, once)
          expect([notes.tenant, notes.database, again.id]).toEqual([tenant, database, notes.id])
          ids.add(notes.id)
        }
      expect(ids.size).toBe(4)
    })

    test('that made, deleted or forked something is refused for another name', async () => {
      const client = fixture.client()
      const make = { idempotencyKey: 'make' }
      const notes = await client.createCollection({ name: 'notes' }, make)
      await notes.modify({ name: 'renamed' })
      expect((await client.createCollection({ name: 'notes' }, make)).id).toBe(notes.id)
      expect(await codeOf(() => client.createCollection({ name: 'others' }, make))).toBe('conflict')
      await notes.add({ ids: ['a'], embeddings: [[1]] })
      const fork = { idempotencyKey: 'fork' }
      const copy = await notes.fork({ name: 'copy' }, fork)
      expect((await notes.fork({ name: 'copy' }, fork)).id).toBe(copy.id)
      expect(await codeOf(() => notes.fork({ name: 'second' }, fork))).toBe('conflict')
      const remove = { idempotencyKey: 'remove' }
      const { position } = await client.deleteCollection({ name: 'copy' }, remove)
      expect((await client.deleteCollection({ name: 'copy' }, remove)).position).toBe(position)
      expect(await codeOf(() => client.deleteCollection({ name: 'renamed' }, remove))).toBe('conflict')
      expect(await codeOf(() => client.createCollection({ name: 'copy' }, remove))).toBe('conflict')
      expect((await client.listCollections()).map(({ name }) => name)).toEqual(['renamed'])
    })

    test('of a database that was deleted with its collections is known again', async () => {
      const client = fixture.client({ database: 'other' })
      const once = { idempotencyKey: 'k' }
      await client.createDatabase({ name: 'other' })
      await client.createCollection({ name: 'notes' })
      const gone = await client.deleteDatabase({ name: 'other' }, once)
      expect(gone.count).toBe(2)
      expect(await client.deleteDatabase({ name: 'other' }, once)).toEqual(gone)
    })
  })

  describe('an expected position', () => {
    test('lets a write through when nothing else was written in between', async () => {
      const client = fixture.client()
      const notes = await fixture.collection({ client })
      const { position } = await notes.add({ ids: ['a'], embeddings: [[1]] })
      await client.createCollection({ name: 'elsewhere' })
      const next = await notes.update({ ids: ['a'], embeddings: [[2]] }, { expectedPosition: position })
      await notes.delete({ ids: ['a'] }, { expectedPosition: next.position })
    })

    test('refuses it otherwise, and names the position', async () => {
      const client = fixture.client()
      const notes = await fixture.collection({ client })
      const { position } = await notes.add({ ids: ['a'], embeddings: [[1]] })
      await notes.add({ ids: ['b'], embeddings: [[1]] })
      const head = await headOf(client)
      const stale = { expectedPosition: position }
      for (const run of [
        () => notes.add({ ids: ['c'], embeddings: [[1]] }, stale),
        () => notes.update({ ids: ['a'], metadatas: [{ k: 1 }] }, stale),
        () => notes.delete({ ids: ['a'] }, stale),
        () => notes.modify({ name: 'new' }, stale),
        () => client.deleteCollection({ name: 'notes' }, stale),
      ]) {
        const error = await refusalOf(run)
        expect(error).toMatchObject({ code: 'conflict', status: 409, fate: 'not_written', position: head })
        expect(error.message).toContain(String(position))
      }
      expect(await headOf(client)).toBe(head)
    })

    test('lets one of many through', async () => {
      const notes = await fixture.collection()
      const { position } = await notes.add({ ids: ['n'], embeddings: [[1]], metadatas: [{ n: 0 }] })
      const tries = await Promise.allSettled(
        [1, 2, 3, 4].map((n) =>
          notes.update({ ids: ['n'], metadatas: [{ n }] }, { expectedPosition: position }),
        ),
      )
      expect(tries.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'rejected'])
      expect((await notes.get()).metadatas).toEqual([{ n: 1 }])
    })

    test('counts a change of the collection itself', async () => {
      const client = fixture.client()
      const notes = await fixture.collection({ client })
      const { position } = await notes.add({ ids: ['a'], embeddings: [[1]] })
      const { position: renamed } = await notes.modify({ name: 'renamed' })
      await client.stats()
      const add = (expectedPosition: number) =>
        notes.add({ ids: ['b'], embeddings: [[1]] }, { expectedPosition })
      expect(await codeOf(() => add(position))).toBe('conflict')
      expect((await add(renamed)).count).toBe(1)
    })

    test('is refused where there is nothing to expect', async () => {
      const client = fixture.client()
      const expected = { expectedPosition: 0 }
      expect(await codeOf(() => client.createTenant({ name: 'acme' }, expected))).toBe('unsupported_option')
      expect(await codeOf(() => client.createCollection({ name: 'notes' }, expected))).toBe(
        'unsupported_option',
      )
      expect(await headOf(client)).toBe(0)
    })
  })

  const untouched = fixture.once(async (kept) => {
    const client = kept.client()
    return { client, notes: await kept.collection({ client }) }
  })
  test.each<[object, string, string]>([
    [{ actor: 7 }, 'invalid_argument', '7'],
    [{ actor: 'x'.repeat(257) }, 'limit_exceeded', '257'],
    [{ reason: 'x'.repeat(1025) }, 'limit_exceeded', '1025'],
    [{ idempotencyKey: '' }, 'invalid_argument', 'idempotencyKey'],
    [{ idempotencyKey: 'x'.repeat(257) }, 'limit_exceeded', '257'],
    [{ expectedPosition: -1 }, 'invalid_argument', '-1'],
    [{ expectedPosition: '3' }, 'invalid_argument', '"3"'],
    [{ actr: 'ada' }, 'unsupported_option', '"actr"'],
  ])('%j is refused', async (options, code, named) => {
    const { client, notes } = await untouched()
    const head = await headOf(client)
    for (const run of [
      () => notes.add({ ids: ['a'], embeddings: [[1]] }, options),
      () => client.createTenant({ name: 'acme' }, options),
    ]) {
      const error = await refusalOf(run)
      expect(error).toMatchObject({ code, fate: 'not_written' })
      expect(error.message).toContain(named)
    }
    expect(await headOf(client)).toBe(head)
  })
}
