/** Proofs made by real stores, verified as data that has left them; and what becomes of forged ones. */
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import {
  type ConsistencyProof,
  type InclusionProof,
  provenOperation,
  type TreeHead,
  verifyConsistency,
  verifyInclusion,
} from '../../src/audit/proofs.ts'
import { Prover } from '../../src/audit/prover.ts'
import { TreeHashes } from '../../src/audit/tree-hashes.ts'
import { decodeCbor } from '../../src/format/cbor.ts'
import { leafOf } from '../../src/format/frame.ts'
import type { OperationLog } from '../../src/log/operation-log.ts'
import { rootOf as rootOfLeaves } from '../support/merkle.ts'
import { Stores } from './support.ts'

const stores = new Stores()
afterEach(() => stores.release())

/** A log of which only the leaves can be read, and how often that was. */
function logOfLeaves(count: number): OperationLog & { reads: number } {
  const leaves = Array.from({ length: count }, (_, index) => leafOf(Buffer.from(`${index}`)))
  const log = {
    head: count,
    reads: 0,
    async *leaves({ after = 0, until = count } = {}) {
      for (let position = after + 1; position <= until; position++) {
        log.reads += 1
        yield { position, leaf: leaves[position - 1]!, header: Buffer.alloc(0), content: null }
      }
    },
  }
  return log as unknown as OperationLog & { reads: number }
}

function rootOf(count: number, end = count, start = 0): Buffer {
  return rootOfLeaves(
    Array.from({ length: end - start }, (_, index) => leafOf(Buffer.from(`${start + index}`))),
  )
}

async function storeOf(records: number) {
  const client = stores.memory()
  const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
  for (let from = 0; from < records; from += 100) {
    const ids = Array.from({ length: Math.min(100, records - from) }, (_, index) => `r${from + index}`)
    await notes.add(
      { ids, embeddings: ids.map((_, index) => [index, from]) },
      { actor: 'ada', reason: 'load' },
    )
  }
  return { client, notes }
}

/** The same proof with one hexadecimal digit changed at each place of every hash, and other lies. */
function* forged(proof: InclusionProof): Generator<InclusionProof> {
  const flip = (hex: string, at: number) =>
    hex.slice(0, at) + (hex[at] === '0' ? '1' : '0') + hex.slice(at + 1)
  for (let at = 0; at < 64; at++) yield { ...proof, leaf: flip(proof.leaf, at) }
  for (let at = 0; at < proof.header.length; at++) yield { ...proof, header: flip(proof.header, at) }
  for (let at = 0; at < (proof.content?.length ?? 0); at++)
    yield { ...proof, content: flip(proof.content!, at) }
  for (const [index, node] of proof.path.entries()) {
    for (let at = 0; at < 64; at++) yield { ...proof, path: proof.path.with(index, flip(node, at)) }
    yield { ...proof, path: proof.path.toSpliced(index, 1) }
  }
  yield { ...proof, position: proof.position + 1 }
  yield { ...proof, position: proof.position - 1 }
  yield { ...proof, size: proof.size + 1 }
  yield { ...proof, root: flip(proof.root, 3) }
  yield { ...proof, path: [...proof.path, proof.path[0] ?? proof.leaf] }
  yield { ...proof, path: proof.path.map((node) => node.toUpperCase()) }
  yield { ...proof, path: proof.path.map((node) => `${node}00`) }
}

describe('subtree hashes', () => {
  test('are those of the leaves, for every subtree that a proof may ask for', async () => {
    const log = logOfLeaves(3000)
    const hashes = new TreeHashes(log)
    for (const size of [1, 2, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2048, 2999, 3000])
      expect((await hashes.root(size)).equals(rootOf(size))).toBe(true)
    for (const [start, end] of [
      [0, 256],
      [256, 512],
      [512, 1024],
      [1024, 2048],
      [2048, 3000],
      [2560, 3000],
      [2816, 3000],
      [2944, 3000],
      [2999, 3000],
    ] as const)
      expect((await hashes.hash({ start, end })).equals(rootOf(3000, end, start))).toBe(true)
  })

  test('read the log once, then two tiles for a proof', async () => {
    const log = logOfLeaves(256 * 40 + 100)
    const prover = new Prover(Object.assign(log, { storeId: 's', epoch: 0, root: rootOf(log.head) }))
    await prover.inclusion(1)
    expect(log.reads).toBeLessThan(log.head + 1000)
    log.reads = 0
    for (const position of [5000, 5100, 7000, 10_300]) await prover.inclusion(position)
    expect(log.reads).toBeLessThan(4 * 700)
  })

  test('asked for at the same time are read one after the other', async () => {
    const hashes = new TreeHashes(logOfLeaves(5000))
    const roots = await Promise.all([5000, 300, 4096, 2048, 5000].map((size) => hashes.root(size)))
    ;[5000, 300, 4096, 2048, 5000].forEach((size, index) => {
      expect(roots[index]!.equals(rootOf(size))).toBe(true)
    })
  })
})

describe('inclusion', () => {
  test('every operation record of a store is proven, against the head and against earlier trees', async () => {
    const { client } = await storeOf(700)
    const { head, root } = await client.stats()
    expect(head).toBe(701)
    for (let position = 1; position <= head; position += 7) {
      const proof = JSON.parse(JSON.stringify(await client.proof(position))) as InclusionProof
      expect(verifyInclusion(proof, { size: head, root })).toBe(true)
      expect(provenOperation(proof).position).toBe(position)
      const size = Math.min(head, position + 13)
      const earlier = await client.proof(position, { size })
      const { from } = await client.consistency(size)
      expect(verifyInclusion(earlier, from)).toBe(true)
    }
  })

  test('says who, what and when; and with the content what was written', async () => {
    const { client } = await storeOf(3)
    const { head, root } = await client.stats()
    const proof = await client.proof(3, { content: true })
    expect(verifyInclusion(proof, { size: head, root })).toBe(true)
    expect(provenOperation(proof)).toMatchObject({ type: 'add', id: 'r1', actor: 'ada', reason: 'load' })
    const [vector] = decodeCbor(Buffer.from(proof.content!, 'hex').subarray(16)) as [Float32Array]
    expect([...vector]).toEqual([1, 0])
    expect((await client.proof(3)).content).toBe(null)
  })

  test('forged proofs are refused: every digit of every part, wrong places, wrong sizes', async () => {
    const { client } = await storeOf(20)
    const { head, root } = await client.stats()
    for (const position of [1, 2, 8, 13, 21]) {
      const proof = await client.proof(position, { content: true })
      expect(verifyInclusion(proof, { size: head, root })).toBe(true)
      for (const lie of forged(proof)) {
        // The tree does not vouch for what the verifier is told about size and root: that must fit, too.
        expect(verifyInclusion(lie, { size: head, root })).toBe(false)
      }
      expect(verifyInclusion(proof, { size: head, root: proof.leaf })).toBe(false)
      expect(verifyInclusion(proof, { size: head - 1, root })).toBe(false)
    }
  })

  test('anything that is no proof is refused without an exception', () => {
    const trusted = { size: 1, root: '00'.repeat(32) }
    const parts = { maxKeys: 12 }
    fc.assert(
      fc.property(fc.object(parts), (value) => {
        expect(verifyInclusion(value as unknown as InclusionProof, trusted)).toBe(false)
        expect(verifyConsistency(value as unknown as ConsistencyProof, trusted, trusted)).toBe(false)
      }),
    )
    for (const value of [null, undefined, 7, 'proof', [], { path: 'x' }]) {
      expect(verifyInclusion(value as unknown as InclusionProof, trusted)).toBe(false)
      expect(verifyConsistency(value as unknown as ConsistencyProof, trusted, trusted)).toBe(false)
      expect(verifyInclusion({} as InclusionProof, value as unknown as TreeHead)).toBe(false)
    }
  })

  test('a position that is not there is refused', async () => {
    const { client } = await storeOf(2)
    await expect(client.proof(4)).rejects.toMatchObject({ code: 'position_not_reached' })
    await expect(client.proof(3, { size: 2 })).rejects.toMatchObject({ code: 'position_not_reached' })
    await expect(client.proof(0)).rejects.toMatchObject({ code: 'invalid_argument' })
    await expect(client.consistency(2, 9)).rejects.toMatchObject({ code: 'position_not_reached' })
    await expect(client.consistency(3, 2)).rejects.toMatchObject({ code: 'position_not_reached' })
  })
})

describe('consistency', () => {
  test('holds from every state to every later one, and for no other pair', async () => {
    const { client } = await storeOf(40)
    const heads: TreeHead[] = []
    for (let size = 0; size <= 41; size++) heads.push((await client.consistency(size, 41)).from)
    for (let first = 0; first <= 41; first += 3)
      for (let second = first; second <= 41; second += 2) {
        const proof = JSON.parse(JSON.stringify(await client.consistency(first, second))) as ConsistencyProof
        expect(verifyConsistency(proof, heads[first]!, heads[second]!)).toBe(true)
        if (second > 0 && first !== second) {
          expect(verifyConsistency(proof, heads[second]!, heads[first]!)).toBe(false)
          expect(verifyConsistency(proof, heads[first]!, heads[second - 1]!)).toBe(second - 1 === second)
        }
      }
  })

  test('a store that was written otherwise does not pass for the same log', async () => {
    const [one, other] = [await storeOf(30), await storeOf(30)]
    const early = (await one.client.consistency(10)).from
    const proof = await other.client.consistency(10)
    expect(verifyConsistency(proof, early, proof.to)).toBe(false)
    expect(verifyConsistency({ ...proof, from: early }, early, proof.to)).toBe(false)
    // A proof whose hashes are taken from either history.
    const mine = await one.client.consistency(10)
    expect(verifyConsistency({ ...mine, to: proof.to }, early, proof.to)).toBe(false)
    expect(verifyConsistency({ ...proof, from: early, path: mine.path }, early, proof.to)).toBe(false)
  })
})

test('the proofs of a store on disk stay the same when it is opened again', async () => {
  const path = stores.folder()
  const client = stores.persistent(path)
  const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
  for (let n = 0; n < 5; n++) await notes.add({ ids: [`${n}`], embeddings: [[n]] })
  const [proof, checkpoint] = [await client.proof(4), await client.checkpoint()]
  await client.close()
  const again = stores.persistent(path)
  expect(await again.proof(4)).toEqual(proof)
  const more = await again.getCollection({ name: 'notes' })
  await more.add({ ids: ['x'], embeddings: [[9]] })
  const { from, to } = await again.consistency(checkpoint.size)
  expect(from).toEqual({ size: checkpoint.size, root: checkpoint.root })
  expect(verifyConsistency(await again.consistency(checkpoint.size), checkpoint, to)).toBe(true)
})
