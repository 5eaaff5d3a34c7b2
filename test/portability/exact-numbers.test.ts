/** Whole floats and large integers, from one client that tells them apart to every place that numbers go to. */

import { join } from 'node:path'
import Database from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WholeFloat } from '../../src/exact-number.ts'
import { metadataText, parseMetadataText, valueText } from '../../src/format/metadata-text.ts'
import {
  EphemeralClient,
  exportCollection,
  importCollection,
  type Metadata,
  replay,
} from '../../src/index.ts'
import { plainMetadata } from '../../src/metadata-form.ts'
import { keepLogOnly } from '../conformance/faces.ts'
import { all } from '../conformance/fixture.ts'
import { open, rootOf, temporary } from './support.ts'

/** As the server hands it in: to the types a number. */
function float(value: number): number {
  return new WholeFloat(value) as unknown as number
}

const exact: Metadata = {
  two: float(2),
  minusZero: float(-0),
  huge: float(1e300),
  large: 2n ** 53n + 1n,
  least: -(2n ** 63n),
  int: 2,
  fraction: 0.1,
  floats: [float(1), 2.5, float(-0)],
  ints: [1, 2n ** 60n],
  text: 'a.0,b e+9 :99999999999999999',
}
const plain: Metadata = { ...exact, two: 2, minusZero: -0, huge: 1e300, floats: [1, 2.5, -0] }

async function filled(path: string) {
  const client = open(path)
  const notes = await client.createCollection({ name: 'notes', metadata: exact, embeddingFunction: null })
  await notes.add({ ids: ['a'], embeddings: [[1, 2]], metadatas: [exact] })
  return client
}

describe('the text of metadata', () => {
  const scalar = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .map((value) => (Number.isInteger(value) ? float(value) : value)),
    fc.bigInt(2n ** 53n, 2n ** 63n - 1n),
    fc.bigInt(-(2n ** 63n), -(2n ** 53n)),
  )
  const metadata = fc.dictionary(fc.string(), fc.oneof(scalar, fc.array(scalar)), { noNullPrototype: true })

  test('keeps every number, and is the same when it is written again', () => {
    fc.assert(
      fc.property(metadata, (given) => {
        const text = metadataText(given)
        const read = parseMetadataText(text)
        expect(read).toStrictEqual(given)
        expect(metadataText(read)).toBe(text)
      }),
      { numRuns: 1_000 },
    )
  })

  test('is that of JSON.stringify where no number needs another', () => {
    const simple = { a: 1, b: [0.5, 1e-7], c: 'é"', d: true, e: Number.MAX_SAFE_INTEGER }
    expect(metadataText(simple)).toBe(JSON.stringify(simple))
    expect(metadataText(null)).toBe('null')
  })

  test('tells integers from floats', () => {
    expect(metadataText({ a: float(2), b: 2, c: 2n ** 62n, d: [float(1), 0.5] })).toBe(
      '{"a":2.0,"b":2,"c":4611686018427387904,"d":[1.0,0.5]}',
    )
    expect(valueText(2)).not.toBe(valueText(float(2)))
  })

  test('is plain for callers in process', () => {
    expect(plainMetadata(exact)).toStrictEqual(plain)
    const untouched = { a: 1, b: [0.5], c: 'x' }
    expect(plainMetadata(untouched)).toBe(untouched)
    expect(plainMetadata(null)).toBeNull()
  })
})

describe('a client', () => {
  test('answers plain numbers; one for exact numbers, what was written', async () => {
    const client = await filled(temporary())
    for (const [one, expected] of [
      [client, plain],
      [client.withExactNumbers(), exact],
      [client.withExactNumbers().scope({}), exact],
    ] as const) {
      const notes = await one.getCollection({ name: 'notes' })
      expect(notes.metadata).toStrictEqual(expected)
      expect((await notes.get()).metadatas).toStrictEqual([expected])
      expect((await notes.asOf(2).get()).metadatas).toStrictEqual([expected])
      expect((await notes.query({ queryEmbeddings: [[1, 2]] })).metadatas).toStrictEqual([[expected]])
      expect((await all(notes.history('a')))[0]?.after?.metadata).toStrictEqual(expected)
      const changes = await all(one.changes())
      expect(changes.map(({ state }) => state?.metadata)).toStrictEqual([expected, undefined])
      expect(changes.at(-1)?.after?.metadata).toStrictEqual(expected)
      expect((await all(notes.changes())).at(-1)?.after?.metadata).toStrictEqual(expected)
      const diff = await one.diff(0, 2).collect()
      expect(diff.collections[0]?.after?.metadata).toStrictEqual(expected)
      expect(diff.added[0]?.after?.metadata).toStrictEqual(expected)
      expect((await notes.diff(1, 2).collect()).added[0]?.after?.metadata).toStrictEqual(expected)
    }
  })

  test('changes what an update names, and leaves the rest exact', async () => {
    const client = await filled(temporary())
    const notes = await client.getCollection({ name: 'notes' })
    await notes.update({ ids: ['a'], metadatas: [{ two: 2, large: 2n ** 53n + 2n, huge: null }] })
    const { huge: _, ...rest } = exact
    const exactly = await client.withExactNumbers().getCollection({ name: 'notes' })
    expect((await exactly.get()).metadatas).toStrictEqual([{ ...rest, two: 2, large: 2n ** 53n + 2n }])
    const { updated } = await notes.diff(2, 3).collect()
    expect(updated[0]?.changed.metadata).toEqual(['huge', 'large', 'two'])
  })

  test('finds whole floats and integers alike', async () => {
    const client = await filled(temporary())
    const notes = await client.getCollection({ name: 'notes' })
    const count = async (where: object) => (await notes.get({ where: where as never })).ids.length
    expect(await count({ two: 2 })).toBe(1)
    expect(await count({ two: float(2) })).toBe(1)
    expect(await count({ int: float(2) })).toBe(1)
    expect(await count({ two: { $in: [1.5, 2] } })).toBe(1)
    expect(await count({ huge: { $gte: float(1e300) } })).toBe(1)
    expect(await count({ huge: { $gt: 2n ** 63n - 1n } })).toBe(1)
    expect(await count({ large: float(2 ** 53) })).toBe(0)
    expect(await count({ floats: { $contains: 1 } })).toBe(1)
  })
})

describe('a store', () => {
  test('stands as it was when all is derived from the log again', async () => {
    const path = temporary()
    const client = await filled(path)
    await client.close()
    const tables = () => {
      const db = new Database(join(path, 'metadata.sqlite3'), { readonly: true }).defaultSafeIntegers()
      try {
        const rows = (table: string) => db.prepare(`SELECT * FROM ${table} ORDER BY 1, 2, 3`).all()
        return ['records', 'collections', 'record_metadata', 'record_metadata_array'].map(rows)
      } finally {
        db.close()
      }
    }
    const before = tables()
    expect(
      JSON.stringify(before, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
    ).toContain('"9007199254740993"')
    keepLogOnly(path)
    const again = open(path)
    expect(
      (await (await again.withExactNumbers().getCollection({ name: 'notes' })).get()).metadatas,
    ).toStrictEqual([exact])
    expect(await again.verify({ level: 'full' })).toMatchObject({ ok: true })
    await again.close()
    expect(tables()).toStrictEqual(before)
  })

  test('notices and mends a large integer that is off by one', async () => {
    const path = temporary()
    await (await filled(path)).close()
    const db = new Database(join(path, 'metadata.sqlite3'))
    expect(
      db.prepare('UPDATE record_metadata SET int_value = int_value + 1 WHERE key = ?').run('large').changes,
    ).toBe(1)
    db.close()
    const client = open(path)
    const notes = await client.getCollection({ name: 'notes' })
    await client.repair()
    expect((await notes.get({ where: { large: 2n ** 53n + 1n } })).ids).toEqual(['a'])
    expect(await client.verify({ level: 'full' })).toMatchObject({ ok: true })
  })

  test('is replayed bit for bit, and through a transform that hands metadata on', async () => {
    const client = await filled(temporary())
    const [same, changed] = [open(temporary()), open(temporary())]
    await replay(client, same)
    expect(await rootOf(same)).toBe(await rootOf(client))
    const seen: (Metadata | null)[] = []
    await replay(client, changed, {
      transform: (record) => {
        seen.push(record.metadata)
        return { ...record, metadata: { ...record.metadata, int: 3 } }
      },
    })
    expect(seen).toStrictEqual([plain])
    const notes = await changed.withExactNumbers().getCollection({ name: 'notes' })
    expect((await notes.get()).metadatas).toStrictEqual([{ ...exact, int: 3 }])
  })
})

describe('a file', () => {
  test.each(['jsonl', 'json', 'csv', 'parquet'] as const)('of %s carries every number', async (format) => {
    const client = await filled(temporary())
    const file = join(temporary(), `notes.${format}`)
    await exportCollection(await client.getCollection({ name: 'notes' }), file, { format })
    const other = new EphemeralClient()
    const notes = await other.createCollection({ name: 'notes', embeddingFunction: null })
    await importCollection(file, notes, { format })
    expect(
      (await (await other.withExactNumbers().getCollection({ name: 'notes' })).get()).metadatas,
    ).toStrictEqual([exact])
    await other.close()
  })
})
