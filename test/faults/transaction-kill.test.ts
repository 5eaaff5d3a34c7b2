/** A process that commits transactions is killed again and again: each is there wholly or not at all. */
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Collection, PersistentClient } from '../../src/index.ts'
import { accountsOf, applyTo, lanes, transaction } from './children/transactions.js'
import { digestOf, ended, linesOf, startChild, Workplace } from './support.ts'

interface Kept {
  embedding: number[]
  document: string
  metadata: { n: number }
}

/** What one lane came to before a kill: the newest transaction that was begun, and that was acknowledged. */
interface Reached {
  started: number
  acknowledged: number
}

const cycles = Number(process.env.ANNALS_KILL_CYCLES ?? 10)
/** Before it is killed, a process has told of so many transactions that they were done. */
const acknowledgedMin = 2
const work = new Workplace()
afterAll(() => work.cleanUp())

test(
  `transactions are there wholly or not at all after ${cycles} kills, and none that was acknowledged is lost`,
  async () => {
    const path = join(work.folder(), 'store')
    const records = await filled(path)
    const done = new Map(lanes.map((lane: string) => [lane, 0]))
    for (let cycle = 0; cycle < cycles; cycle++) {
      const reached = await commitAndKill(path, done, Math.random() * 300)
      const client = new PersistentClient({ path, diskReserveBytes: 0 })
      const found = await recordsOf(await client.getCollection({ name: 'accounts' }))
      for (const [lane, { started, acknowledged }] of reached) {
        for (let n = done.get(lane)! + 1; n <= acknowledged; n++) applyTo(records, transaction(lane, n))
        // The one that was under way may have been written before the kill.
        const last = transaction(lane, started)
        const isThere = started > acknowledged && found.has(last.added[0]!)
        if (isThere) applyTo(records, last)
        done.set(lane, isThere ? started : acknowledged)
      }
      expect(shown(found)).toEqual(shown(records))
      const { findings } = await client.verify({ level: 'deep' })
      // That tables were derived again after a kill is worth saying, and no fault.
      expect(findings.filter(({ severity }) => severity !== 'info')).toEqual([])
      await client.close()
    }
  },
  cycles * 60_000,
)

/** With long documents as their digests, so that a difference can be read. */
function shown(records: ReadonlyMap<string, Kept>): Map<string, Kept> {
  return new Map(
    [...records].map(([id, kept]) => [
      id,
      { ...kept, document: `${kept.document.slice(0, 20)} ${digestOf(kept.document)}` },
    ]),
  )
}

/** A store whose accounts nobody has touched yet; answers what it holds. */
async function filled(path: string): Promise<Map<string, Kept>> {
  const client = new PersistentClient({ path, diskReserveBytes: 0 })
  const accounts = await client.createCollection({ name: 'accounts', embeddingFunction: null })
  const record = { embedding: [0, 0], document: 'untouched', metadata: { n: 0 } }
  const records = new Map<string, Kept>(lanes.flatMap(accountsOf).map((id) => [id, record]))
  await accounts.add({
    ids: [...records.keys()],
    embeddings: [...records.values()].map(({ embedding }) => embedding),
    documents: [...records.values()].map(({ document }) => document),
    metadatas: [...records.values()].map(({ metadata }) => metadata),
  })
  await client.close()
  return records
}

/** Has a child go on after what is `done` in each lane, and kills it a while after it has got going. */
async function commitAndKill(
  path: string,
  done: ReadonlyMap<string, number>,
  delayMs: number,
): Promise<Map<string, Reached>> {
  const first = [...done.values()].map((n) => `${n + 1}`)
  const child = startChild('commit-until-killed.js', [path, ...first])
  let errors = ''
  child.stderr!.on('data', (chunk) => (errors += chunk))
  const reached = new Map([...done].map(([lane, n]) => [lane, { started: n, acknowledged: n }]))
  let told = 0
  for await (const line of linesOf(child)) {
    const [word, lane, n] = line.split(' ')
    reached.get(lane!)![word === 'start' ? 'started' : 'acknowledged'] = Number(n)
    if (word === 'ack') told += 1
    if (word === 'ack' && told === acknowledgedMin) setTimeout(() => child.kill('SIGKILL'), delayMs)
  }
  expect(await ended(child), errors).toBe('SIGKILL')
  return reached
}

async function recordsOf(collection: Collection): Promise<Map<string, Kept>> {
  const { ids, embeddings, documents, metadatas } = await collection.get({
    include: ['embeddings', 'documents', 'metadatas'],
  })
  return new Map(
    ids.map((id, index) => [
      id,
      {
        embedding: embeddings![index]!,
        document: documents![index]!,
        metadata: metadatas![index] as Kept['metadata'],
      },
    ]),
  )
}
