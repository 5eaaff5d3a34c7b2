import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { verifyCheckpoint } from '../../src/audit/checkpoint.ts'
import { verifyConsistency, verifyInclusion } from '../../src/audit/proofs.ts'
import { ItemReader } from '../../src/format/backup-file.ts'
import type { ServerOptions } from '../../src/server/configuration/server-options.ts'
import { type Answered, call, databasePath, newCollection, startServer } from './support.ts'

/** A collection whose record `a` was added at 2, updated at 4 and deleted at 5; `b` was added at 3. */
async function begin(options: ServerOptions = {}) {
  const server = await startServer(options)
  const collection = await newCollection(server)
  const ask = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
    const answer = await call(server, method, path, body, headers)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
    return answer
  }
  const by = (actor: string, reason: string) => ({ 'x-annals-actor': actor, 'x-annals-reason': reason })
  const records = {
    ids: ['a', 'b'],
    embeddings: [
      [1, 0],
      [0, 1],
    ],
    documents: ['first', null],
  }
  await ask('POST', `${collection}/add`, records, by('ada', 'a%20beginning'))
  await ask('POST', `${collection}/update`, { ids: ['a'], documents: ['second'] }, by('b%C3%A9la', ''))
  await ask('POST', `${collection}/delete`, { ids: ['a'] })
  return { server, collection, ask }
}

// biome-ignore lint/suspicious/noExplicitAny: whatever a line holds
function lines({ text, headers }: Answered): Record<string, any>[] {
  expect(headers.get('content-type')).toBe('application/x-ndjson')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, never>)
}

test('reads as of a position, an instant and a tag; the answer names the position', async () => {
  const { server, collection, ask } = await begin()
  await ask('POST', '/api/v2/tags', { name: 'before', point: 4 })
  const documents = async (point: string) => {
    const answer = await ask('POST', `${collection}/get?as_of=${point}`, {})
    return [answer.headers.get('x-annals-as-of'), (answer.json() as { documents: string[] }).documents]
  }
  expect(await documents('3')).toEqual(['3', ['first', null]])
  expect(await documents('tag:before')).toEqual(['4', ['second', null]])
  expect(await documents(new Date().toISOString())).toEqual(['6', [null]])
  expect((await ask('GET', `${collection}/count?as_of=4`)).text).toBe('2')
  const found = await ask('POST', `${collection}/query?as_of=4`, { query_embeddings: [[1, 0]], n_results: 1 })
  expect(found.json()).toMatchObject({ ids: [['a']], documents: [['second']] })
  await ask('DELETE', `${databasePath}/collections/notes`)
  expect((await call(server, 'GET', `${collection}/count`)).status).toBe(404)
  expect((await ask('GET', `${collection}/count?as_of=3`)).text).toBe('2')
  expect((await ask('GET', `${databasePath}/collections_count?as_of=3`)).text).toBe('1')
  expect((await ask('GET', `${databasePath}/collections?as_of=3`)).json()).toMatchObject([{ name: 'notes' }])
  expect((await ask('GET', `${databasePath}/collections/notes?as_of=3`)).json()).toMatchObject({
    name: 'notes',
  })
})

test('writes answer with their receipt in headers, repeat by key and refuse a stale position', async () => {
  const { server, collection, ask } = await begin()
  const begun = Date.now()
  const receipt = ({ headers }: Answered) => [headers.get('x-annals-position'), headers.get('x-annals-count')]
  const add = { ids: ['k'], embeddings: [[1, 1]] }
  const key = { 'idempotency-key': 'once%20only' }
  const first = await ask('POST', `${collection}/add`, add, key)
  expect(receipt(first)).toEqual(['6', '1'])
  expect(Date.parse(first.headers.get('x-annals-committed-at')!)).toBeGreaterThanOrEqual(begun)
  expect(receipt(await ask('POST', `${collection}/delete`, { ids: ['k'] }, key))).toEqual(['6', '1'])
  expect((await ask('GET', `${collection}/count`)).text).toBe('2')
  const stale = await call(
    server,
    'POST',
    `${collection}/add`,
    { ids: ['l'], embeddings: [[1, 1]] },
    { 'x-annals-expected-position': '3' },
  )
  expect([stale.status, stale.json()]).toEqual([
    409,
    expect.objectContaining({
      error: 'ConditionalWriteConflictError',
      code: 'conflict',
      fate: 'not_written',
    }),
  ])
  expect((await call(server, 'POST', `${collection}/add`, add, { 'x-annals-actor': '%E0%A4' })).status).toBe(
    400,
  )
  const position = (await ask('GET', `${databasePath}/collections/notes`)).json() as { log_position: number }
  expect(position.log_position).toBe(6)
})

test('the history of a record, one version a line', async () => {
  const { server, collection, ask } = await begin()
  const versions = lines(await ask('GET', `${collection}/history?id=a`))
  expect(versions.map(({ position, type, actor, reason }) => [position, type, actor, reason])).toEqual([
    [2, 'add', 'ada', 'a beginning'],
    [4, 'update', 'béla', null],
    [5, 'delete', null, null],
  ])
  expect(versions[1]).toMatchObject({
    before: { document: 'first', embedding: [1, 0] },
    after: { document: 'second' },
  })
  const backwards = lines(await ask('GET', `${collection}/history?id=a&order=desc&as_of=4`))
  expect(backwards.map(({ position }) => position)).toEqual([4, 2])
  expect((await ask('GET', `${collection}/history?id=nobody`)).text).toBe('')
  for (const query of ['', '?id=a&order=up', '?id=a&other=1'])
    expect((await call(server, 'GET', `${collection}/history${query}`)).status).toBe(400)
})

test('differences and the log, one a line', async () => {
  const { collection, ask } = await begin()
  const answer = await ask('GET', `${collection}/diff?from=1&to=4`)
  expect([answer.headers.get('x-annals-from'), answer.headers.get('x-annals-to')]).toEqual(['1', '4'])
  expect(lines(answer).map(({ kind, id }) => [kind, id])).toEqual([
    ['added', 'b'],
    ['added', 'a'],
  ])
  const all = lines(await ask('GET', `${databasePath}/diff?from=0&to=5`))
  expect(all.map(({ subject, kind }) => [subject, kind])).toEqual([
    ['collection', 'created'],
    ['record', 'added'],
  ])
  const log = async (query: string) =>
    lines(await ask('GET', `${databasePath}/log?${query}`)).map(({ position }) => position)
  expect(await log('')).toEqual([1, 2, 3, 4, 5])
  expect(await log('type=update&type=delete')).toEqual([4, 5])
  expect(await log('actor=ada&after=1')).toEqual([2, 3])
  expect(await log('after=2')).toEqual([3, 4, 5])
  expect(await log('collection=notes&id=a&until=4')).toEqual([2, 4])
})

test('an explained query', async () => {
  const { collection, ask } = await begin()
  const query = { query_embeddings: [[1, 0]] }
  const { queries } = (await ask('POST', `${collection}/explain_query?from=3&to=5`, query)).json() as {
    queries: Record<string, never>[][]
  }
  expect(queries[0]!.map(({ id, change }) => [id, change])).toEqual([
    ['b', 'moved'],
    ['a', 'left'],
  ])
})

/** Reads events until `enough` says so, then leaves. */
async function readEvents(
  url: string,
  headers: Record<string, string>,
  enough: (text: string) => boolean,
): Promise<string> {
  const leave = new AbortController()
  const answer = await fetch(url, { headers, signal: leave.signal })
  expect(answer.headers.get('content-type')).toBe('text/event-stream')
  let text = ''
  const decoder = new TextDecoder()
  for await (const piece of answer.body!) {
    text += decoder.decode(piece, { stream: true })
    if (enough(text)) break
  }
  leave.abort()
  return text
}

const idsIn = (text: string): number[] => [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))

test('the change feed: from the beginning to its end, resumed, of one collection', async () => {
  const { server, collection, ask } = await begin()
  const ended = await ask('GET', `${databasePath}/changes?live=false`)
  expect(idsIn(ended.text)).toEqual([1, 2, 3, 4, 5])
  expect(ended.text).toMatch(/event: end\ndata: \{\}\n\n$/)
  const [, data] = /id: 4\nevent: change\ndata: (.*)\n\n/.exec(ended.text) ?? []
  expect(JSON.parse(data!)).toMatchObject({
    type: 'update',
    id: 'a',
    before: { document: 'first' },
    actor: 'béla',
  })
  const resumed = await ask('GET', `${collection}/changes?live=false&after=0`, undefined, {
    'last-event-id': '3',
  })
  expect(idsIn(resumed.text)).toEqual([4, 5])
  const other = await newCollection(server, { name: 'other' })
  await ask('POST', `${other}/add`, { ids: ['x'], embeddings: [[1]] })
  const named = await ask('GET', `${databasePath}/changes?live=false&after=5&collection=other`)
  expect(idsIn(named.text)).toEqual([6, 7])
  expect(idsIn((await ask('GET', `${collection}/changes?live=false&after=5`)).text)).toEqual([])
})

test('the change feed goes on with what is yet to come, and lives through silence', async () => {
  const { server, collection, ask } = await begin({ heartbeatMs: 20 })
  const url = `${server.url}${collection}/changes?after=5`
  const live = readEvents(url, {}, (text) => /id: 7/.test(text))
  const silent = readEvents(url, {}, (text) => text.split(': \n\n').length > 4)
  expect(idsIn(await silent)).toEqual([])
  await ask('POST', `${collection}/add`, {
    ids: ['c', 'd'],
    embeddings: [
      [1, 1],
      [2, 2],
    ],
  })
  expect(idsIn(await live)).toEqual([6, 7])
})

test('an error of the feed is an event; a malformed request is an answer', async () => {
  const { server, collection, ask } = await begin()
  const ahead = await ask('GET', `${collection}/changes?after=99`)
  expect(ahead.text).toMatch(/event: error\ndata: .*"code":"position_not_reached"/)
  expect((await call(server, 'GET', `${collection}/changes?after=x`)).status).toBe(400)
  expect(
    (await call(server, 'GET', `${collection}/changes`, undefined, { 'last-event-id': 'x' })).status,
  ).toBe(400)
})

test('a feed that nobody reads holds up nothing, and a server that stops ends it', async () => {
  const { server, collection, ask } = await begin({ limits: { stopTimeoutMs: 200 } })
  const idle = await fetch(`${server.url}${collection}/changes`)
  const document = 'x'.repeat(200_000)
  for (let round = 0; round < 20; round++)
    await ask('POST', `${collection}/upsert`, {
      ids: ['a'],
      embeddings: [[1, 1]],
      documents: [document + round],
    })
  // What was sent and is never read is cut off; a server that waited for its reader would wait for ever.
  await server.close()
  await idle.text().catch(() => undefined)
})

test('long work tells its progress, then its result', async () => {
  const { server, collection, ask } = await begin()
  const verified = lines(await ask('POST', '/api/v2/verify', { level: 'deep' }))
  expect(verified.length).toBeGreaterThan(1)
  expect(verified.slice(0, -1).every(({ progress }) => progress !== undefined)).toBe(true)
  expect(verified.at(-1)).toMatchObject({ result: { ok: true, level: 'deep', findings: [] } })
  expect(lines(await ask('POST', '/api/v2/verify')).at(-1)).toMatchObject({ result: { level: 'full' } })
  expect(lines(await ask('POST', '/api/v2/repair')).at(-1)).toMatchObject({
    result: { ok: true, repaired: [] },
  })
  expect(lines(await ask('POST', '/api/v2/compact')).at(-1)).toMatchObject({ result: expect.any(Object) })
  const reindexed = lines(await ask('POST', `${collection}/reindex`, { hnsw: { ef_construction: 50 } }))
  expect(reindexed.at(-1)).toMatchObject({ result: { segments: { before: 0, after: 0 }, recall: 1 } })
  for (const [path, body] of [
    ['/api/v2/verify', { level: 'thorough' }],
    [`${collection}/reindex`, { hnsw: { space: 'ip' } }],
    ['/api/v2/vacuum', { dryRun: 'yes' }],
    ['/api/v2/repair', { anything: 1 }],
  ] as const) {
    const refused = await call(server, 'POST', path, body)
    expect([400, 422], path).toContain(refused.status)
    expect(refused.json(), path).toHaveProperty('message')
  }
})

test('retention, vacuum and erasure', async () => {
  const { server, collection, ask } = await begin()
  expect(
    (await ask('PUT', `${databasePath}/retention`, { retention: { history: { versions: 1 } } })).text,
  ).toBe('{}')
  const [dry] = lines(await ask('POST', '/api/v2/vacuum', { dryRun: true })).slice(-1) as {
    result: Record<string, number>
  }[]
  expect(dry).toMatchObject({ result: { bytes: 0 } })
  expect(dry!.result.versions).toBeGreaterThan(0)
  await ask('POST', '/api/v2/vacuum', {})
  const gone = await call(server, 'GET', `${collection}/count?as_of=3`)
  expect([gone.status, gone.json()]).toEqual([410, expect.objectContaining({ code: 'history_truncated' })])
  const erased = await ask('POST', `${databasePath}/erase`, { collection: 'notes', ids: ['b'] })
  expect(erased.json()).toMatchObject({ receipt: { count: 2 }, certificate: { ids: ['b'] } })
  expect(erased.headers.get('x-annals-count')).toBe('2')
  expect((await ask('GET', `${collection}/count`)).text).toBe('0')
})

test('tags', async () => {
  const { server, ask } = await begin()
  await ask('POST', '/api/v2/tags', { name: 'one', point: 3 })
  await ask('POST', '/api/v2/tags', { name: 'two', point: 'tag:one' })
  expect((await ask('GET', '/api/v2/tags')).json()).toEqual([
    { name: 'one', position: 3 },
    { name: 'two', position: 3 },
  ])
  expect((await call(server, 'POST', '/api/v2/tags', { name: 'one', point: 1 })).status).toBe(409)
  await ask('DELETE', '/api/v2/tags/one')
  expect((await call(server, 'DELETE', '/api/v2/tags/one')).status).toBe(404)
})

test('proofs and checkpoints verify elsewhere', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const { ask } = await begin({ signingKey: privateKey })
  const checkpoint = (await ask('GET', '/api/v2/checkpoint')).json() as {
    note: string
    size: number
    root: string
  }
  const trusted = verifyCheckpoint(checkpoint.note, publicKey)!
  expect(trusted).toMatchObject({ size: 5, root: checkpoint.root })
  const proof = (await ask('GET', '/api/v2/proof?position=2&content=true')).json() as never
  expect(verifyInclusion(proof, trusted)).toBe(true)
  const consistency = (await ask('GET', '/api/v2/consistency?from=2')).json() as { from: never }
  expect(verifyConsistency(consistency as never, consistency.from, trusted)).toBe(true)
  expect((await ask('GET', '/api/v2/log_position')).json()).toEqual({ position: 5 })
})

test('a backup reads the log as leaves and frames', async () => {
  const { server, ask } = await begin()
  const range = (await ask('GET', '/api/v2/backup?from=3')).json() as Record<string, number>
  expect(range).toMatchObject({ head: 5, from: 3, until: 5, epoch: 0 })
  const bytes = async (path: string) => Buffer.from(await (await fetch(server.url + path)).arrayBuffer())
  expect((await bytes('/api/v2/backup/leaves')).length).toBe(5 * 32)
  expect((await bytes('/api/v2/backup/leaves?after=4&until=5')).length).toBe(32)
  const items = new ItemReader().push(await bytes('/api/v2/backup/frames?after=1&until=4'))
  expect(items.map(({ position }) => position)).toEqual([2, 3, 4])
  for (const query of ['after=3&until=2', 'until=99', 'after=x'])
    expect((await call(server, 'GET', `/api/v2/backup/frames?${query}`)).status).toBe(400)
})

test('figures and flush', async () => {
  const { ask } = await begin()
  expect((await ask('POST', '/api/v2/flush')).text).toBe('{}')
  expect((await ask('GET', '/api/v2/stats')).json()).toMatchObject({
    head: 5,
    path: null,
    collections: [{ name: 'notes', records: 1, lastPosition: 5 }],
  })
})

test('a conditional transaction: reads with a token, a commit, a conflict, a stale read', async () => {
  const { server, collection, ask } = await begin()
  const read = async (body: object) =>
    (await ask('POST', `${collection}/conditional/get`, body)).json() as { ids: string[]; read_token: number }
  const { ids, read_token } = await read({ ids: ['b', 'new'], include: ['documents'] })
  expect([ids, read_token]).toEqual([['b'], 5])
  expect((await read({ ids: ['b'], read_token })).read_token).toBe(5)
  const commit = {
    read_token,
    read_ids: ['b', 'new'],
    operations: [
      { operation: 'add', payload: { ids: ['new'], embeddings: [[1, 1]] } },
      { operation: 'update', payload: { ids: ['b'], documents: ['changed'] } },
    ],
  }
  const done = await ask('POST', `${collection}/conditional/commit`, commit)
  expect(done.json()).toEqual({ first_inserted_record_offset: 6, record_count: 2 })
  expect(done.headers.get('x-annals-position')).toBe('7')
  const again = await call(server, 'POST', `${collection}/conditional/commit`, commit)
  expect([again.status, again.json()]).toEqual([
    409,
    expect.objectContaining({ error: 'ConditionalWriteConflictError' }),
  ])
  expect((await ask('POST', `${collection}/conditional/commit`, { operations: [] })).json()).toEqual({
    first_inserted_record_offset: null,
    record_count: 0,
  })
  for (const operation of [
    { operation: 'delete', payload: { ids: ['b'], where: { a: 1 } } },
    { operation: 'delete', payload: { where: { a: 1 } } },
  ])
    expect(
      (await call(server, 'POST', `${collection}/conditional/commit`, { operations: [operation] })).status,
    ).toBe(400)
  const unknown = { operations: [{ operation: 'replace', payload: {} }] }
  expect((await call(server, 'POST', `${collection}/conditional/commit`, unknown)).status).toBe(422)
  const unread = { read_ids: ['b'], operations: [] }
  expect((await call(server, 'POST', `${collection}/conditional/commit`, unread)).status).toBe(400)
})

test('an upsert without vectors, for clients that ask for it', async () => {
  const { server, collection, ask } = await begin()
  const partial = { ids: ['b'], embeddings: [null], metadatas: [{ x: 1 }] }
  expect((await call(server, 'POST', `${collection}/upsert`, partial)).status).toBe(422)
  await ask('POST', `${collection}/upsert?partial=true`, partial)
  const body = { include: ['embeddings', 'metadatas'] }
  expect((await ask('POST', `${collection}/get`, body)).json()).toMatchObject({
    embeddings: [[0, 1]],
    metadatas: [{ x: 1 }],
  })
})
