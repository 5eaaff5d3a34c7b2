import { createReadStream, createWriteStream, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { afterAll, describe, expect, it } from 'vitest'
import { type Collection, EphemeralClient, exportCollection, importCollection } from '../../src/index.ts'
import { until } from '../support/until.ts'
import { temporaryFolder } from './folder.ts'

const folder = temporaryFolder()
const client = new EphemeralClient()
afterAll(() => client.close())

let count = 0
async function collectionOf(records: number): Promise<Collection> {
  const collection = await client.createCollection({ name: `collection-${++count}`, embeddingFunction: null })
  const ids = Array.from({ length: records }, (_, index) => `id-${index}`)
  if (records > 0)
    await collection.add({
      ids,
      embeddings: ids.map((_, index) => [index, 1]),
      metadatas: ids.map((_, index) => ({ even: index % 2 === 0 })),
      documents: ids.map((id) => `text of ${id}`),
    })
  return collection
}

const line = (id: string, rest: object = {}) => JSON.stringify({ id, embedding: [1, 2], ...rest })
const from = (...lines: string[]) => Readable.from([Buffer.from(lines.join('\n'))])

describe('exportCollection', () => {
  it('writes what a filter selects, as of one position', async () => {
    const collection = await collectionOf(10)
    const path = join(folder, 'even.jsonl')
    let changed = false
    const report = await exportCollection(collection, path, {
      format: 'jsonl',
      where: { even: true },
      whereDocument: { $contains: 'text' },
      batchSize: 2,
      onProgress: () => {
        // The deletion falls between two pages, and is not seen.
        if (!changed) void collection.delete({ where: { even: true } })
        changed = true
      },
    })
    expect(report.records).toBe(5)
    const ids = readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((text) => (JSON.parse(text) as { id: string }).id)
    expect(ids).toEqual(['id-0', 'id-2', 'id-4', 'id-6', 'id-8'])
  })

  it('reads the past', async () => {
    const collection = await collectionOf(2)
    const { position } = await collection.delete({ ids: ['id-0'] })
    const path = join(folder, 'past.json')
    await exportCollection(collection.asOf(position - 1), path, { format: 'json' })
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      ids: ['id-0', 'id-1'],
      embeddings: [
        [0, 1],
        [1, 1],
      ],
      documents: ['text of id-0', 'text of id-1'],
      metadatas: [{ even: true }, { even: false }],
      uris: [null, null],
      include: ['embeddings', 'documents', 'metadatas', 'uris'],
    })
  })

  it('reports progress', async () => {
    for (const format of ['jsonl', 'json', 'csv', 'parquet'] as const) {
      const seen: { records: number; total: number | null }[] = []
      await exportCollection(await collectionOf(5), join(folder, `progress.${format}`), {
        format,
        batchSize: 2,
        onProgress: ({ records, total }) => seen.push({ records, total }),
      })
      expect(seen.at(-1)).toEqual({ records: 5, total: 5 })
    }
  })

  it('leaves no file behind when it is stopped, and the old one in place', async () => {
    const path = join(folder, 'stopped.jsonl')
    writeFileSync(path, 'old')
    const stop = new AbortController()
    const failure = exportCollection(await collectionOf(10), path, {
      format: 'jsonl',
      batchSize: 1,
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('enough')),
    })
    await expect(failure).rejects.toThrow('enough')
    expect([readFileSync(path, 'utf8'), existsSync(`${path}.tmp`)]).toEqual(['old', false])
  })

  it('waits for a slow stream, does not end it, and can be stopped while it waits', async () => {
    const collection = await collectionOf(200)
    const stream = new PassThrough({ highWaterMark: 64 })
    const stop = new AbortController()
    const stuck = exportCollection(collection, stream, { format: 'csv', batchSize: 10, signal: stop.signal })
    await until(() => stream.writableNeedDrain)
    stop.abort(new Error('stuck'))
    await expect(stuck).rejects.toThrow('stuck')
    const file = createWriteStream(join(folder, 'stream.csv'))
    await exportCollection(collection, file, { format: 'csv' })
    expect(file.writableEnded).toBe(false)
    await new Promise((done) => file.end(done))
    const into = await collectionOf(0)
    expect(await importCollection(join(folder, 'stream.csv'), into, { format: 'csv' })).toMatchObject({
      records: 200,
    })
  })

  it('names a target that cannot be written', async () => {
    const collection = await collectionOf(3)
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('the disk is gone')) })
    for (const target of [broken, join(folder, 'no/such/folder/x')])
      await expect(exportCollection(collection, target, { format: 'jsonl' })).rejects.toMatchObject({
        code: 'export_failed',
      })
    for (const [target, options] of [
      [7, { format: 'jsonl' }],
      ['x', { format: 'xml' }],
      ['x', { format: 'csv', embedings: false }],
      ['x', { format: 'csv', batchSize: 0 }],
    ] as unknown as [string, { format: 'csv' }][])
      await expect(exportCollection(collection, target, options)).rejects.toMatchObject({
        name: 'AnnalsError',
      })
  })
})

describe('importCollection', () => {
  it('stops at the first bad record and names its line', async () => {
    const into = await collectionOf(0)
    const failure = importCollection(from(line('a'), '', line('b'), '{"id": 7}', line('c')), into, {
      format: 'jsonl',
      batchSize: 1,
    })
    await expect(failure).rejects.toThrow(
      'The source stream, line 4 (record "7"): id: must be a string, got 7.',
    )
    await expect(failure).rejects.toMatchObject({
      code: 'import_failed',
      hint: expect.stringContaining('1 records'),
    })
  })

  it('skips bad records when told to, and reports each', async () => {
    const into = await collectionOf(0)
    const report = await importCollection(
      from(
        line('a'),
        'no json',
        line('x', { embedding: [1, 2, 3] }),
        line('y', { metadata: { a: [[]] } }),
        line(''),
        line('z', { ducument: '' }),
        '[]',
        line('b'),
        JSON.stringify({ id: 'bare' }),
      ),
      into,
      { format: 'jsonl', onError: 'skip' },
    )
    expect(report).toMatchObject({ records: 2, changed: 2, failed: 7 })
    expect(report.failures.map(({ line, id }) => [line, id]).sort()).toEqual([
      [2, null],
      [3, 'x'],
      [4, 'y'],
      [5, ''],
      [6, 'z'],
      [7, null],
      [9, 'bare'],
    ])
    expect(report.failures.find(({ line }) => line === 3)?.reason).toContain('dimension of 2, got 3')
    expect((await into.get()).ids).toEqual(['a', 'b'])
  })

  it('upserts or adds; a repeated record counts as the later or the first', async () => {
    const lines = () => from(line('a', { document: 'one' }), line('b'), line('a', { document: 'two' }))
    for (const [mode, document] of [
      ['upsert', 'two'],
      ['add', 'one'],
      [undefined, 'two'],
    ] as const) {
      const into = await collectionOf(0)
      await importCollection(lines(), into, { format: 'jsonl', ...(mode !== undefined && { mode }) })
      expect((await into.get({ ids: ['a'] })).documents).toEqual([document])
    }
  })

  it('writes nothing twice under one idempotency key', async () => {
    const into = await collectionOf(0)
    const options = { format: 'jsonl', idempotencyKey: 'nightly', actor: 'ada', reason: 'load' } as const
    const lines = () => from(line('a', { document: 'x' }), line('b'))
    await importCollection(lines(), into, options)
    const { head } = await client.stats()
    expect(await importCollection(lines(), into, options)).toMatchObject({ records: 2 })
    expect((await client.stats()).head).toBe(head)
    for await (const { commit } of into.history('a'))
      expect(commit).toMatchObject({ actor: 'ada', reason: 'load' })
  })

  it('reads byte order marks, CRLF, text chunks cut anywhere', async () => {
    const text = `\ufeff${line('é😀')}\r\n${line('b')}`
    const bytes = Buffer.from(text)
    for (const size of [1, 3, 7]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      )
      const into = await collectionOf(0)
      await importCollection(Readable.from(chunks), into, { format: 'jsonl' })
      expect((await into.get()).ids).toEqual(['é😀', 'b'])
    }
  })

  it('reads JSON columns in any order and layout, cut anywhere', async () => {
    const text = JSON.stringify(
      {
        include: ['x'],
        documents: ['a "\\" ]', null],
        uris: null,
        embeddings: [
          [1, 2],
          [3, -0],
        ],
        ids: ['é', 'b'],
        metadatas: [{ k: ['}', ']'] }, null],
      },
      null,
      2,
    )
    const bytes = Buffer.from(text)
    for (const size of [1, 2, 5, 1000]) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      )
      const into = await collectionOf(0)
      await importCollection(Readable.from(chunks), into, { format: 'json' })
      expect((await into.get()).rows()).toMatchObject([
        { id: 'é', document: 'a "\\" ]', metadata: { k: ['}', ']'] } },
        { id: 'b', document: null, metadata: null },
      ])
    }
    for (const bad of [
      '{"ids":["a"],"documents":[]}',
      '{"ids":["a"],"ids":["b"]}',
      '{"ids":["a"],"x":[1]}',
      '{"ids":["a",]}',
      '{"ids":[,]}',
      '{"ids":["a"]',
      '{"ids":"a"}',
      '{"ids":nul}',
      '{"ids":["a"]}}',
      '{}',
    ])
      await expect(
        importCollection(from(bad), await collectionOf(0), { format: 'json' }),
        bad,
      ).rejects.toMatchObject({ code: 'import_failed' })
  })

  it('reads CSV as other programs write it', async () => {
    const into = await collectionOf(0)
    const text = 'embedding,id,metadata,document\n"[1, 2]",a,"{""n"": 1}",plain text\n"[3,4]","b","",""\n'
    await importCollection(from(text), into, { format: 'csv' })
    expect((await into.get()).rows()).toMatchObject([
      { id: 'a', document: 'plain text', metadata: { n: 1 } },
      { id: 'b', document: '', metadata: null },
    ])
    for (const bad of ['id,author\na,b', 'document\nx', 'id,id\na,b', 'id,document\na'])
      await expect(importCollection(from(bad), into, { format: 'csv' }), bad).rejects.toMatchObject({
        code: 'import_failed',
      })
  })

  it('stops at a signal and at a source that fails', async () => {
    const into = await collectionOf(0)
    const stop = AbortSignal.abort(new Error('enough'))
    await expect(importCollection(from(line('a')), into, { format: 'jsonl', signal: stop })).rejects.toThrow(
      'enough',
    )
    for (const format of ['jsonl', 'json', 'csv', 'parquet'] as const) {
      await expect(importCollection(join(folder, 'nowhere'), into, { format })).rejects.toMatchObject({
        code: 'import_failed',
      })
      const broken = new Readable({
        read() {
          this.destroy(new Error('the line is cut'))
        },
      })
      await expect(importCollection(broken, into, { format })).rejects.toThrow('the line is cut')
    }
  })

  it('reads a stream of a file', async () => {
    const path = join(folder, 'stream.parquet')
    await exportCollection(await collectionOf(30), path, { format: 'parquet' })
    const into = await collectionOf(0)
    const report = await importCollection(createReadStream(path), into, { format: 'parquet' })
    expect(report.records).toBe(30)
  })
})
