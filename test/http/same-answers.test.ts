/** What is not in the conformance suite: a client over HTTP answers what a client in the process answers. */
import { generateKeyPairSync } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  AnnalsError,
  type Client,
  type Collection,
  type Finding,
  type HttpClient,
  PersistentClient,
  type Point,
  restore,
  verifyCheckpoint,
  verifyConsistency,
  verifyErasure,
  verifyInclusion,
} from '../../src/index.ts'
import { afterwards, all, type Site, site, temporary } from './support.ts'

let place: Site
let remote: HttpClient
let local: PersistentClient
let notes: Collection

beforeEach(async () => {
  place = await site()
  remote = place.client()
  local = place.local()
  notes = await remote.createCollection({ name: 'notes', embeddingFunction: null }, { actor: 'ada' })
  const odd = [-0, 0.1, 1e-40, 3.4028234663852886e38]
  await notes.add(
    {
      ids: ['a', 'b', 'committedAt'],
      embeddings: [odd, [1, 2, 3, 4], [5, 6, 7, 8]],
      documents: ['one', 'zwei ✓', null],
      // What looks like an instant in metadata stays text.
      metadatas: [{ committedAt: '2026-01-01T00:00:00.000Z', n: -0.5 }, { v: 1 }, null],
      uris: [null, 'file:///b', null],
    },
    { actor: 'bob', reason: 'første', idempotencyKey: 'k1' },
  )
  await notes.update({ ids: ['a'], metadatas: [{ v: 2 }] }, { actor: 'cyd' })
  await notes.modify({ name: 'renamed', metadata: { v: 1 } })
  await remote.tag('before', 4)
  await notes.delete({ ids: ['b'] })
  await notes.upsert({
    ids: ['b', 'c'],
    embeddings: [
      [4, 3, 2, 1],
      [0, 0, 0, 1],
    ],
    documents: [null, 'drei'],
  })
})

/** Both clients' answers. */
async function both<T>(ask: (client: Client, notes: Collection) => Promise<T> | T): Promise<[T, T]> {
  const own = await local.getCollection({ name: 'renamed' })
  return [await ask(remote, notes), await ask(local, own)]
}

async function expectSame<T>(ask: (client: Client, notes: Collection) => Promise<T> | T): Promise<T> {
  const [far, near] = await both(ask)
  expect(far).toEqual(near)
  return far
}

async function expectSameError(ask: (client: Client, notes: Collection) => unknown): Promise<AnnalsError> {
  const [far, near] = await both(async (client, collection) => {
    try {
      await ask(client, collection)
    } catch (error) {
      if (error instanceof AnnalsError) return error
      throw error
    }
    throw new Error('It was accepted.')
  })
  expect(told(far!)).toEqual(told(near!))
  return far!
}

/** A read that is refused has not written, whether it says so or not. */
function told({ code, message, fate = 'not_written', hint, position, status, chromaName }: AnnalsError) {
  return { code, message, fate, hint, position, status, chromaName }
}

const everything = { include: ['embeddings', 'documents', 'metadatas', 'uris'] as const }

describe('reads', () => {
  test('of records are the same, bit for bit', async () => {
    const { embeddings } = await expectSame((_, own) => own.get({ include: [...everything.include] }))
    expect(Object.is(embeddings![0]![0], -0)).toBe(true)
    const query = { queryEmbeddings: [[1, 2, 3, 4]], include: [...everything.include] }
    await expectSame((_, own) => own.query(query))
    await expectSame((_, own) => own.asOf('before').query(query))
    await expectSame((_, own) => own.peek({ limit: 2 }))
  })

  test('of history, changes, differences and the log have the same instants', async () => {
    const [version] = await expectSame((_, own) => all(own.history('a')))
    expect(version!.committedAt).toBeInstanceOf(Date)
    expect(version!.after!.metadata!.committedAt).toBe('2026-01-01T00:00:00.000Z')
    await expectSame((_, own) => all(own.history('a', { order: 'desc' })))
    await expectSame((client) => all(client.changes()))
    await expectSame((_, own) => all(own.changes({ after: 3 })))
    await expectSame((client) => all(client.log()))
    await expectSame((client) =>
      all(client.log({ after: 1, until: 'before', actor: 'bob', type: ['add', 'update'], id: 'b' })),
    )
    await expectSame((client) => all(client.log({ collection: 'notes', until: new Date() })))
    for (const [from, to] of [
      [1, 'before'],
      ['before', 2],
      [0, new Date()],
    ] as [Point, Point][]) {
      await expectSame((client) => all(client.diff(from, to)))
      await expectSame((client) => client.diff(from, to).collect())
      await expectSame((_, own) => own.diff(from === 0 ? 1 : from, to).collect())
    }
  })

  test('of an explanation are the same', async () => {
    const query = { queryEmbeddings: [[1, 2, 3, 4]], nResults: 3 }
    const { queries } = await expectSame((_, own) => own.explainQuery(query, 'before', new Date()))
    const operations = queries[0]!.flatMap(({ causes }) => causes)
    expect(operations.length).toBeGreaterThan(0)
    expect(operations[0]!.committedAt).toBeInstanceOf(Date)
  })

  test('of figures, tags, tenants and databases are the same', async () => {
    await expectSame((client) => client.stats())
    await expectSame((client) => client.listTags())
    await expectSame((client) => client.listDatabases())
    await expectSame((client) => client.getTenant({ name: 'default_tenant' }))
    await expectSame((client) => client.getMaxBatchSize())
    await expectSame((client) => client.version())
    await expectSame(async (client) => (await client.asOf(4).listCollections()).map(({ name }) => name))
  })

  test('a point is resolved once, at the first read', async () => {
    await remote.tag('moving', 3)
    const view = notes.asOf('moving')
    expect(await view.count()).toBe(0)
    await remote.deleteTag('moving')
    await remote.tag('moving', 4)
    expect(await view.count()).toBe(0)
    expect(await notes.asOf('moving').count()).toBe(3)
  })
})

describe('proofs', () => {
  test('hold against a checkpoint that is signed here', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const issued = await remote.checkpoint(privateKey)
    const trusted = verifyCheckpoint(issued.note!, publicKey)!
    const proof = await expectSame((client) => client.proof(2, { content: true }))
    expect(verifyInclusion(proof, trusted)).toBe(true)
    const consistency = await expectSame((client) => client.consistency(3))
    expect(verifyConsistency(consistency, consistency.from, trusted)).toBe(true)
    await expectSame((client) => client.checkpoint())
    await expectSame((client) => client.proof(2, { size: 5 }))
  })
})

describe('care', () => {
  test('verifies, with progress and every finding as it is made', async () => {
    const findings: Finding[] = []
    let told = 0
    const result = await remote.verify({
      level: 'deep',
      onProgress: () => {
        told += 1
      },
      onFinding: (finding) => findings.push(finding),
    })
    expect(result).toEqual(await local.verify({ level: 'deep' }))
    expect(result.ok).toBe(true)
    expect(told).toBeGreaterThan(0)
    expect(findings).toEqual(result.findings)
    expect(await remote.repair()).toEqual({ ok: true, repaired: [], remaining: [] })
  })

  test('a signal ends long work, and is the reason', async () => {
    const stop = new AbortController()
    stop.abort(new Error('enough'))
    await expect(remote.verify({ signal: stop.signal })).rejects.toThrow('enough')
    const midway = new AbortController()
    const verifying = remote.verify({
      level: 'deep',
      signal: midway.signal,
      onProgress: () => midway.abort(new Error('midway')),
    })
    await expect(verifying).rejects.toThrow('midway')
    expect(await notes.count()).toBe(4)
  })

  test('reindexes, compacts, vacuums', async () => {
    const report = await notes.reindex({ hnsw: { maxNeighbors: 24 } }, { actor: 'ada' })
    expect(report).toMatchObject({ segments: { before: 0, after: 0 }, recall: 1 })
    expect(notes.configuration.hnsw.max_neighbors).toBe(24)
    expect(Object.keys(await remote.compact({ recallMin: 0.5 }))).toEqual([notes.id])
    await remote.setRetention({ history: { versions: 1 } }, { collection: 'renamed' })
    await remote.deleteTag('before')
    const plan = await remote.vacuum({ dryRun: true })
    expect(plan.versions).toBe(2)
    expect(await remote.vacuum({}, { actor: 'ada' })).toMatchObject({ versions: 2, payloads: plan.payloads })
    await expectSame((client) => all(client.log({ after: 9 })))
  })

  test('erases, with a certificate that holds', async () => {
    const erasure = await remote.erase({ collection: 'renamed', ids: ['a'] }, { reason: 'asked for' })
    expect(erasure.receipt.committedAt).toBeInstanceOf(Date)
    expect(verifyErasure(erasure.certificate!, erasure.certificate!.after)).toBe(true)
    await expectSame((_, own) => all(own.history('a')))
  })
})

describe('a backup', () => {
  test('is written here, continued, and restored', async () => {
    const folder = join(temporary(), 'backup')
    const steps: number[] = []
    const first = await remote.backup(folder, {
      until: 'before',
      onProgress: ({ position }) => steps.push(position),
    })
    expect(first).toMatchObject({ position: 4, records: 4, path: folder })
    expect(steps).toEqual([4])
    const { head, root } = await remote.stats()
    expect(await remote.backup(folder, { chunkBytesMax: 300 })).toMatchObject({ position: head, root })
    const path = join(temporary(), 'restored')
    await restore(folder, { path })
    const restored = new PersistentClient({ path })
    afterwards(() => restored.close())
    expect((await restored.stats()).root).toBe(root)
    const copy = await restored.getCollection({ name: 'renamed' })
    expect(await copy.get()).toEqual(await notes.get())
  })

  test('is named by an erasure of what it holds, as one on another machine', async () => {
    const folder = join(temporary(), 'backup')
    const made = await remote.backup(folder)
    const { backups, backupsComplete } = await local.erase({ collection: 'renamed', ids: ['a'] })
    const [named] = backups.filter(({ path }) => path === folder)
    expect(named).toMatchObject({ host: hostname(), after: 0, until: made.position, present: null })
    expect(named?.positions.length).toBeGreaterThan(0)
    expect(backupsComplete).toBe(true)
    const far = await remote.erase({ collection: 'renamed', ids: ['a'] })
    expect(far.backups.filter(({ path }) => path === folder)).toEqual([named])
  })

  test('that says nothing sensible of itself is refused', async () => {
    const said = { host: 'there', path: '/backup', createdAt: new Date().toISOString(), after: 0, until: 1 }
    const post = (body: object) =>
      fetch(`http://127.0.0.1:${place.relay.port}/api/v2/backup`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    expect((await post(said)).status).toBe(200)
    const wrong: object[] = [
      { host: '' },
      { path: 'p'.repeat(4097) },
      { createdAt: 'now' },
      { after: 1 },
      { until: 10 ** 9 },
    ]
    for (const part of wrong)
      expect((await post({ ...said, ...part })).status, JSON.stringify(part)).toBe(400)
    for (const part of [{ host: null }, { other: 1 }])
      expect((await post({ ...said, ...part })).status).toBe(422)
  })

  test('beginning later has the same files as one of the store in this process', async () => {
    const folders = [join(temporary(), 'far'), join(temporary(), 'near')]
    const far = await remote.backup(folders[0]!, { from: 2, until: 5 })
    const near = await local.backup(folders[1]!, { from: 2, until: 5 })
    expect({ ...far, path: '' }).toEqual({ ...near, path: '' })
  })

  test('into the folder of another store is refused', async () => {
    const folder = join(temporary(), 'backup')
    const other = place.client({ tenant: 'other', database: 'other' })
    await other.backup(folder)
    const stranger = await site()
    await stranger.client().createTenant({ name: 'acme' })
    await expect(stranger.client().backup(folder)).rejects.toMatchObject({ code: 'backup_mismatch' })
  })
})

describe('errors are the same, word for word', () => {
  test.each<[string, (client: Client, notes: Collection) => unknown]>([
    ['a missing collection', (client) => client.getCollection({ name: 'nowhere' })],
    ['a name that is a step', (client) => client.getCollection({ name: '..' })],
    ['a name with a slash', (client) => client.getCollection({ name: 'a/b?c#d' })],
    ['a missing collection to delete', (client) => client.deleteCollection({ name: '.' })],
    [
      'a missing collection by id',
      (client) => client.getCollectionById({ id: `${'0'.repeat(8)}-0000-0000-0000-000000000000` }),
    ],
    ['a missing tenant', (client) => client.getTenant({ name: '.' })],
    ['a database of no tenant', (client) => client.createDatabase({ name: 'main', tenant: 'nobody' })],
    ['a missing database', (client) => client.getDatabase({ name: 'none' })],
    ['a missing tag', (client) => client.asOf('none').countCollections()],
    ['a missing tag to delete', (client) => client.deleteTag('..')],
    ['a tag that is there', (client) => client.tag('before', 1)],
    ['a point ahead', (_, own) => own.asOf(99).get()],
    ['a dimension', (_, own) => own.add({ ids: ['x'], embeddings: [[1]] })],
    ['a conflict', (_, own) => own.add({ ids: ['x'], embeddings: [[1, 2, 3, 4]] }, { expectedPosition: 1 })],
    ['a filter', (_, own) => own.get({ where: { a: { $gt: 'x' } } as never })],
    ['a proof ahead', (client) => client.proof(99)],
    ['a proof of no position', (client) => client.proof(0)],
    ['a retention', (client) => client.setRetention({ history: 'short' } as never)],
    ['a retention of nothing', (client) => client.setRetention({ history: 'forever' }, { collection: 'no' })],
    ['a key for a vacuum', (client) => client.vacuum({}, { idempotencyKey: 'k' })],
    ['an erasure of nothing', (client) => client.erase({ collection: 'none', ids: ['a'] })],
    ['a log that is none', (client) => all(client.log({ collection: 'none' }))],
    ['a diff ahead', (client) => all(client.diff(1, 99))],
    ['changes ahead', (client) => all(client.changes({ after: 99 }))],
    ['a level', (client) => client.verify({ level: 'slow' as never })],
    ['a checkpoint with no key', (client) => client.checkpoint('no key')],
    ['a reindexing of the space', (_, own) => own.reindex({ hnsw: { space: 'ip' } })],
  ])('%s', async (_, ask) => {
    await expectSameError(ask)
  })
})
