import { expect, test } from 'vitest'
import { all, codeOf, type Topic, untyped } from '../fixture.ts'

export const history: Topic = (fixture) => {
  const storied = async () => {
    const notes = await fixture.collection()
    await notes.add(
      { ids: ['a', 'b'], embeddings: [[1], [2]], documents: ['one', 'two'], metadatas: [{ v: 1 }, null] },
      { actor: 'ada', reason: 'first' },
    )
    await notes.update({ ids: ['a'], metadatas: [{ v: 2 }] }, { actor: 'bob' })
    await notes.update({ ids: ['a'], embeddings: [[3]], documents: ['new'] })
    await notes.delete({ ids: ['a'] }, { reason: 'done' })
    await notes.upsert({ ids: ['a'], embeddings: [[4]], uris: ['u'] })
    return notes
  }

  test('tells every version, what was before and after, who and why', async () => {
    const notes = await storied()
    const versions = await all(notes.history('a'))
    const one = { embedding: [1], document: 'one', uri: null, metadata: { v: 1 } }
    const two = { ...one, metadata: { v: 2 } }
    const three = { ...two, embedding: [3], document: 'new' }
    const five = { embedding: [4], document: null, uri: 'u', metadata: null }
    expect(versions).toMatchObject([
      { position: 2, type: 'add', before: null, after: one, actor: 'ada', reason: 'first' },
      { position: 4, type: 'update', before: one, after: two, actor: 'bob', reason: null },
      { position: 5, type: 'update', before: two, after: three, actor: null },
      { position: 6, type: 'delete', before: three, after: null, reason: 'done' },
      { position: 7, type: 'add', before: null, after: five },
    ])
    expect(versions[0]!.commit).toMatchObject({ first: 2, count: 2, actor: 'ada' })
    expect(versions.every(({ committedAt }) => committedAt instanceof Date)).toBe(true)
  })

  test('goes either way, and ends where it is left', async () => {
    const notes = await storied()
    const positions = (await all(notes.history('a', { order: 'desc' }))).map(({ position }) => position)
    expect(positions).toEqual([7, 6, 5, 4, 2])
    for await (const { position } of notes.history('a', { order: 'desc' })) {
      expect(position).toBe(7)
      break
    }
  })

  test('of a past view ends there', async () => {
    const notes = await storied()
    const types = async (at: number) => (await all(notes.asOf(at).history('a'))).map(({ type }) => type)
    expect(await types(4)).toEqual(['add', 'update'])
    expect(await types(6)).toEqual(['add', 'update', 'update', 'delete'])
    expect(await types(1)).toEqual([])
  })

  test('of an id that was never there is empty', async () => {
    expect(await all((await storied()).history('never'))).toEqual([])
  })

  test('of a deleted collection is read as of a time when it was there', async () => {
    const client = fixture.client()
    const notes = await fixture.collection({ client })
    const { position } = await notes.add({ ids: ['a'], embeddings: [[1]] })
    await client.deleteCollection({ name: 'notes' })
    expect(await codeOf(() => all(notes.history('a')))).toBe('collection_not_found')
    expect(await all(notes.asOf(position).history('a'))).toHaveLength(1)
  })

  test('is one history for each collection', async () => {
    const client = fixture.client()
    const one = await fixture.collection({ client, name: 'one' })
    const two = await fixture.collection({ client, name: 'two' })
    await one.add({ ids: ['a'], embeddings: [[1]] })
    await two.add({ ids: ['a'], embeddings: [[2]] })
    await one.delete({ ids: ['a'] })
    expect((await all(one.history('a'))).map(({ type }) => type)).toEqual(['add', 'delete'])
    expect((await all(two.history('a'))).map(({ type }) => type)).toEqual(['add'])
  })

  const untouched = fixture.once((kept) => kept.collection())
  test.each([[7], [''], [null], ['a\0b']])('refuses the id %j', async (id) => {
    const notes = await untouched()
    expect(await codeOf(() => all(notes.history(untyped(id))))).toBe('invalid_argument')
  })

  test('refuses options that it does not know', async () => {
    const notes = await untouched()
    expect(await codeOf(() => all(notes.history('a', untyped({ order: 'up' }))))).toBe('invalid_argument')
    expect(await codeOf(() => all(notes.history('a', untyped({ limit: 1 }))))).toBe('unsupported_option')
  })
}
