import { describe, expect, test } from 'vitest'
import { EphemeralClient } from '../../src/index.ts'
import { vectorOf } from './files.ts'

describe('what was let go', () => {
  test('leaves a store that verifies, proofs that hold, and a log that tells of it', async () => {
    const client = new EphemeralClient()
    const people = await client.createCollection({
      name: 'people',
      configuration: { hnsw: { sync_threshold: 20, batch_size: 10 } },
    })
    const numbers = Array.from({ length: 50 }, (_, index) => index)
    const ids = numbers.map((n) => `p${n}`)
    await people.add({
      ids,
      embeddings: numbers.map((n) => vectorOf(n)),
      documents: numbers.map((n) => `text ${n}`),
    })
    await people.update({
      ids,
      documents: numbers.map((n) => `new text ${n}`),
      embeddings: numbers.map((n) => vectorOf(n + 100)),
    })
    await client.flush()
    const proof = await client.proof(5)

    await client.setRetention({ history: { versions: 1 } }, { collection: 'people' })
    await client.tag('now', 101)
    await client.vacuum()
    const { receipt } = await client.erase({ collection: 'people', ids: ['p7'] }, { actor: 'dpo' })
    await client.flush()

    expect(await client.verify({ level: 'deep' })).toMatchObject({ ok: true })
    const { position } = proof
    expect((await client.proof(position, { size: proof.size })).path).toEqual(proof.path)
    const lines = []
    for await (const { type, summary, actor } of client.log({ after: 101 }))
      lines.push([type, summary, actor])
    expect(lines).toEqual([
      ['set-retention', 'retention {"versions":1}', null],
      ['create-tag', 'tag now for position 101', null],
      ['vacuum', '50 superseded versions, history from 101', null],
      ['delete', 'the whole record', 'dpo'],
      ['erase', 'records p7', 'dpo'],
    ])
    const erasures = []
    for await (const line of client.log({ id: 'p7', type: 'erase' })) erasures.push(line.position)
    expect(erasures).toEqual([receipt.position])
    await client.close()
  })
})
