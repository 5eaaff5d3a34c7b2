/** A process that writes is killed again and again; what it acknowledged is there, and nothing is there by half. */
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { PersistentClient } from '../../src/index.ts'
import { ask } from './children/answers.js'
import { applyTo, collectionNames, hnsw, operation } from './children/operations.js'
import { digestOf, ended, linesOf, startChild, Workplace } from './support.ts'

interface Kept {
  embedding: number[]
  document: string
  metadata: { group: number; n: number }
}
type State = Map<string, Map<string, Kept>>

const cycles = Number(process.env.ANNALS_KILL_CYCLES ?? 25)
/** A process that is killed while it writes has seen so many of its writes acknowledged before. */
const acknowledgedMin = 2
const work = new Workplace()
afterAll(() => work.cleanUp())

test(
  `keeps what it acknowledged through ${cycles} kills`,
  async () => {
    const path = join(work.folder(), 'store')
    const client = new PersistentClient({ path, diskReserveBytes: 0 })
    for (const name of collectionNames)
      await client.createCollection({ name, configuration: { hnsw }, embeddingFunction: null })
    let { head } = await client.stats()
    await client.close()

    const state: State = new Map(collectionNames.map((name: string) => [name, new Map()]))
    let next = 1
    let acknowledgedInAll = 0
    for (let cycle = 0; cycle < cycles; cycle++) {
      // Every fourth process is killed while it starts, or opens the store; the others while they write.
      const atStart = cycle % 4 === 3
      const delayMs = atStart ? 60 + ((cycle * 37) % 260) : (cycle * 7919) % 600
      const { started, acknowledged } = await writeAndKill(path, next, delayMs, atStart)
      acknowledgedInAll += acknowledged.size
      const store = new PersistentClient({ path, diskReserveBytes: 0 })
      const reached = (await store.stats()).head
      // Writes of one client take effect in the order of their calls, so what is there is a prefix of them.
      while (next <= started && head < reached) {
        head += applyTo(state, operation(next))
        if (acknowledged.has(next)) expect(head).toBe(acknowledged.get(next))
        next += 1
      }
      expect(head, 'a write is there by half').toBe(reached)
      for (const n of acknowledged.keys()) {
        if (n < next) continue
        // Acknowledged and not seen in the head: it changed nothing.
        for (; next <= n; next++) expect(applyTo(state, operation(next))).toBe(0)
      }
      await compare(store, state)
      await store.close()
    }
    expect(acknowledgedInAll).toBeGreaterThan(cycles)
    await compareWithRebuilt(path)
  },
  cycles * 60_000,
)

async function writeAndKill(path: string, first: number, delayMs: number, atStart: boolean) {
  const child = startChild('write-until-killed.js', [path, `${first}`])
  let errors = ''
  child.stderr!.on('data', (chunk) => (errors += chunk))
  let started = first - 1
  const acknowledged = new Map<number, number>()
  let killing = atStart
  if (atStart) setTimeout(() => child.kill('SIGKILL'), delayMs)
  for await (const line of linesOf(child)) {
    const [word, n, position] = line.split(' ')
    if (word === 'start') started = Number(n)
    else acknowledged.set(Number(n), Number(position))
    if (killing || acknowledged.size < acknowledgedMin) continue
    setTimeout(() => child.kill('SIGKILL'), delayMs)
    killing = true
  }
  expect(await ended(child), errors).toBe('SIGKILL')
  return { started, acknowledged }
}

async function compare(client: PersistentClient, state: State): Promise<void> {
  for (const [name, records] of state) {
    const collection = await client.getCollection({ name })
    expect(await collection.count()).toBe(records.size)
    const { ids, embeddings, documents, metadatas } = await collection.get({
      include: ['embeddings', 'documents', 'metadatas'],
    })
    const found = new Map(
      ids.map((id, index) => [
        id,
        { embedding: embeddings![index], document: documents![index], metadata: metadatas![index] },
      ]),
    )
    expect(found).toEqual(records)
    const [id, probe] = [...records][Math.floor(records.size / 2)] ?? []
    if (id === undefined || probe === undefined) continue
    const { group } = probe.metadata
    for (const where of [undefined, { group }]) {
      const answer = await collection.query({
        queryEmbeddings: [probe.embedding],
        nResults: 5,
        ...(where && { where }),
      })
      expect(answer.ids[0]).toEqual(nearest(records, probe.embedding, where?.group))
    }
  }
}

function nearest(records: Map<string, Kept>, query: number[], group?: number): string[] {
  return [...records]
    .filter(([, { metadata }]) => group === undefined || metadata.group === group)
    .map(([id, { embedding }]) => ({
      id,
      distance: embedding.reduce((sum, x, at) => sum + (x - query[at]!) ** 2, 0),
    }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 5)
    .map(({ id }) => id)
}

/** The log alone is enough. */
async function compareWithRebuilt(path: string): Promise<void> {
  const live = new PersistentClient({ path, diskReserveBytes: 0 })
  const expected = digestOf(await ask(live))
  await live.close()
  const bare = work.folder()
  mkdirSync(bare)
  renameSync(join(path, 'log'), join(bare, 'log'))
  rmSync(path, { recursive: true })
  const rebuilt = new PersistentClient({ path: bare, diskReserveBytes: 0 })
  expect(digestOf(await ask(rebuilt))).toBe(expected)
  await rebuilt.close()
}
