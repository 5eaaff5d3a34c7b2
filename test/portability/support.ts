import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import {
  type Client,
  type Collection,
  PersistentClient,
  type Point,
  type ReadableClient,
} from '../../src/index.ts'

/** The same random numbers for the same seed (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const folders: string[] = []
const clients: PersistentClient[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close().catch(() => undefined)
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A folder that is removed after the test. */
export function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'annals-portability-'))
  folders.push(folder)
  return folder
}

/** A client that is closed after the test. */
export function open(path: string): PersistentClient {
  const client = new PersistentClient({ path })
  clients.push(client)
  return client
}

/** A copy of a fixture in a temporary folder. */
export function fixture(name: string): string {
  const copy = join(temporary(), 'store')
  cpSync(join(import.meta.dirname, '../fixtures', name), copy, { recursive: true })
  return copy
}

export const dimension = 8

export function vector(random: () => number): Float32Array {
  return Float32Array.from({ length: dimension }, () => random() - 0.5)
}

/** Root of the log's tree as it stands. */
export async function rootOf(client: PersistentClient): Promise<string> {
  return (await client.store()).log.root.toString('hex')
}

export interface Written {
  /** Root of the log after each commit, by position. */
  roots: Map<number, string>
}

/** Fills a store with adds, updates, deletes and changes of collections, the same for the same seed. */
export async function write(client: PersistentClient, operations: number, seed: number): Promise<Written> {
  const random = randomFrom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const roots = new Map<number, string>([[0, await rootOf(client)]])
  const collections: Collection[] = []
  let made = 0
  for (let position = 0; position < operations; ) {
    const kind = random()
    let receipt = { position, count: 0 }
    if (collections.length < 2 || kind < 0.005) {
      const options = { name: `collection-${seed}-${made++}`, embeddingFunction: null }
      collections.push(await client.createCollection(options))
    } else if (kind < 0.008 && collections.length > 3) {
      const [gone] = collections.splice(below(collections.length), 1)
      receipt = await client.deleteCollection({ name: gone!.name })
    } else if (kind < 0.012) {
      const collection = collections[below(collections.length)]!
      receipt = await collection.modify({ name: `renamed-${seed}-${made++}` })
    } else receipt = await writeRecords(collections[below(collections.length)]!, random, below)
    position = receipt.count > 0 ? receipt.position : (await client.store()).log.head
    roots.set(position, await rootOf(client))
  }
  return { roots }
}

async function writeRecords(collection: Collection, random: () => number, below: (limit: number) => number) {
  const count = 1 + below(20)
  const ids = [...new Set(Array.from({ length: count }, () => `id-${below(150)}`))]
  const options = { actor: `actor-${below(3)}`, reason: `reason ${below(100)}` }
  const kind = random()
  if (kind < 0.15) return collection.delete({ ids }, options)
  const metadatas = ids.map(() => ({ number: below(100), topic: `t${below(5)}`, flag: random() < 0.5 }))
  if (kind < 0.4) return collection.update({ ids, metadatas }, options)
  return collection.upsert(
    {
      ids,
      embeddings: ids.map(() => vector(random)),
      documents: ids.map((id) => (random() < 0.2 ? null : `text of ${id}, ${below(1000)} 🌱`)),
      metadatas,
      uris: ids.map((id) => (random() < 0.8 ? null : `file:///${id}`)),
    },
    options,
  )
}

/** All that a reader sees: every collection, every record, and the answers to one query each. */
export async function contentOf(reader: ReadableClient): Promise<unknown[]> {
  const query = Array.from({ length: dimension }, (_, index) => Math.sin(index))
  const content: unknown[] = []
  for (const collection of await reader.listCollections({ limit: 1000 })) {
    const { ids, embeddings, documents, metadatas, uris } = await collection.get({
      include: ['embeddings', 'documents', 'metadatas', 'uris'],
    })
    const { id, name, metadata, configuration } = collection
    const near = embeddings?.[0]?.length === dimension ? await nearest(collection, query) : null
    content.push({ id, name, metadata, configuration, ids, embeddings, documents, metadatas, uris, near })
  }
  return content
}

async function nearest(collection: { query: Collection['query'] }, query: number[]) {
  const { ids, distances } = await collection.query({ queryEmbeddings: [query], nResults: 5 })
  return { ids, distances }
}

/** The content of a store as of a point, and of another one now. */
export async function expectSame(
  expect: (value: unknown) => { toEqual(other: unknown): void },
  actual: Client,
  expected: Client,
  point?: Point,
): Promise<void> {
  expect(await contentOf(actual)).toEqual(
    await contentOf(point === undefined ? expected : expected.asOf(point)),
  )
}
