import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EphemeralClient, type ErasureCertificate, verifyErasure } from '../../src/index.ts'
import { vectorOf } from './files.ts'

describe('the certificate of an erasure', () => {
  const client = new EphemeralClient()
  let certificate: ErasureCertificate

  beforeAll(async () => {
    const people = await client.createCollection({ name: 'people' })
    const ids = Array.from({ length: 20 }, (_, index) => `p${index}`)
    await people.add({
      ids,
      embeddings: ids.map((_, n) => vectorOf(n)),
      documents: ids.map((id) => `text of ${id}`),
    })
    await people.update({ ids: ['p3'], documents: ['new text'], embeddings: [vectorOf(77)] })
    const erasure = await client.erase(
      { collection: 'people', ids: ['p3', 'p9', 'nobody'] },
      { actor: 'dpo' },
    )
    certificate = JSON.parse(JSON.stringify(erasure.certificate)) as ErasureCertificate
    await people.add({ ids: ['later'], embeddings: [vectorOf(5)] })
  })

  afterAll(() => client.close())

  test('says what went, and holds against the tree that it names', async () => {
    expect(certificate).toMatchObject({ ids: ['p3', 'p9'], positions: [5, 11, 22], before: { size: 22 } })
    expect(verifyErasure(certificate, certificate.after)).toBe(true)
  })

  test('is of the log that goes on: its tree is a part of the later one', async () => {
    const { from } = await client.consistency(certificate.after.size)
    expect(from).toEqual(certificate.after)
  })

  test('nothing erased gives none', async () => {
    expect((await client.erase({ collection: 'people', ids: ['nobody'] })).certificate).toBeNull()
  })

  const forgeries: [string, (forged: ErasureCertificate) => void][] = [
    ['another id', (forged) => forged.ids.splice(0, 1, 'p4')],
    ['an id left out', (forged) => forged.ids.pop()],
    ['a position left out', (forged) => forged.positions.pop()],
    ['a position and its proof left out', (forged) => [forged.positions.pop(), forged.erased.pop()]],
    ['another position', (forged) => forged.positions.splice(0, 1, 6)],
    ['proofs in another order', (forged) => forged.erased.reverse()],
    ['a proof twice', (forged) => forged.erased.splice(1, 1, forged.erased[0]!)],
    ['another collection', (forged) => Object.assign(forged, { collection: crypto.randomUUID() })],
    ['another root before', (forged) => Object.assign(forged.before, { root: '00'.repeat(32) })],
    ['another size before', (forged) => Object.assign(forged.before, { size: 21 })],
    ['a changed header', (forged) => flip(forged.erased[0]!, 'header')],
    ['a changed operation', (forged) => flip(forged.operation, 'content')],
    ['a changed path', (forged) => forged.operation.path.splice(0, 1, '11'.repeat(32))],
    ['the operation without content', (forged) => Object.assign(forged.operation, { content: null })],
    ['no proofs', (forged) => Object.assign(forged, { erased: null })],
  ]

  test.each(forgeries)('with %s is refused', (_, forge) => {
    const forged = structuredClone(certificate)
    forge(forged)
    expect(verifyErasure(forged, certificate.after)).toBe(false)
  })

  test('against another tree is refused', () => {
    expect(verifyErasure(certificate, certificate.before)).toBe(false)
    expect(verifyErasure(certificate, { ...certificate.after, root: '00'.repeat(32) })).toBe(false)
  })
})

function flip<K extends string>(proof: Record<K, string | null>, key: K): void {
  const text = proof[key]!
  proof[key] = text.slice(0, -1) + (text.endsWith('0') ? '1' : '0')
}
