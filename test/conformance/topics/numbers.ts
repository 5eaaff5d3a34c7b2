import { describe, expect, test } from 'vitest'
import type { Metadata, Where } from '../../../src/index.ts'
import { all, type Fixture, refusalOf, type Topic, untyped } from '../fixture.ts'

const large = 2n ** 53n
const least = -(2n ** 63n)
const most = 2n ** 63n - 1n

/** What is given, and what is answered: a bigint only where a number would not do. */
const values: Record<string, [given: Metadata[string], answered: Metadata[string]]> = {
  small: [5n, 5],
  safe: [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  safeBigint: [large - 1n, Number.MAX_SAFE_INTEGER],
  large: [large, large],
  odd: [large + 1n, large + 1n],
  minus: [-large - 1n, -large - 1n],
  least: [least, least],
  most: [most, most],
  fraction: [0.1, 0.1],
  list: [
    [1n, most, 3],
    [1, most, 3],
  ],
  floats: [
    [1, 2.5, 3n],
    [1, 2.5, 3],
  ],
  text: ['9007199254740993', '9007199254740993'],
}

const cases: [Where, string[]][] = [
  [{ n: large }, ['large']],
  [{ n: large + 1n }, ['odd']],
  [{ n: { $ne: large + 1n } }, ['one', 'half', 'minus', 'large', 'more', 'most', 'many', 'none']],
  [{ n: 1n }, ['one']],
  [{ n: { $gt: large } }, ['odd', 'more', 'most']],
  [{ n: { $gte: large + 1n } }, ['odd', 'more', 'most']],
  [{ n: { $lt: large + 1n } }, ['one', 'half', 'minus', 'large']],
  [{ n: { $lte: large } }, ['one', 'half', 'minus', 'large']],
  [{ n: { $lt: 0.25 } }, ['minus']],
  [{ n: { $gt: Number.MAX_SAFE_INTEGER } }, ['large', 'odd', 'more', 'most']],
  [{ n: { $in: [1, 0.5, large + 1n] } }, ['one', 'half', 'odd']],
  [{ n: { $in: [large + 2n, 1.5] } }, ['more']],
  [{ n: { $nin: [large, large + 1n, most] } }, ['one', 'half', 'minus', 'more', 'many', 'none']],
  [{ n: { $contains: large + 1n } }, ['many']],
  [{ n: { $contains: large } }, []],
  [{ n: { $gte: least } }, ['one', 'half', 'minus', 'large', 'odd', 'more', 'most']],
]

export const numbers: Topic = (fixture) => {
  const filled = async ({ collection }: Pick<Fixture, 'collection'>) => {
    const notes = await collection()
    const metadatas = {
      one: { n: 1 },
      half: { n: 0.5 },
      minus: { n: -large - 1n },
      large: { n: large },
      odd: { n: large + 1n },
      more: { n: large + 2n },
      most: { n: most },
      many: { n: [large + 1n, large + 3n] },
      none: null,
    }
    const ids = Object.keys(metadatas)
    const embeddings = ids.map((_, index) => [index])
    const { position } = await notes.add({ ids, embeddings, metadatas: Object.values(metadatas) })
    return { notes, ids, position }
  }
  const asAdded = fixture.once(filled)
  // Superseded versions are judged by the matcher, live ones by SQL.
  const superseded = fixture.once(async (kept) => {
    const { notes, ids, position } = await filled(kept)
    await notes.update({ ids, uris: ids })
    return { notes, position }
  })

  /** A collection and its one record hold everything; then an update changes two keys. */
  const written = async () => {
    const client = fixture.client()
    const metadata = Object.fromEntries(Object.entries(values).map(([key, [given]]) => [key, given]))
    const before = Object.fromEntries(Object.entries(values).map(([key, [, answered]]) => [key, answered]))
    const notes = await client.createCollection({ name: 'notes', metadata, embeddingFunction: null })
    const { position } = await notes.add({ ids: ['a'], embeddings: [[1]], metadatas: [metadata] })
    await notes.update({ ids: ['a'], metadatas: [{ most: 1n, fraction: null }] })
    const { fraction: _, ...rest } = before
    return { client, notes, position, before, after: { ...rest, most: 1 } }
  }

  test('integers of 64 bits come back as they are', async () => {
    const { client, notes, before, after } = await written()
    expect(notes.metadata).toStrictEqual(before)
    expect((await client.getCollection({ name: 'notes' })).metadata).toStrictEqual(before)
    expect((await notes.get()).metadatas).toStrictEqual([after])
    expect((await notes.query({ queryEmbeddings: [[1]] })).metadatas).toStrictEqual([[after]])
  })

  test('integers of 64 bits stand in the past as they were', async () => {
    const { client, notes, position, before, after } = await written()
    expect((await notes.asOf(position).get()).metadatas).toStrictEqual([before])
    const versions = await all(notes.history('a'))
    expect(versions.map((version) => version.after?.metadata)).toStrictEqual([before, after])
    const changes = await all(client.changes())
    expect(changes.at(-1)).toMatchObject({ before: { metadata: before }, after: { metadata: after } })
    expect(changes.find(({ type }) => type === 'create-collection')?.state?.metadata).toStrictEqual(before)
  })

  test('a number that no longer says which integer it is, is refused with the way out', async () => {
    const notes = await fixture.collection()
    const add = (n: unknown) => notes.add({ ids: ['a'], embeddings: [[1]], metadatas: [{ n: untyped(n) }] })
    for (const unsafe of [2 ** 53, -(2 ** 53), 1e300])
      expect(await refusalOf(() => add(unsafe))).toMatchObject({
        code: 'invalid_argument',
        hint: expect.stringContaining('bigint'),
      })
    expect((await refusalOf(() => notes.get({ where: { n: 2 ** 53 } }))).hint).toContain('bigint')
    for (const beyond of [most + 1n, least - 1n, [most + 1n], [0.5, large + 1n]])
      expect((await refusalOf(() => add(beyond))).code).toBe('invalid_argument')
    expect((await refusalOf(() => notes.get({ where: { n: most + 1n } }))).code).toBe('invalid_filter')
    expect(await notes.count()).toBe(0)
  })

  describe('filters compare them exactly:', () => {
    const shown = (where: Where) =>
      JSON.stringify(where, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
    test.each(cases.map(([where, ids]) => [shown(where), where, ids] as const))(
      '%s',
      async (_, where, ids) => {
        expect((await (await asAdded()).notes.get({ where })).ids.sort()).toEqual([...ids].sort())
        const { notes, position } = await superseded()
        expect((await notes.asOf(position).get({ where })).ids.sort()).toEqual([...ids].sort())
        expect((await notes.query({ queryEmbeddings: [[0]], where })).ids[0]?.sort()).toEqual([...ids].sort())
      },
    )
  })
}
