/** Signed checkpoints: the notes of the C2SP specifications, our own, and forged ones. */
import { execFileSync } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { issueCheckpoint, verifyCheckpoint } from '../../src/audit/checkpoint.ts'
import { verifyConsistency, verifyInclusion } from '../../src/audit/proofs.ts'
import { Stores } from './support.ts'

const stores = new Stores()
afterEach(() => stores.release())

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const root = Buffer.alloc(32, 7).toString('hex')
const origin = 'annals/4f1c7f0a-0000-4000-8000-000000000000/0'
const issued = issueCheckpoint(origin, { size: 1207, root }, privateKey)
const note = issued.note!

function pem(key: KeyObject): string {
  return key.export({ format: 'pem', type: key.type === 'private' ? 'pkcs8' : 'spki' }) as string
}

test('a checkpoint is a note of three lines, a blank one and a signature line', () => {
  const [first, size, hash, blank, signature, end] = note.split('\n')
  expect([first, size, hash, blank, end]).toEqual([
    origin,
    '1207',
    Buffer.alloc(32, 7).toString('base64'),
    '',
    '',
  ])
  expect(signature).toMatch(/^— annals\/4f1c7f0a-0000-4000-8000-000000000000\/0 [A-Za-z0-9+/]+=*$/)
  expect(Buffer.from(signature!.split(' ')[2]!, 'base64')).toHaveLength(68)
})

test('it is verified with the key as PEM, as KeyObject and as verifier key', () => {
  const expected = { origin, size: 1207, root }
  expect(verifyCheckpoint(note, publicKey)).toEqual(expected)
  expect(verifyCheckpoint(note, pem(publicKey))).toEqual(expected)
  expect(verifyCheckpoint(note, issued.verifierKey!)).toEqual(expected)
  expect(issueCheckpoint(origin, { size: 1207, root }, pem(privateKey)).note).toBe(note)
})

// From golang.org/x/mod/sumdb/note, whose format signed notes are: its documented example key and note.
test('the example of signed notes verifies under its published key', () => {
  const key = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
  const text =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
  const line =
    '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'
  // It is no checkpoint, so it is refused; but not for its key, which is of the right form and id.
  expect(verifyCheckpoint(`${text}\n${line}`, key)).toBe(null)
  expect(() => verifyCheckpoint(note, key.replace('c74f20a3', 'c74f20a4'))).toThrow(/verifier key/)
})

describe('forged notes are refused', () => {
  test('every bit of a note flipped', () => {
    const bytes = Buffer.from(note)
    for (let at = 0; at < bytes.length; at++)
      for (let bit = 0; bit < 8; bit++) {
        const flipped = Buffer.from(bytes)
        flipped[at]! ^= 1 << bit
        expect(verifyCheckpoint(flipped.toString('utf8'), publicKey)).toBe(null)
      }
  })

  test('cut off at every place, and lines left out, doubled or swapped', () => {
    for (let end = 0; end < note.length; end++)
      expect(verifyCheckpoint(note.slice(0, end), publicKey)).toBe(null)
    const lines = note.split('\n')
    for (let at = 0; at < lines.length; at++) {
      expect(verifyCheckpoint(lines.toSpliced(at, 1).join('\n'), publicKey)).toBe(null)
      // The signature line twice is two good signatures of one key.
      if (at !== 4)
        expect(verifyCheckpoint(lines.toSpliced(at, 0, lines[at]!).join('\n'), publicKey)).toBe(null)
    }
  })

  test('another key, another name, another signature', () => {
    const other = generateKeyPairSync('ed25519')
    expect(verifyCheckpoint(note, other.publicKey)).toBe(null)
    const theirs = issueCheckpoint(origin, { size: 1207, root }, other.privateKey)
    expect(verifyCheckpoint(theirs.note!, publicKey)).toBe(null)
    expect(verifyCheckpoint(theirs.note!, issued.verifierKey!)).toBe(null)
    // The right key id with a signature of somebody else.
    const text = note.slice(0, note.indexOf('\n\n') + 1)
    const id = Buffer.from(note.trimEnd().split(' ').at(-1)!, 'base64').subarray(0, 4)
    const line = Buffer.concat([id, sign(null, Buffer.from(text), other.privateKey)]).toString('base64')
    expect(verifyCheckpoint(`${text}\n— ${origin} ${line}\n`, publicKey)).toBe(null)
  })

  test('a checkpoint of another log under the same key does not pass for this one', () => {
    const elsewhere = issueCheckpoint('annals/other/0', { size: 1207, root }, privateKey)
    expect(verifyCheckpoint(elsewhere.note!, issued.verifierKey!)).toBe(null)
    expect(verifyCheckpoint(elsewhere.note!, publicKey)).toEqual({
      origin: 'annals/other/0',
      size: 1207,
      root,
    })
    const renamed = elsewhere.note!.replaceAll('annals/other/0', origin)
    expect(verifyCheckpoint(renamed, publicKey)).toBe(null)
  })

  test('anything else, without an exception', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(verifyCheckpoint(text, publicKey)).toBe(null)
      }),
    )
    expect(verifyCheckpoint(undefined as unknown as string, publicKey)).toBe(null)
    expect(verifyCheckpoint('\n\n', publicKey)).toBe(null)
    for (const size of ['01', '-1', '1.5', '1e3', '', ' 7', '99999999999999999999'])
      expect(
        verifyCheckpoint(signed(`${origin}\n${size}\n${Buffer.alloc(32).toString('base64')}\n`), publicKey),
      ).toBe(null)
  })

  test('keys that are none are an error of the caller', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
    for (const key of [rsa.publicKey, 'nonsense', '-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----'])
      expect(() => verifyCheckpoint(note, key)).toThrow(expect.objectContaining({ code: 'invalid_argument' }))
    for (const key of [rsa.privateKey, publicKey, 'nonsense'])
      expect(() => issueCheckpoint(origin, { size: 1, root }, key)).toThrow(
        expect.objectContaining({ code: 'invalid_argument' }),
      )
  })
})

/** A text with a good signature. */
function signed(text: string): string {
  const id = Buffer.from(note.trimEnd().split(' ').at(-1)!, 'base64').subarray(0, 4)
  const line = Buffer.concat([id, sign(null, Buffer.from(text), privateKey)]).toString('base64')
  return `${text}\n— ${origin} ${line}\n`
}

test('signatures of witnesses and extension lines are passed over', () => {
  const witness = `— witness.example/w1 ${Buffer.alloc(76, 1).toString('base64')}\n`
  expect(verifyCheckpoint(note + witness, publicKey)).toEqual({ origin, size: 1207, root })
  const extended = `${origin}\n1207\n${Buffer.alloc(32, 7).toString('base64')}\nextension\n`
  expect(verifyCheckpoint(signed(extended), publicKey)).toEqual({ origin, size: 1207, root })
})

test('openssl verifies the note as docs/proofs.md says', () => {
  const folder = stores.folder()
  const [text, signature, key] = ['text', 'signature', 'key.pem'].map((name) => join(folder, name))
  writeFileSync(text!, note.slice(0, note.lastIndexOf('\n\n') + 1))
  const raw = Buffer.from(note.trimEnd().split(' ').at(-1)!, 'base64')
  writeFileSync(signature!, raw.subarray(4))
  writeFileSync(key!, pem(createPublicKey(pem(publicKey))))
  const args = [
    'pkeyutl',
    '-verify',
    '-pubin',
    '-inkey',
    key!,
    '-rawin',
    '-in',
    text!,
    '-sigfile',
    signature!,
  ]
  expect(execFileSync('openssl', args, { encoding: 'utf8' })).toContain('Signature Verified Successfully')
})

test('from a store to an auditor who has nothing but the public key', async () => {
  const client = stores.memory()
  const notes = await client.createCollection({ name: 'notes', embeddingFunction: null })
  await notes.add({ ids: ['a'], embeddings: [[1]] }, { actor: 'ada' })
  const first = await client.checkpoint(privateKey)
  await notes.update({ ids: ['a'], embeddings: [[2]] }, { actor: 'bob' })
  const second = await client.checkpoint(privateKey)
  const [proof, consistency] = [
    await client.proof(2, { size: second.size }),
    await client.consistency(first.size),
  ]

  const [old, now] = [
    verifyCheckpoint(first.note!, publicKey)!,
    verifyCheckpoint(second.note!, first.verifierKey!)!,
  ]
  expect(old.origin).toBe(`annals/${(await client.stats()).storeId}/0`)
  expect(verifyInclusion(proof, now)).toBe(true)
  expect(verifyConsistency(consistency, old, now)).toBe(true)
  expect(await client.checkpoint()).toMatchObject({ size: 3, note: null, verifierKey: null })
})
