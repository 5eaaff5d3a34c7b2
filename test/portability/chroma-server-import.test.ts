import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { EphemeralClient, importChromaServer } from '../../src/index.ts'

interface Recorded {
  tenant: string
  database: string
  name: string
  metadata: object | null
  configuration: object
  records: { id: string; document?: string; metadata?: object; uri?: string; embedding: number[] }[]
}

// What a real server of version 1.0.1 answered for these collections, in the shapes in which it answers.
const fixture = join(import.meta.dirname, '../fixtures/chroma-1.0.1/expected.json')
const collections = (JSON.parse(readFileSync(fixture, 'utf8')) as { collections: Recorded[] }).collections

let server: Server
let url: string
let requests: string[] = []
let fault: 'none' | 'forbidden' | 'no json' | 'grows' = 'none'

function answer(path: string, query: URLSearchParams, body: { limit?: number; offset?: number }): unknown {
  const page = <T>(list: T[], { limit = 100, offset = 0 }) => list.slice(offset, offset + limit)
  const paged = { limit: Number(query.get('limit') ?? 100), offset: Number(query.get('offset') ?? 0) }
  const parts = path.split('/').slice(3).map(decodeURIComponent)
  if (path === '/api/v2/auth/identity')
    return { user_id: '', tenant: 'default_tenant', databases: ['default_database'] }
  const [, tenant, , database, , id, verb] = parts
  const mine = collections.filter((one) => one.tenant === tenant)
  if (parts.length === 3)
    return page(
      [...new Set(mine.map((one) => one.database))].map((name) => ({ id: name, name, tenant })),
      paged,
    )
  if (parts.length === 5)
    return page(
      mine
        .filter((one) => one.database === database)
        .map((one) => ({
          id: `id of ${one.name}`,
          name: one.name,
          configuration_json: one.configuration,
          metadata: one.metadata,
          dimension: one.records[0]?.embedding.length ?? null,
          tenant,
          database,
          log_position: 0,
          version: 0,
        })),
      paged,
    )
  const records = mine.find((one) => `id of ${one.name}` === id)?.records ?? []
  if (verb === 'count') return records.length + (fault === 'grows' ? requests.length : 0)
  const rows = page(records, body)
  return {
    ids: rows.map((row) => row.id),
    embeddings: rows.map((row) => row.embedding),
    documents: rows.map((row) => row.document ?? null),
    metadatas: rows.map((row) => row.metadata ?? null),
    uris: rows.map((row) => row.uri ?? null),
    include: ['embeddings', 'documents', 'metadatas', 'uris'],
  }
}

beforeAll(async () => {
  server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    requests.push(`${request.method} ${request.url} ${request.headers['x-chroma-token'] ?? ''}`)
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
    response.setHeader('content-type', 'application/json')
    if (fault === 'forbidden') response.statusCode = 403
    if (fault === 'forbidden') response.end('{"error":"ChromaError","message":"Forbidden"}')
    else if (fault === 'no json') response.end('<html>')
    else response.end(JSON.stringify(answer(pathname, searchParams, text === '' ? {} : JSON.parse(text))))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => new Promise((done) => server.close(done)))

let client: EphemeralClient
beforeEach(() => {
  client = new EphemeralClient()
  requests = []
  fault = 'none'
})
afterEach(() => client.close())

it('imports everything page by page, vectors bit for bit', async () => {
  const tenants = ['default_tenant', 'acme']
  const report = await importChromaServer(url, client, {
    tenants,
    batchSize: 40,
    headers: { 'x-chroma-token': 't' },
  })
  expect(report).toMatchObject({ records: 268, failed: 0 })
  for (const { tenant, database, name, records, metadata, configuration } of collections) {
    const collection = await client.scope({ tenant, database }).getCollection({ name })
    expect(collection.metadata).toEqual(metadata)
    expect(collection.configuration).toMatchObject({ hnsw: (configuration as { hnsw: object }).hnsw })
    const rows = (await collection.get({ include: ['embeddings', 'documents', 'metadatas', 'uris'] })).rows()
    expect(rows).toEqual(
      records.map((row) => ({
        id: row.id,
        embedding: row.embedding.map(Math.fround),
        document: row.document ?? null,
        metadata: row.metadata != null && Object.keys(row.metadata).length > 0 ? row.metadata : null,
        uri: row.uri ?? null,
      })),
    )
  }
  expect(requests.every((request) => request.endsWith(' t'))).toBe(true)
  expect(requests.filter((request) => request.includes('/get')).length).toBeGreaterThan(8)
})

it('takes the tenant that the server names, and paths with a slash at the end', async () => {
  const report = await importChromaServer(`${url}/`, client)
  expect(report.collections.map(({ name }) => name)).toEqual(['configured', 'plain', 'legacy'])
})

it('says what the server said', async () => {
  fault = 'forbidden'
  await expect(importChromaServer(url, client)).rejects.toThrow(/answered 403 to .*Forbidden/)
  fault = 'no json'
  await expect(importChromaServer(url, client)).rejects.toThrow('answered no JSON')
  await expect(importChromaServer('http://127.0.0.1:9', client)).rejects.toMatchObject({
    code: 'import_failed',
  })
  await expect(importChromaServer('file:///etc/passwd', client)).rejects.toMatchObject({
    code: 'invalid_argument',
  })
})

it('notices that somebody writes meanwhile', async () => {
  fault = 'grows'
  await expect(importChromaServer(url, client)).rejects.toThrow('changed while it was imported')
})
