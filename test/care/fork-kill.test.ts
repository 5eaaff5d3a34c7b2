import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AnnalsError, type Client, type Collection, PersistentClient } from '../../src/index.ts'
import { vectorOf } from './files.ts'
import { runAndKill, runToEnd } from './run-and-kill.ts'

const cycles = Number(process.env.ANNALS_KILL_CYCLES ?? 10)
/** Enough that a fork is applied in several transactions. */
const count = 1_500
const include = ['embeddings' as const, 'documents' as const, 'metadatas' as const]

let template: string

beforeAll(async () => {
  template = mkdtempSync(join(tmpdir(), 'annals-fork-kill-'))
  const client = new PersistentClient({ path: template })
  const hnsw = { sync_threshold: 500, batch_size: 250 }
  const people = await client.createCollection({ name: 'people', configuration: { hnsw } })
  const numbers = Array.from({ length: count }, (_, index) => index)
  await people.add({
    ids: numbers.map((n) => `p${n}`),
    embeddings: numbers.map((n) => vectorOf(n)),
    documents: numbers.map((n) => `person ${n} of the village`),
    metadatas: numbers.map((n) => ({ n, name: `name ${n}` })),
  })
  await client.flush()
  await people.delete({ ids: ['p5', 'p1499'] })
  await client.close()
})

afterAll(() => rmSync(template, { recursive: true, force: true }))

async function forkIn(client: Client): Promise<Collection | null> {
  try {
    return await client.getCollection({ name: 'copy' })
  } catch (error) {
    if (error instanceof AnnalsError && error.code === 'collection_not_found') return null
    throw error
  }
}

test(
  `a fork killed in the middle ${cycles} times is there whole or not at all`,
  async () => {
    const measured = mkdtempSync(join(tmpdir(), 'annals-fork-kill-'))
    cpSync(template, measured, { recursive: true })
    const tookMs = await runToEnd(measured, 'fork')
    rmSync(measured, { recursive: true, force: true })
    const seen = { whole: 0, none: 0 }
    for (let cycle = 0; cycle < cycles; cycle++) {
      const folder = mkdtempSync(join(tmpdir(), 'annals-fork-kill-'))
      cpSync(template, folder, { recursive: true })
      const done = await runAndKill(folder, 'fork', ((cycle + Math.random()) / cycles) * tookMs)

      const client = new PersistentClient({ path: folder })
      const people = await client.getCollection({ name: 'people' })
      const copy = await forkIn(client)
      if (done) expect(copy).not.toBeNull()
      seen[copy === null ? 'none' : 'whole'] += 1
      const fork = copy ?? (await people.fork({ name: 'copy' }))
      expect((await fork.get({ include })).rows()).toEqual((await people.get({ include })).rows())
      expect(await fork.count()).toBe(count - 2)
      const { ids } = await fork.query({ queryEmbeddings: [vectorOf(42)], nResults: 1 })
      expect(ids).toEqual([['p42']])
      await client.flush()
      expect((await client.verify({ level: 'deep' })).findings).toEqual([])
      await client.close()
      rmSync(folder, { recursive: true, force: true })
    }
    console.log(`fork of ${tookMs.toFixed()} ms: ${seen.whole} whole, ${seen.none} not there`)
  },
  cycles * 60_000,
)
