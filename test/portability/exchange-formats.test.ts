import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import {
  type Collection,
  EphemeralClient,
  type ExchangeFormatName,
  exportCollection,
  importCollection,
} from '../../src/index.ts'
import { temporaryFolder } from './folder.ts'

const folder = temporaryFolder()
const client = new EphemeralClient()
afterAll(() => client.close())

const formats: ExchangeFormatName[] = ['jsonl', 'json', 'csv', 'parquet']
const include = ['embeddings', 'documents', 'metadatas', 'uris'] as const

/** Any text that is well-formed Unicode, with what trips readers of text files strewn in. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 8 }),
      fc.constantFrom(
        '"',
        '\n',
        '\r',
        '\r\n',
        ',',
        '\\',
        '\0',
        '😀',
        '\u2028',
        '\ufeff',
        '=1+1',
        'null',
        ' ',
      ),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''))
const id = text.filter((value) => value !== '' && !value.includes('\0'))
const key = fc
  .oneof(text, fc.constantFrom('__proto__', 'constructor', 'a', 'toString'))
  .filter((value) => value !== '' && !/^[#$]/.test(value) && !value.includes('\0'))
const number = fc
  .oneof(fc.maxSafeInteger(), fc.double({ noNaN: true, noDefaultInfinity: true }))
  .filter((value) => !Number.isInteger(value) || Number.isSafeInteger(value))
const value = fc.oneof(
  text,
  number,
  fc.boolean(),
  fc.array(text, { minLength: 1, maxLength: 3 }),
  fc.array(number, { minLength: 1, maxLength: 3 }),
  fc.array(fc.boolean(), { minLength: 1, maxLength: 3 }),
)
const metadata = fc
  .array(fc.tuple(key, value), { minLength: 1, maxLength: 4 })
  .map((entries) => Object.fromEntries(entries))
const float = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, Math.fround(0.1), Math.fround(1e-45), Math.fround(3.4028234e38), 16777216),
)
const records = fc.uniqueArray(
  fc.record({
    id,
    embedding: fc.array(float, { minLength: 3, maxLength: 3 }),
    document: fc.option(text),
    metadata: fc.option(metadata),
    uri: fc.option(text),
  }),
  { selector: (record) => record.id, minLength: 1, maxLength: 12 },
)

let collections = 0
const newCollection = () =>
  client.createCollection({ name: `collection-${++collections}`, embeddingFunction: null })

async function contents(collection: Collection): Promise<unknown[]> {
  const rows = (await collection.get({ include: [...include] })).rows()
  // The sign of zero and the order of keys count; toEqual does not look at the latter.
  return rows.map((row) => ({
    ...row,
    embedding: Buffer.from(Float32Array.from(row.embedding ?? []).buffer).toString('hex'),
    metadata: JSON.stringify(row.metadata),
  }))
}

describe.each(formats)('%s', (format) => {
  it('brings odd records back bit for bit, in their order', async () => {
    await fc.assert(
      fc.asyncProperty(records, fc.integer({ min: 1, max: 5 }), async (list, batchSize) => {
        const from = await newCollection()
        await from.add({
          ids: list.map((record) => record.id),
          embeddings: list.map((record) => record.embedding),
          documents: list.map((record) => record.document),
          metadatas: list.map((record) => record.metadata),
          uris: list.map((record) => record.uri),
        })
        const path = join(folder, `odd.${format}`)
        const { records: exported } = await exportCollection(from, path, { format, batchSize })
        const into = await newCollection()
        const report = await importCollection(path, into, { format, batchSize })
        expect([exported, report.records, report.failed]).toEqual([list.length, list.length, 0])
        expect(await contents(into)).toEqual(await contents(from))
      }),
      { numRuns: format === 'parquet' ? 30 : 60 },
    )
  })

  it('brings an empty collection back', async () => {
    const path = join(folder, `empty.${format}`)
    const from = await newCollection()
    expect(await exportCollection(from, path, { format })).toMatchObject({ records: 0 })
    expect(await importCollection(path, from, { format })).toMatchObject({ records: 0, failed: 0 })
  })

  it('leaves vectors out when asked to, and has them made of the documents again', async () => {
    const from = await client.createCollection({ name: `words-${format}` })
    await from.add({ ids: ['a', 'b'], documents: ['first thought', 'second thought'] })
    const path = join(folder, `words.${format}`)
    await exportCollection(from, path, { format, embeddings: false })
    const into = await client.createCollection({ name: `words-again-${format}` })
    await importCollection(path, into, { format })
    expect(await contents(into)).toEqual(await contents(from))
  })

  it('says of garbage what it is', async () => {
    const { Readable } = await import('node:stream')
    for (const garbage of ['{"ids"', '"', '\0\x01PAR1', 'PAR1PAR1', '[1,2]', 'a,b\n1', '\xff\xfe']) {
      const source = Readable.from([Buffer.from(garbage, 'latin1')])
      const into = await newCollection()
      const failure = importCollection(source, into, { format })
      await expect(failure, garbage).rejects.toMatchObject({ name: 'AnnalsError', code: 'import_failed' })
    }
  })

  it('reads damaged files without anything worse than import_failed or fewer records', async () => {
    const { readFileSync } = await import('node:fs')
    const { Readable } = await import('node:stream')
    const from = await newCollection()
    await from.add({
      ids: ['a', 'b', 'c'],
      embeddings: [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
      ],
      documents: ['one', null, 'three "quoted"'],
      metadatas: [{ n: 1 }, null, { list: ['x', 'y'] }],
    })
    const path = join(folder, `damaged.${format}`)
    await exportCollection(from, path, { format })
    const bytes = readFileSync(path)
    await fc.assert(
      fc.asyncProperty(
        fc.nat(bytes.length - 1),
        fc.integer({ min: 1, max: 255 }),
        // Its decoder can run in circles over flipped bits: see below.
        format === 'parquet' ? fc.constant(true) : fc.boolean(),
        async (at, xor, cut) => {
          const damaged = Buffer.from(cut ? bytes.subarray(0, at) : bytes)
          if (!cut) damaged[at] = damaged[at]! ^ xor
          const into = await newCollection()
          try {
            await importCollection(Readable.from([damaged]), into, { format, onError: 'skip' })
          } catch (error) {
            expect(error).toMatchObject({ name: 'AnnalsError', code: 'import_failed' })
          }
        },
      ),
      { numRuns: format === 'parquet' ? 30 : 150 },
    )
  })
})

it('gives up on a Parquet file that its decoder runs in circles over', async () => {
  const { ParquetReader } = await import('../../src/portability/parquet-reader.ts')
  const { readFileSync, writeFileSync } = await import('node:fs')
  const from = await newCollection()
  await from.add({ ids: ['a', 'b', 'c'], embeddings: [[1], [2], [3]], documents: ['one', null, 'three'] })
  const path = join(folder, 'circles.parquet')
  await exportCollection(from, path, { format: 'parquet' })
  const bytes = readFileSync(path)
  for (let at = 40; at < 56; at++) {
    const damaged = Buffer.from(bytes)
    damaged[at] = damaged[at]! ^ 8
    writeFileSync(path, damaged)
    const reader = new ParquetReader(path, 'damaged', null, 1_000)
    try {
      while ((await reader.next()) !== null);
    } catch (error) {
      expect(error).toMatchObject({ code: 'import_failed' })
    }
    await reader.close()
  }
})

it('prints float32 with as few digits as bring the same bits back', async () => {
  const { shortestFloat32, vectorToJson } = await import('../../src/portability/float-text.ts')
  expect(
    [0.1, 1 / 3, 1e-30, 3.4028234e38, 5, 16777216].map((value) => shortestFloat32(Math.fround(value))),
  ).toEqual([0.1, 0.33333334, 1e-30, 3.4028235e38, 5, 16777216])
  fc.assert(
    fc.property(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true })), (vector) => {
      const text = vectorToJson(vector)
      const again = (JSON.parse(text) as number[]).map(Math.fround)
      expect(again.every((value, index) => Object.is(value, vector[index]))).toBe(true)
      for (const [index, printed] of text.slice(1, -1).split(',').entries())
        if (vector.length > 0)
          expect(significantDigits(printed)).toBeLessThanOrEqual(fewestDigits(vector[index]!))
    }),
    { numRuns: 500 },
  )
})

function significantDigits(text: string): number {
  return text.replace(/e.*$/, '').replace(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '').length
}

function fewestDigits(value: number): number {
  for (let digits = 1; digits < 9; digits++)
    if (Math.fround(Number(value.toPrecision(digits))) === value) return digits
  return 9
}
