import { describe, expect, test } from 'vitest'
import type { Metadata, Where, WhereDocument } from '../../../src/index.ts'
import { type Fixture, refusalOf, type Topic, untyped } from '../fixture.ts'

interface Sample {
  metadata: Metadata | null
  document: string | null
}

const metadatas: Record<string, Metadata | null> = {
  one: { n: 1, s: 'a', yes: true, tags: ['x', 'y'] },
  half: { n: 1.5, s: 'b', yes: false, tags: ['y'] },
  two: { n: 2, s: 'A', tags: ['xy'] },
  text: { n: '1', s: '', yes: 'true', tags: 'x' },
  minus: { n: -1, s: 'ä', numbers: [1, 2.5] },
  flags: { n: 0, flags: [true], s: 'a\0b' },
  none: null,
}

const documents: Record<string, string | null> = {
  hello: 'Hello world',
  lower: 'hello World',
  short: 'lo',
  empty: '',
  nul: 'a\0lo\0b',
  greek: 'αβγδ Ωμέγα',
  emoji: 'go 👩‍👩‍👧 👍🏽 end',
  accents: 'cafe\u0301 café',
  lines: 'first line\nsecond line\r\nthird',
  percent: '100% _sure_ "quoted" it\'s * ^$',
  nothing: null,
}

const metadataCases: [Where, string][] = [
  [{ n: 1 }, 'one'],
  [{ '#id': 'two' }, 'two'],
  [{ '#id': { $in: ['text', 'half', 'absent'] } }, 'half text'],
  [{ $and: [{ '#id': { $nin: ['half'] } }, { n: { $gt: 1 } }] }, 'two'],
  [{ n: 1.5 }, 'half'],
  [{ n: '1' }, 'text'],
  [{ n: { $eq: 1 } }, 'one'],
  [{ s: 'a' }, 'one'],
  [{ s: 'A' }, 'two'],
  [{ s: '' }, 'text'],
  [{ s: 'ä' }, 'minus'],
  [{ s: 'a\0b' }, 'flags'],
  [{ s: { $in: ['a\0b', 'ä'] } }, 'minus flags'],
  [{ yes: true }, 'one'],
  [{ yes: 'true' }, 'text'],
  [{ yes: { $ne: true } }, 'half two text minus flags none'],
  [{ n: { $ne: 1 } }, 'half two text minus flags none'],
  [{ missing: { $ne: 1 } }, 'one half two text minus flags none'],
  [{ missing: 1 }, ''],
  [{ n: { $gt: 1 } }, 'half two'],
  [{ n: { $gte: 1 } }, 'one half two'],
  [{ n: { $gte: 0.5 } }, 'one half two'],
  [{ n: { $lt: 1.5 } }, 'one minus flags'],
  [{ n: { $lte: 1.5 } }, 'one half minus flags'],
  [{ n: { $lt: -0.5 } }, 'minus'],
  [{ n: { $in: [1, 1.5] } }, 'one half'],
  [{ n: { $in: [1.5, 1] } }, 'one half'],
  [{ n: { $in: ['1'] } }, 'text'],
  [{ n: { $nin: [1, 2] } }, 'half text minus flags none'],
  [{ yes: { $in: [true] } }, 'one'],
  [{ yes: { $nin: [true, false] } }, 'two text minus flags none'],
  [{ tags: { $contains: 'x' } }, 'one'],
  [{ tags: { $contains: 'y' } }, 'one half'],
  [{ tags: { $not_contains: 'y' } }, 'two text minus flags none'],
  [{ numbers: { $contains: 1 } }, 'minus'],
  [{ numbers: { $contains: 2.5 } }, 'minus'],
  [{ numbers: { $contains: 2 } }, ''],
  [{ flags: { $contains: true } }, 'flags'],
  [{ flags: { $contains: false } }, ''],
  // An array equals none of its elements.
  [{ tags: 'y' }, ''],
  [{ tags: { $ne: 'x' } }, 'one half two minus flags none'],
  [{ $and: [{ n: { $gte: 1 } }, { n: { $lt: 2 } }] }, 'one half'],
  [{ $or: [{ n: 1 }, { s: 'A' }] }, 'one two'],
  [{ $and: [{ $or: [{ n: 1 }, { n: 2 }] }, { tags: { $contains: 'x' } }] }, 'one'],
  [{ $or: [{ $and: [{ n: 1 }, { n: 2 }] }, { s: 'b' }] }, 'half'],
  [{ $and: [{ n: 1 }] }, 'one'],
  [{ $and: [] }, 'one half two text minus flags none'],
  [{ $or: [] }, ''],
]

const documentCases: [WhereDocument, string][] = [
  [{ $contains: 'lo' }, 'hello lower short nul'],
  [{ $contains: 'hello' }, 'lower'],
  [{ $contains: 'world' }, 'hello'],
  [{ $contains: '' }, 'hello lower short empty nul greek emoji accents lines percent'],
  [{ $contains: 'o' }, 'hello lower short nul emoji lines percent'],
  [{ $not_contains: 'o' }, 'empty greek accents nothing'],
  [{ $not_contains: '' }, 'nothing'],
  [{ $contains: 'a\0' }, 'nul'],
  [{ $contains: '\0lo\0' }, 'nul'],
  [{ $contains: 'lo\0b' }, 'nul'],
  [{ $contains: '\ufffd' }, ''],
  [{ $contains: 'βγ' }, 'greek'],
  [{ $contains: 'ωμέγα' }, ''],
  [{ $contains: '👩' }, 'emoji'],
  [{ $contains: '👩‍👩' }, 'emoji'],
  [{ $contains: '👍🏽 e' }, 'emoji'],
  [{ $contains: 'café' }, 'accents'],
  [{ $contains: 'cafe' }, 'accents'],
  [{ $contains: 'é' }, 'accents'],
  [{ $contains: 'line\n' }, 'lines'],
  [{ $contains: '%' }, 'percent'],
  [{ $contains: '_sure_ "quoted" it\'s' }, 'percent'],
  [{ $contains: '*' }, 'percent'],
  [{ $contains: '"' }, 'percent'],
  [{ $contains: '^$' }, 'percent'],
  [{ $regex: '^Hello' }, 'hello'],
  [{ $regex: '(?i)^hello' }, 'hello lower'],
  [{ $regex: 'l{2,}o' }, 'hello lower'],
  [{ $regex: '^$' }, 'empty'],
  [{ $regex: '\\bworld\\b' }, 'hello'],
  [{ $regex: '(?m)^second' }, 'lines'],
  [{ $regex: '\\d+%' }, 'percent'],
  [{ $regex: '\\w+έ\\w+' }, 'greek'],
  [{ $not_regex: '[a-z]' }, 'empty greek nothing'],
  [{ $regex: 'a.lo' }, 'nul'],
  [{ $and: [{ $contains: 'o' }, { $not_contains: 'w' }] }, 'lower short nul emoji lines percent'],
  [{ $or: [{ $contains: 'zzz' }, { $regex: '^lo$' }] }, 'short'],
  [{ $and: [] }, 'hello lower short empty nul greek emoji accents lines percent nothing'],
  [{ $or: [] }, ''],
]

const refusedWhere: [unknown, string][] = [
  [{}, 'exactly one key'],
  [{ a: 1, b: 2 }, 'exactly one key'],
  [{ a: { $gt: 1, $lt: 2 } }, 'exactly one key'],
  [{ a: null }, 'null'],
  [{ a: { $gt: 'x' } }, '"x"'],
  [{ a: { $lt: true } }, 'true'],
  [{ a: { $in: [] } }, '$in'],
  [{ a: { $in: [1, 'x'] } }, '"x"'],
  [{ a: { $in: 'x' } }, '"x"'],
  [{ a: { $regex: 'x' } }, '$regex'],
  [{ a: { $like: 'x' } }, '"$like"'],
  [{ $not: { a: 1 } }, '"$not"'],
  [{ $and: { a: 1 } }, '$and'],
  [{ $and: [1] }, '$and[0]'],
  [{ a: ['x'] }, 'an array of 1'],
  [{ a: { $eq: [1] } }, '$eq'],
  [{ a: { $eq: Number.NaN } }, 'NaN'],
  [{ a: { $gt: Number.POSITIVE_INFINITY } }, 'Infinity'],
  [{ a: 2 ** 53 }, '9007199254740992'],
  [{ '#document': 'x' }, '"x"'],
  [{ '#document': { $eq: 'x' } }, '"$eq"'],
  [{ '#id': 7 }, '7'],
  [{ '#id': { $gt: 'x' } }, '"$gt"'],
  [{ '#score': 'x' }, '#score'],
  [{ '': 1 }, 'empty'],
  ['a = 1', '"a = 1"'],
  [[], 'array'],
  [7, '7'],
]

const refusedWhereDocument: [unknown, string][] = [
  [{}, 'exactly one key'],
  ['x', '"x"'],
  [{ $contains: 7 }, '7'],
  [{ $contains: ['x'] }, 'array'],
  [{ $matches: 'x' }, '"$matches"'],
  [{ $eq: 'x' }, '"$eq"'],
  [{ $regex: '(' }, '$regex'],
  [{ $regex: '(?=x)' }, 'look-around'],
  [{ $regex: '(a)\\1' }, '$regex'],
  [{ $contains: '\ud800' }, 'Unicode'],
]

/** Every case in one collection, asked in every way that takes a filter. */
async function filled(fixture: Fixture, samples: Record<string, Sample>) {
  const notes = await fixture.collection()
  const keys = Object.keys(samples)
  await notes.add({
    ids: keys,
    embeddings: keys.map((_, index) => [index]),
    metadatas: keys.map((key) => samples[key]!.metadata),
    documents: keys.map((key) => samples[key]!.document),
  })
  // What a filter met once must not be met again, under another id or in another collection.
  await notes.add({
    ids: ['gone'],
    embeddings: [[0]],
    metadatas: [{ n: 1, s: 'a' }],
    documents: ['Hello lo'],
  })
  const { position } = await notes.delete({ ids: ['gone'] })
  return { notes, position }
}

async function check(
  fixture: Fixture,
  samples: Record<string, Sample>,
  cases: [object, string][],
  name: string,
) {
  const { notes, position } = await filled(fixture, samples)
  // Touched by later writes, so that the past is not just what is there now.
  const answers: Record<string, unknown> = {}
  const wanted: Record<string, unknown> = {}
  for (const [filter, ids] of cases) {
    const key = JSON.stringify(filter)
    const options = { [name]: filter }
    const { ids: found } = await notes.query({ queryEmbeddings: [[0]], nResults: 50, ...options })
    answers[key] = [(await notes.get(options)).ids, found[0]]
    const list = ids === '' ? [] : ids.split(' ')
    wanted[key] = [list, list]
  }
  expect(answers).toEqual(wanted)
  return { notes, position, wanted }
}

async function checkPast(
  fixture: Fixture,
  samples: Record<string, Sample>,
  cases: [object, string][],
  name: string,
) {
  const { notes, position } = await filled(fixture, samples)
  const keys = Object.keys(samples)
  await notes.update({
    ids: keys,
    metadatas: keys.map(() => ({ n: 77, s: 'later', tags: ['later'] })),
    documents: keys.map(() => 'later'),
  })
  await notes.delete({ ids: keys.slice(0, 3) })
  const past = notes.asOf(position)
  const answers: Record<string, unknown> = {}
  const wanted: Record<string, unknown> = {}
  for (const [filter, ids] of cases) {
    const key = JSON.stringify(filter)
    const options = { [name]: filter }
    const { ids: found } = await past.query({ queryEmbeddings: [[0]], nResults: 50, ...options })
    answers[key] = [(await past.get(options)).ids, found[0]]
    const list = ids === '' ? [] : ids.split(' ')
    wanted[key] = [list, list]
  }
  expect(answers).toEqual(wanted)
}

const withMetadata = (): Record<string, Sample> =>
  Object.fromEntries(Object.entries(metadatas).map(([id, metadata]) => [id, { metadata, document: null }]))

const withDocuments = (): Record<string, Sample> =>
  Object.fromEntries(Object.entries(documents).map(([id, document]) => [id, { metadata: null, document }]))

const asDocumentKey = documentCases
  .filter(([filter]) => !('$and' in filter || '$or' in filter))
  .map(([filter, ids]): [object, string] => [{ '#document': filter }, ids])

export const metadataFilters: Topic = (fixture) => {
  const untouched = fixture.once((kept) => kept.collection())

  test('mean now what they say', () => check(fixture, withMetadata(), metadataCases, 'where'))
  test('mean the same in the past', () => checkPast(fixture, withMetadata(), metadataCases, 'where'))
  test('take a document filter under #document', () =>
    check(fixture, withDocuments(), asDocumentKey, 'where'))

  test('follow what is updated and deleted', async () => {
    const { notes } = await filled(fixture, withMetadata())
    await notes.update({ ids: ['one'], metadatas: [{ n: 5, tags: ['z'] }] })
    await notes.delete({ ids: ['two'] })
    expect((await notes.get({ where: { n: { $gte: 1 } } })).ids).toEqual(['one', 'half'])
    expect((await notes.get({ where: { tags: { $contains: 'x' } } })).ids).toEqual([])
    expect((await notes.get({ where: { tags: { $contains: 'z' } } })).ids).toEqual(['one'])
  })

  test('find numbers exactly, however they are asked for', async () => {
    const notes = await fixture.collection()
    let seed = 1
    const numbers = Array.from({ length: 400 }, () => {
      seed = (seed * 48271) % 2147483647
      return (seed / 2147483647) * 10 ** ((seed % 44) - 30)
    })
    await notes.add({
      ids: numbers.map((_, index) => `n${index}`),
      embeddings: numbers.map(() => [1]),
      metadatas: numbers.map((n) => ({ n, list: [n] })),
    })
    expect((await notes.get({ where: { n: { $in: numbers } } })).ids).toHaveLength(numbers.length)
    expect((await notes.get({ where: { n: { $nin: numbers } } })).ids).toEqual([])
    for (const [index, n] of numbers.slice(0, 40).entries()) {
      expect((await notes.get({ where: { n } })).ids).toEqual([`n${index}`])
      expect((await notes.get({ where: { list: { $contains: n } } })).ids).toEqual([`n${index}`])
    }
  })

  test('take names of keys that every object has', async () => {
    const notes = await fixture.collection()
    await notes.add({ ids: ['a', 'b'], embeddings: [[1], [2]], metadatas: [{ constructor: 'x' }, { k: 1 }] })
    expect((await notes.get({ where: { constructor: 'x' } })).ids).toEqual(['a'])
    expect((await notes.get({ where: { toString: { $ne: 'x' } } })).ids).toEqual(['a', 'b'])
  })

  describe('are refused', () => {
    test.each(refusedWhere)('where: %j', async (where, named) => {
      const notes = await untouched()
      for (const run of [
        () => notes.get({ where: untyped(where) }),
        () => notes.query({ queryEmbeddings: [[1]], where: untyped(where) }),
        () => notes.delete({ where: untyped(where) }),
      ]) {
        const error = await refusalOf(run)
        expect(error.code).toBe('invalid_filter')
        expect(error.message).toContain(named)
      }
    })

    test('when they are too deep or too wide', async () => {
      const notes = await untouched()
      let deep: Where = { a: 1 }
      for (let level = 0; level < 100; level++) deep = { $and: [deep] }
      const wide: Where = { $or: Array.from({ length: 300 }, (_, n) => ({ n })) }
      const long: Where = { n: { $in: Array.from({ length: 20_000 }, (_, n) => n) } }
      for (const where of [deep, wide, long])
        expect((await refusalOf(() => notes.get({ where }))).code).toBe('limit_exceeded')
    })
  })

  test('count null as none', async () => {
    const { notes } = await filled(fixture, withMetadata())
    const none = untyped<Where & WhereDocument>(null)
    expect((await notes.get({ where: none, whereDocument: none })).ids).toHaveLength(7)
  })
}

export const documentFilters: Topic = (fixture) => {
  const untouched = fixture.once((kept) => kept.collection())

  test('mean now what they say', () => check(fixture, withDocuments(), documentCases, 'whereDocument'))
  test('mean the same in the past', () => checkPast(fixture, withDocuments(), documentCases, 'whereDocument'))

  test('follow what is updated and deleted', async () => {
    const { notes } = await filled(fixture, withDocuments())
    await notes.update({ ids: ['hello'], documents: ['Goodbye'] })
    await notes.delete({ ids: ['lower'] })
    expect((await notes.get({ whereDocument: { $contains: 'lo' } })).ids).toEqual(['short', 'nul'])
    expect((await notes.get({ whereDocument: { $contains: 'Goodbye' } })).ids).toEqual(['hello'])
  })

  test('join with where', async () => {
    const notes = await fixture.collection()
    await notes.add({
      ids: ['a', 'b', 'c'],
      embeddings: [[1], [2], [3]],
      metadatas: [{ k: 1 }, { k: 2 }, { k: 1 }],
      documents: ['red', 'red', 'blue'],
    })
    const filter = { where: { k: 1 }, whereDocument: { $contains: 'red' } }
    expect((await notes.get(filter)).ids).toEqual(['a'])
    expect((await notes.query({ queryEmbeddings: [[3]], ...filter })).ids).toEqual([['a']])
  })

  describe('are refused', () => {
    test.each(refusedWhereDocument)('whereDocument: %j', async (whereDocument, named) => {
      const notes = await untouched()
      for (const run of [
        () => notes.get({ whereDocument: untyped(whereDocument) }),
        () => notes.query({ queryEmbeddings: [[1]], whereDocument: untyped(whereDocument) }),
        () => notes.delete({ whereDocument: untyped(whereDocument) }),
      ]) {
        const error = await refusalOf(run)
        expect(error.code).toBe('invalid_filter')
        expect(error.message).toContain(named)
      }
    })
  })
}
