import { expect, test } from 'vitest'
import { EphemeralClient } from '../../src/index.ts'

test('documents of many megabytes are read a few at a time, and none is left out', async () => {
  const client = new EphemeralClient()
  const large = await client.createCollection({ name: 'large', embeddingFunction: null })
  const text = 'x'.repeat(3_000_000)
  for (let n = 0; n < 15; n++)
    await large.add({ ids: [`r${n}`], embeddings: [[n, 1]], documents: [`${n} ${text}`] })
  const told: (string | null)[] = []
  for await (const { id, after } of large.changes()) {
    told.push(id)
    if (after !== null) expect(after.document?.length).toBeGreaterThan(3_000_000)
  }
  expect(told).toEqual([null, ...Array.from({ length: 15 }, (_, n) => `r${n}`)])
  await client.close()
})
