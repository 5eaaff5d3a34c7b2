import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EphemeralClient, type GetRow, importChroma } from '../../src/index.ts'
import { temporaryFolder } from './folder.ts'

interface Expected {
  collections: {
    tenant: string
    database: string
    name: string
    metadata: unknown
    configuration: { hnsw: Record<string, unknown>; embedding_function: { type: string } | null }
    records: { id: string; document?: string; metadata?: object; uri?: string; embedding: number[] }[]
    query: { embedding: number[]; ids: string[]; distances: number[] } | null
  }[]
}

const temporary = temporaryFolder()
const fixture = (version: string) => join(import.meta.dirname, '../fixtures', `chroma-${version}`)
const data = (version: string) => join(fixture(version), 'data')
const expected = (version: string) =>
  JSON.parse(readFileSync(join(fixture(version), 'expected.json'), 'utf8')) as Expected

let client: EphemeralClient
beforeEach(() => {
  client = new EphemeralClient()
})
afterEach(() => client.close())

let copies = 0
/** A copy of a fixture's data folder that a test may damage. */
function copyOf(version: string): string {
  const folder = join(temporary, `copy-${++copies}`)
  cpSync(data(version), folder, { recursive: true })
  return folder
}

function withDatabase(folder: string, work: (db: Database.Database) => void): void {
  const db = new Database(join(folder, 'chroma.sqlite3'))
  work(db)
  db.close()
}

async function rowsOf(place: {
  tenant: string
  database: string
  name: string
}): Promise<Map<string, GetRow>> {
  const collection = await client.scope(scopeOf(place)).getCollection({ name: place.name })
  const answer = await collection.get({ include: ['embeddings', 'documents', 'metadatas', 'uris'] })
  return new Map(answer.rows().map((row) => [row.id, row]))
}

const scopeOf = ({ tenant, database }: { tenant: string; database: string }) => ({ tenant, database })

const home = { tenant: 'default_tenant', database: 'default_database' }

/** Chroma answers `{}` for a record whose metadata is empty and that has a uri. */
const metadataOf = (metadata: object | null | undefined) =>
  metadata == null || Object.keys(metadata).length === 0 ? null : metadata

/** In cosine space Chroma answers with the vector times its length, as its index has it; the queue has the vector as it was added. */
const inTheTail = new Set(['legacy-6'])

describe.each(['1.3.4', '1.0.1'])('the folder of Chroma %s', (version) => {
  it('becomes what Chroma answered for it: collections, records, vectors bit for bit', async () => {
    const report = await importChroma(data(version), client)
    const wanted = expected(version).collections
    expect(report).toMatchObject({ failed: 0, dryRun: false })
    expect(report.records).toBe(wanted.reduce((sum, { records }) => sum + records.length, 0))
    expect(report.collections.map(({ name }) => name).sort()).toEqual(wanted.map(({ name }) => name).sort())
    for (const { records, metadata, configuration, ...place } of wanted) {
      const collection = await client.scope(scopeOf(place)).getCollection({ name: place.name })
      expect(collection.metadata).toEqual(metadata)
      expect(collection.configuration.hnsw).toMatchObject(configuration.hnsw)
      const { embedding_function } = configuration
      expect(collection.configuration.embedding_function).toEqual(
        embedding_function?.type === 'known' ? embedding_function : null,
      )
      const rows = await rowsOf(place)
      expect(rows.size).toBe(records.length)
      for (const record of records) {
        const row = rows.get(record.id)
        expect(row).toMatchObject({ document: record.document ?? null, uri: record.uri ?? null })
        expect(row?.metadata).toEqual(metadataOf(record.metadata))
        if (!inTheTail.has(record.id)) expect(row?.embedding).toEqual(record.embedding.map(Math.fround))
      }
    }
  })

  it('answers its queries as Chroma did', async () => {
    await importChroma(data(version), client)
    for (const { query, ...place } of expected(version).collections) {
      if (query === null) continue
      const collection = await client.scope(scopeOf(place)).getCollection({ name: place.name })
      const answer = await collection.query({
        queryEmbeddings: [query.embedding],
        nResults: query.ids.length,
      })
      expect(answer.ids[0]).toEqual(query.ids)
      answer.distances?.[0]?.forEach((distance, index) => {
        expect(Math.abs(distance - query.distances[index]!)).toBeLessThan(1e-5)
      })
    }
  })

  it('is read and never written to', async () => {
    const folder = copyOf(version)
    const before = listing(folder)
    await importChroma(folder, client)
    expect(listing(folder)).toEqual(before)
  })
})

function listing(folder: string): unknown {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name)
      const { mtimeMs } = statSync(path)
      return [path, mtimeMs, readFileSync(path).toString('base64')]
    })
}

it('keeps the insertion order of Chroma', async () => {
  await importChroma(data('1.0.1'), client)
  for (const { records, ...place } of expected('1.0.1').collections)
    expect([...(await rowsOf(place)).keys()]).toEqual(records.map(({ id }) => id))
})

describe('the queue', () => {
  const plain = { ...home, name: 'plain' }
  const wanted = () => expected('1.0.1').collections.find(({ name }) => name === 'plain')!.records

  it('is enough to make a collection of: its tail is applied in order', async () => {
    const folder = copyOf('1.0.1')
    withDatabase(folder, (db) => {
      // As if the metadata segment had never been written: every operation is still in the queue.
      const segment = db
        .prepare(
          "SELECT s.id FROM segments s JOIN collections c ON c.id = s.collection WHERE c.name = 'plain' AND scope = 'METADATA'",
        )
        .pluck()
        .get()
      db.prepare(
        'DELETE FROM embedding_metadata WHERE id IN (SELECT id FROM embeddings WHERE segment_id = ?)',
      ).run(segment)
      db.prepare('DELETE FROM embeddings WHERE segment_id = ?').run(segment)
      db.prepare('DELETE FROM max_seq_id WHERE segment_id = ?').run(segment)
    })
    const report = await importChroma(folder, client, { collections: ['plain'] })
    expect(report.failed).toBe(0)
    const rows = await rowsOf(plain)
    expect([...rows.keys()]).toEqual(wanted().map(({ id }) => id))
    for (const record of wanted())
      expect(rows.get(record.id)).toMatchObject({
        document: record.document ?? null,
        metadata: metadataOf(record.metadata),
        embedding: record.embedding.map(Math.fround),
      })
  })

  it('adds, updates, upserts and deletes over the segments', async () => {
    const folder = copyOf('1.3.4')
    const vector = Buffer.from(Float32Array.from([1, 2, 3, 4]).buffer)
    withDatabase(folder, (db) => {
      const topic = `persistent://default/default/${db.prepare("SELECT id FROM collections WHERE name = 'tail-only'").pluck().get()}`
      const put = db.prepare(
        "INSERT INTO embeddings_queue (seq_id, operation, topic, id, vector, encoding, metadata) VALUES (?, ?, ?, ?, ?, 'FLOAT32', ?)",
      )
      put.run(600, 0, topic, 'b-1', vector, '{"ignored":true}')
      put.run(601, 1, topic, 'b-3', null, '{"k":[1,2],"chroma:document":"changed","big":12}')
      put.run(602, 1, topic, 'b-3', null, '{"big":null}')
      put.run(603, 1, topic, 'nobody', vector, '{}')
      put.run(604, 2, topic, 'b-1', vector, '{"s":"x"}')
      put.run(605, 2, topic, 'new', vector, '{"chroma:document":"fresh","chroma:uri":"u"}')
      put.run(606, 3, topic, 'b-1', null, null)
      put.run(607, 0, topic, 'b-1', vector, null)
      put.run(608, 4, topic, 'b-3', null, null)
      put.run(609, 0, topic, 'short', vector.subarray(0, 5), '{}')
    })
    const report = await importChroma(folder, client, { collections: ['tail-only'] })
    expect(report.collections[0]?.failed).toEqual([
      { id: 'short', reason: 'Its vector cannot be read: the queue has no whole vector at 609.' },
    ])
    const rows = await rowsOf({ ...home, name: 'tail-only' })
    expect([...rows.keys()]).toEqual(['b-3', 'new', 'b-1'])
    expect(rows.get('b-3')).toMatchObject({ document: 'changed', metadata: { k: [1, 2] } })
    expect(rows.get('new')).toMatchObject({ document: 'fresh', uri: 'u', embedding: [1, 2, 3, 4] })
    expect(rows.get('b-1')).toMatchObject({ document: null, metadata: null, embedding: [1, 2, 3, 4] })
  })

  it.each(['wal', 'delete'])('is read from a copy when SQLite would have to write (%s)', async (mode) => {
    const folder = copyOf('1.3.4')
    const db = new Database(join(folder, 'chroma.sqlite3'))
    db.pragma(`journal_mode = ${mode}`)
    if (mode === 'wal')
      db.exec("UPDATE embedding_metadata SET string_value = 'in the log' WHERE id = 1 AND key = 'section'")
    else writeFileSync(join(folder, 'chroma.sqlite3-journal'), Buffer.alloc(512))
    const before = readdirSync(folder).sort()
    await importChroma(folder, client, { collections: ['articles'] })
    expect(readdirSync(folder).sort()).toEqual(before)
    const rows = await rowsOf({ ...home, name: 'articles' })
    expect(rows.get('a-0')?.metadata?.section).toBe(mode === 'wal' ? 'in the log' : 's0')
    db.close()
  })
})

describe('damage', () => {
  const segment = '83557842-0fc6-43d8-836c-2ed4f59f4183'
  const damaged = async (damage: (folder: string) => void) => {
    const folder = copyOf('1.3.4')
    damage(folder)
    const report = await importChroma(folder, client, { collections: ['articles'] })
    return report.collections[0]!
  }

  it('of the id map costs the vectors that only the index has, each by its id', async () => {
    for (const length of [0, 100]) {
      const { records, failed } = await damaged((folder) =>
        truncateSync(join(folder, segment, 'index_metadata.pickle'), length),
      )
      expect([records, failed.length]).toEqual([0, 281])
      expect(failed[0]?.reason).toContain('the index cannot be read: the pickle ends at byte')
      await client.deleteCollection({ name: 'articles' })
    }
  })

  it('of the slots costs those behind it', async () => {
    const { records, failed } = await damaged((folder) =>
      truncateSync(join(folder, segment, 'data_level0.bin'), 204 * 100),
    )
    expect(records + failed.length).toBe(281)
    expect(records).toBeGreaterThan(50)
    expect(failed[0]?.reason).toContain('data_level0.bin has no slot with its label')
    expect((await rowsOf({ ...home, name: 'articles' })).size).toBe(records)
  })

  it('of header or lengths is named', async () => {
    for (const file of ['header.bin', 'length.bin', 'data_level0.bin']) {
      const { failed } = await damaged((folder) => rmSync(join(folder, segment, file)))
      expect(failed).toHaveLength(281)
      expect(failed[0]?.reason).toContain(file)
      await client.deleteCollection({ name: 'articles' })
    }
    const { failed } = await damaged((folder) =>
      writeFileSync(join(folder, segment, 'header.bin'), Buffer.alloc(100, 0xff)),
    )
    expect(failed[0]?.reason).toContain('header.bin is of version')
  })

  it('of the database is an error, and so is a folder without one', async () => {
    const folder = copyOf('1.3.4')
    writeFileSync(join(folder, 'chroma.sqlite3'), 'no database')
    await expect(importChroma(folder, client)).rejects.toMatchObject({ code: 'import_failed' })
    const empty = join(temporary, 'empty')
    mkdirSync(empty)
    await expect(importChroma(empty, client)).rejects.toThrow('is no data folder of Chroma')
  })

  it('in a name cannot lead out of the folder', async () => {
    const folder = copyOf('1.3.4')
    withDatabase(folder, (db) => {
      db.prepare('UPDATE segments SET id = ? WHERE id = ?').run(`../${segment}`, segment)
    })
    const report = await importChroma(folder, client, { collections: ['articles'] })
    expect(report.records).toBe(0)
  })

  it('of single values leaves the other records alone', async () => {
    const { records, failed } = await damaged((folder) =>
      withDatabase(folder, (db) => {
        db.exec(
          "UPDATE embedding_metadata SET float_value = 9e999, int_value = NULL WHERE id = 2 AND key = 'ratio'",
        )
      }),
    )
    expect(records).toBe(280)
    expect(failed.map(({ id }) => id)).toEqual(['a-1'])
    expect(failed[0]?.reason).toContain('metadata.ratio')
  })
})

it('keeps a 64-bit integer that no JavaScript number can hold', async () => {
  const folder = copyOf('1.3.4')
  withDatabase(folder, (db) => {
    db.exec("UPDATE embedding_metadata SET int_value = 9007199254740993 WHERE id = 1 AND key = 'size'")
  })
  await importChroma(folder, client, { collections: ['articles'] })
  const articles = await client.getCollection({ name: 'articles', embeddingFunction: null })
  const { metadatas } = await articles.get({ ids: ['a-0'] })
  expect(metadatas?.[0]?.size).toBe(9007199254740993n)
})

describe('options', () => {
  it('select, and name what is not there', async () => {
    const report = await importChroma(data('1.3.4'), client, { tenants: ['acme'] })
    expect(report.collections.map(({ name }) => name)).toEqual(['vectors'])
    await expect(importChroma(data('1.3.4'), client, { collections: ['nope'] })).rejects.toMatchObject({
      code: 'collection_not_found',
    })
    await expect(importChroma(data('1.3.4'), client, { colections: [] } as object)).rejects.toMatchObject({
      code: 'unsupported_option',
    })
  })

  it('rename puts collections elsewhere, but no two in one place', async () => {
    const report = await importChroma(data('1.3.4'), client, {
      rename: ({ tenant, name }) => ({ ...home, name: `${tenant}-${name}` }),
    })
    expect(report.collections[2]).toMatchObject({
      ...home,
      name: 'acme-vectors',
      source: { tenant: 'acme' },
      records: 120,
    })
    expect(await client.countCollections()).toBe(3)
    await expect(
      importChroma(data('1.3.4'), client, { rename: () => ({ ...home, name: 'one' }) }),
    ).rejects.toThrow('must not give two collections one name')
  })

  it('refuse existing collections before anything is written, unless told to write into them', async () => {
    await client.createCollection({ name: 'tail-only', embeddingFunction: null })
    const { head } = await client.stats()
    await expect(importChroma(data('1.3.4'), client)).rejects.toMatchObject({ code: 'collection_exists' })
    expect((await client.stats()).head).toBe(head)
    const report = await importChroma(data('1.3.4'), client, { into: 'existing' })
    expect(report.records).toBe(403)
    const again = await importChroma(data('1.3.4'), client, { into: 'existing' })
    expect(again.records).toBe(403)
    expect((await rowsOf({ ...home, name: 'articles' })).size).toBe(281)
  })

  it('dryRun reads everything and writes nothing', async () => {
    const { head } = await client.stats()
    const report = await importChroma(data('1.3.4'), client, { dryRun: true })
    expect(report).toMatchObject({ records: 403, failed: 0, dryRun: true })
    expect((await client.stats()).head).toBe(head)
  })

  it('actor, reason, progress and signal', async () => {
    const seen: unknown[] = []
    await importChroma(data('1.3.4'), client, {
      actor: 'ada',
      reason: 'moving in',
      batchSize: 100,
      onProgress: (progress) => seen.push(progress),
    })
    expect(seen).toContainEqual({ collection: 'articles', records: 100, total: 281, bytes: 0 })
    const collection = await client.getCollection({ name: 'articles' })
    for await (const { commit } of collection.history('a-0'))
      expect(commit).toMatchObject({ actor: 'ada', reason: 'moving in' })
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(
      importChroma(data('1.3.4'), client, { into: 'existing', batchSize: 10, signal }),
    ).rejects.toThrow('enough')
  })
})

it('scope gives a client of the same store that closes nothing', async () => {
  await client.createTenant({ name: 'acme' })
  await client.createDatabase({ name: 'search', tenant: 'acme' })
  const scoped = client.scope({ tenant: 'acme', database: 'search' })
  await scoped.createCollection({ name: 'notes' })
  expect([scoped.tenant, scoped.database, await client.countCollections()]).toEqual(['acme', 'search', 0])
  await scoped.close()
  await expect(scoped.countCollections()).rejects.toMatchObject({ code: 'store_closed' })
  expect(await client.scope({ tenant: 'acme', database: 'search' }).countCollections()).toBe(1)
  expect(() => client.scope({ tenat: 'x' } as object)).toThrow('tenat')
})
