import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Client, type Collection, PersistentClient } from '../../src/index.ts'
import { filesHolding, vectorOf } from './files.ts'
import { runAndKill } from './run-and-kill.ts'

const cycles = Number(process.env.ANNALS_KILL_CYCLES ?? 10)

/** The same operation once more, to its end. */
async function repeat(operation: string, client: Client, people: Collection, folder: string): Promise<void> {
  if (operation === 'vacuum') {
    await client.vacuum()
    expect(await client.vacuum()).toMatchObject({ versions: 0 })
    expect(filesHolding(folder, 'in round 1')).toBe(0)
  } else if (operation === 'erase') {
    await client.erase({ collection: 'people', ids: ['p17', 'p18'] })
    expect(filesHolding(folder, 'secretword')).toBe(0)
  } else {
    expect((await people.reindex()).recall).toBeGreaterThan(0.9)
  }
}

/** That tables were derived again after a kill is worth saying, and no fault. */
async function expectSound(client: Client): Promise<void> {
  const { findings } = await client.verify({ level: 'deep' })
  expect(findings.filter(({ severity }) => severity !== 'info')).toEqual([])
}

describe.each(['vacuum', 'erase', 'reindex'])('%s killed in the middle', (operation) => {
  let template: string
  const include = ['embeddings' as const, 'documents' as const, 'metadatas' as const]

  beforeAll(async () => {
    template = mkdtempSync(join(tmpdir(), 'annals-kill-'))
    const client = new PersistentClient({ path: template })
    const people = await client.createCollection({
      name: 'people',
      configuration: { hnsw: { sync_threshold: 100, batch_size: 50 } },
    })
    const numbers = Array.from({ length: 400 }, (_, index) => index)
    const ids = numbers.map((n) => `p${n}`)
    for (let round = 0; round < 4; round++)
      await people.upsert({
        ids,
        embeddings: numbers.map((n) => vectorOf(n + 1000 * round)),
        documents: numbers.map((n) => `person ${n === 17 ? 'secretword' : n} in round ${round}`),
      })
    await client.setRetention({ history: { versions: 2 } })
    await client.close()
  })

  afterAll(() => rmSync(template, { recursive: true, force: true }))

  test(
    `${cycles} times: the store opens, answers right, and the work can be repeated`,
    async () => {
      const seed = Date.now() % 100_000
      console.log(`${operation}: seed ${seed}`)
      for (let cycle = 0; cycle < cycles; cycle++) {
        const folder = mkdtempSync(join(tmpdir(), 'annals-kill-'))
        cpSync(template, folder, { recursive: true })
        // Spread over the operation's whole length, which is some hundred milliseconds here.
        await runAndKill(folder, operation, ((seed + cycle * 7919) % 400) * (cycle % 3 === 0 ? 0.2 : 1))

        const client = new PersistentClient({ path: folder })
        await expectSound(client)
        const people = await client.getCollection({ name: 'people' })
        const rows = (await people.get({ include })).rows()
        const erased = operation === 'erase' && rows.length === 398
        expect(rows.length).toBe(erased ? 398 : 400)
        for (const { id, embedding, document } of rows) {
          const number = Number(id.slice(1))
          expect(embedding).toEqual(Array.from(vectorOf(number + 3000)))
          expect(document).toBe(`person ${number === 17 ? 'secretword' : number} in round 3`)
        }
        await repeat(operation, client, people, folder)
        const { ids } = await people.query({ queryEmbeddings: [vectorOf(3042)], nResults: 1 })
        expect(ids).toEqual([['p42']])
        await expectSound(client)
        await client.close()
        rmSync(folder, { recursive: true, force: true })
      }
    },
    cycles * 60_000,
  )
})
