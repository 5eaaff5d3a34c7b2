/**
 * The first hour of a new user who knows Chroma: start the server, connect with Chroma's own client, load, search,
 * stop, start again; then take the records elsewhere.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ChromaClient } from 'chromadb'
import { expect, test } from 'vitest'
import { annals, json, listening, start, stopped, temporary } from './support.ts'

const folder = temporary()
const path = join(folder, 'data')
const recordCount = 10_000
const batchSize = 1_000

const topics = ['metal', 'river', 'planet', 'bird'] as const

function batch(first: number) {
  const numbers = Array.from({ length: batchSize }, (_, index) => first + index)
  return {
    ids: numbers.map((number) => `fact-${number}`),
    documents: numbers.map((number) => `Fact ${number} tells of a ${topics[number % 4]}.`),
    metadatas: numbers.map((number) => ({ number, topic: topics[number % 4]! })),
    // Unlike each other, and each its own nearest.
    embeddings: numbers.map((number) =>
      Array.from({ length: 32 }, (_, axis) => Math.sin(number * (axis + 1))),
    ),
  }
}

test('as a new user would type it', async () => {
  let server = start(['run', '--path', path, '--port', '0'])
  let client = new ChromaClient({ host: '127.0.0.1', port: await listening(server) })
  const facts = await client.createCollection({ name: 'facts', embeddingFunction: null })
  for (let first = 0; first < recordCount; first += batchSize) await facts.add(batch(first))
  expect(await facts.count()).toBe(recordCount)

  const asked = { queryEmbeddings: [batch(4_000).embeddings[321]!], nResults: 3 }
  expect((await facts.query(asked)).ids[0]![0]).toBe('fact-4321')
  const rivers = await facts.query({ ...asked, where: { topic: 'river' } })
  expect(rivers.metadatas[0]!.map((metadata) => metadata?.topic)).toEqual(['river', 'river', 'river'])
  const some = await facts.get({ where: { number: { $lt: 10 } }, whereDocument: { $contains: 'bird' } })
  expect(some.ids).toEqual(['fact-3', 'fact-7'])
  expect(await stopped(server, 'SIGTERM')).toBe(0)

  server = start(['run', '--path', path, '--port', '0'])
  client = new ChromaClient({ host: '127.0.0.1', port: await listening(server) })
  const again = await client.getCollection({ name: 'facts', embeddingFunction: null as never })
  expect(await again.count()).toBe(recordCount)
  expect((await again.query(asked)).ids[0]![0]).toBe('fact-4321')

  // While the server has the folder, nobody else does; the message says what to do.
  const locked = await annals(['count', 'facts', '--path', path])
  expect(locked.status).toBe(1)
  expect(locked.stderr).toMatch(/open in another process.*\[store_locked\]\n {2}hint: .*--url/)
  expect((await annals(['inspect', path])).stdout).toContain('10,000')
  expect(await stopped(server, 'SIGINT')).toBe(0)

  for (const format of ['json', 'csv']) {
    const file = join(folder, `facts.${format}`)
    expect(await json(['export', 'facts', file, '--path', path])).toMatchObject([{ records: recordCount }])
    expect(readFileSync(file, 'utf8')).toContain('Fact 4321 tells of a river.')
    const elsewhere = join(folder, `from-${format}`)
    const imported = await json(['import', file, 'facts', '--path', elsewhere])
    expect(imported).toMatchObject([{ records: recordCount, changed: recordCount, failed: 0 }])
    const one = ['get', 'facts', 'fact-4321', '--embeddings']
    expect(await json([...one, '--path', elsewhere])).toEqual(await json([...one, '--path', path]))
  }
}, 300_000)

test('a port that is taken is said, with what to do', async () => {
  const server = start(['run', '--ephemeral', '--port', '0'])
  const port = await listening(server)
  const { status, stderr } = await annals(['run', '--ephemeral', '--port', String(port)])
  expect(status).toBe(1)
  expect(stderr).toContain('EADDRINUSE')
  expect(stderr).toContain('--port 0')
  expect(await stopped(server, 'SIGTERM')).toBe(0)
})

test.each([
  [['--port', 'eighty'], '--port'],
  [['--limits-results', '0'], '--limits-results'],
  [['--config', '/nowhere.yaml'], '/nowhere.yaml'],
])('run %j is not understood', async (args, named) => {
  const { status, stderr } = await annals(['run', '--ephemeral', ...args])
  expect(status).toBe(2)
  expect(stderr).toContain(named)
})
