/**
 * Signed checkpoints: a C2SP tlog-checkpoint (https://c2sp.org/tlog-checkpoint) in a C2SP signed note
 * (https://c2sp.org/signed-note) with an Ed25519 signature (RFC 8032, signature type 0x01):
 *
 *     annals/2f1d…/0                      origin: the store's id and epoch, and the name of the key
 *     1207                                operation records in the tree
 *     CsUYapGGPo4dkMgIAUqom/Xajj7h2f…=    root, base64
 *
 *     — annals/2f1d…/0 Az3grlgtzPICa5…=   base64(key id, 4 bytes | signature, 64 bytes)
 */
import { createPrivateKey, createPublicKey, KeyObject, sign, verify } from 'node:crypto'
import { AnnalsError } from '../errors.ts'
import { digestBytes, sha256 } from '../format/sha256.ts'
import type { TreeHead } from './proofs.ts'

/** What a checkpoint says, once its signature was verified. */
export interface Checkpoint extends TreeHead {
  /** Whose log it is: `annals/<store id>/<epoch>`. */
  origin: string
}

/** A checkpoint as the store hands it out. */
export interface IssuedCheckpoint extends Checkpoint {
  /** The note to publish; `null` when no key was given: nothing vouches for the checkpoint then. */
  note: string | null
  /** The key that verifies the note, in the form of signed notes (`<name>+<id>+<key>`); `null` without one. */
  verifierKey: string | null
}

/** Persisted in key ids: Ed25519 in signed notes. */
const ed25519Type = 0x01
const keyIdBytes = 4
const publicKeyBytes = 32
/** A note with more signatures than this is none of ours; signed notes ask for at least 16. */
const signaturesMax = 64
const noteLengthMax = 65_536
const emDash = '\u2014'

/** Whose log a checkpoint is of: a recovery that gives up operation records begins another log. */
export function originOf({ storeId, epoch }: { storeId: string; epoch: number }): string {
  return `annals/${storeId}/${epoch}`
}

/**
 * Writes and signs a checkpoint. `privateKey` is an Ed25519 key as a `KeyObject` or PEM; without one there is no note.
 * Throws `invalid_argument` for a key of another kind.
 */
export function issueCheckpoint(
  origin: string,
  { size, root }: TreeHead,
  privateKey: KeyObject | string | undefined,
): IssuedCheckpoint {
  if (privateKey === undefined) return { origin, size, root, note: null, verifierKey: null }
  const key = ed25519Key(privateKey, 'privateKey', 'private')
  const publicKey = rawPublicKey(createPublicKey(key))
  const text = `${origin}\n${size}\n${Buffer.from(root, 'hex').toString('base64')}\n`
  const signature = Buffer.concat([keyId(origin, publicKey), sign(null, Buffer.from(text), key)])
  const note = `${text}\n${emDash} ${origin} ${signature.toString('base64')}\n`
  return { origin, size, root, note, verifierKey: verifierKeyOf(origin, publicKey) }
}

/**
 * Verifies a signed checkpoint without any store, and answers what it says; `null` when it is not signed by that
 * key or is not a checkpoint. Signatures of other keys (witnesses) are passed over.
 *
 * `publicKey` is an Ed25519 key as a `KeyObject` or PEM, or a verifier key `<name>+<id>+<key>`, which also
 * fixes the origin. With a bare key, compare the answer's `origin` with the one that you expect.
 * Throws `invalid_argument` for a key that is none.
 *
 * @example
 * const trusted = verifyCheckpoint(note, readFileSync('annals.pub.pem', 'utf8'))
 * if (trusted === null) throw new Error('forged')
 */
export function verifyCheckpoint(note: string, publicKey: KeyObject | string): Checkpoint | null {
  const { name, key } = verifier(publicKey)
  if (typeof note !== 'string' || note.length > noteLengthMax || !isNoteText(note)) return null
  const split = note.lastIndexOf('\n\n')
  if (split === -1) return null
  const text = note.slice(0, split + 1)
  const checkpoint = parseText(text)
  const signatures = parseSignatures(note.slice(split + 2))
  if (checkpoint === null || signatures === null) return null
  // The key signs under the name of its log, so that no other log's checkpoint passes for this one's.
  if (name !== null && checkpoint.origin !== name) return null
  const known = signatures.filter((one) => one.name === checkpoint.origin)
  const ours = known.filter(({ id }) => id.equals(keyId(checkpoint.origin, key)))
  if (ours.length === 0) return null
  const object = publicKeyObject(key)
  return ours.every(({ signature }) => verify(null, Buffer.from(text), object, signature)) ? checkpoint : null
}

interface NoteSignature {
  name: string
  id: Buffer
  signature: Buffer
}

/** Signed notes are UTF-8 without control characters other than the newline. */
function isNoteText(note: string): boolean {
  if (!note.isWellFormed()) return false
  for (let at = 0; at < note.length; at++) {
    const code = note.charCodeAt(at)
    if (code < 0x20 && code !== 0x0a) return false
  }
  return true
}

function parseText(text: string): Checkpoint | null {
  const lines = text.split('\n')
  // The text ends in a newline, so the last line is empty; no other one is.
  if (lines.pop() !== '' || lines.length < 3 || lines.includes('')) return null
  const [origin, count, hash] = lines as [string, string, string]
  const root = fromBase64(hash)
  const size = Number(count)
  if (!/^(0|[1-9]\d*)$/.test(count) || !Number.isSafeInteger(size) || root?.length !== digestBytes)
    return null
  return { origin, size, root: root.toString('hex') }
}

function parseSignatures(block: string): NoteSignature[] | null {
  const lines = block.split('\n')
  if (lines.pop() !== '' || lines.length === 0 || lines.length > signaturesMax) return null
  const parsed = lines.map(parseSignature)
  return parsed.every((one) => one !== null) ? parsed : null
}

function parseSignature(line: string): NoteSignature | null {
  const [dash, name, base64, ...more] = line.split(' ')
  const bytes = base64 === undefined ? null : fromBase64(base64)
  if (dash !== emDash || !isKeyName(name) || bytes === null || more.length > 0) return null
  if (bytes.length <= keyIdBytes) return null
  return { name, id: bytes.subarray(0, keyIdBytes), signature: bytes.subarray(keyIdBytes) }
}

function isKeyName(name: string | undefined): name is string {
  return name !== undefined && name !== '' && !/[\s+]/u.test(name)
}

/** Standard base64 with padding, in its one canonical form; `null` for anything else. */
function fromBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}

/** SHA-256(name | 0x0A | 0x01 | public key), the first four bytes. */
function keyId(name: string, publicKey: Buffer): Buffer {
  const hashed = sha256(Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([ed25519Type]), publicKey]))
  return hashed.subarray(0, keyIdBytes)
}

function verifierKeyOf(name: string, publicKey: Buffer): string {
  const typed = Buffer.concat([Buffer.from([ed25519Type]), publicKey])
  return `${name}+${keyId(name, publicKey).toString('hex')}+${typed.toString('base64')}`
}

/** The bare 32 bytes of the key, and the name that it signs under when that is known. */
function verifier(publicKey: KeyObject | string): { name: string | null; key: Buffer } {
  if (typeof publicKey === 'string' && !publicKey.includes('-----BEGIN'))
    return parseVerifierKey(publicKey.trim())
  return { name: null, key: rawPublicKey(ed25519Key(publicKey, 'publicKey', 'public')) }
}

function parseVerifierKey(text: string): { name: string; key: Buffer } {
  // The name has no plus, the base64 behind the second one may have some.
  const [, name, id, base64] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/u.exec(text) ?? []
  const typed = base64 === undefined ? null : fromBase64(base64)
  const key = typed?.subarray(1)
  const fits = typed?.[0] === ed25519Type && key?.length === publicKeyBytes
  if (name === undefined || key === undefined || !fits || keyId(name, key).toString('hex') !== id)
    throw invalidKey('publicKey', 'an Ed25519 key in PEM, a KeyObject, or a verifier key <name>+<id>+<key>')
  return { name, key }
}

function ed25519Key(given: KeyObject | string, place: string, kind: 'private' | 'public'): KeyObject {
  try {
    const make = kind === 'private' ? createPrivateKey : createPublicKey
    const key = given instanceof KeyObject ? given : make(given)
    if (key.asymmetricKeyType === 'ed25519' && (kind === 'public' || key.type === 'private')) return key
  } catch (cause) {
    throw invalidKey(place, `an Ed25519 ${kind} key, as PEM or KeyObject`, cause)
  }
  throw invalidKey(place, `an Ed25519 ${kind} key, as PEM or KeyObject`)
}

/** The key's 32 bytes after RFC 8032; in a JWK (RFC 8037) they are `x`. */
function rawPublicKey(key: KeyObject): Buffer {
  const jwk = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' })
  return Buffer.from(jwk.x as string, 'base64url')
}

function publicKeyObject(key: Buffer): KeyObject {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') }
  return createPublicKey({ key: jwk, format: 'jwk' })
}

function invalidKey(place: string, what: string, cause?: unknown): AnnalsError {
  return new AnnalsError('invalid_argument', `${place}: must be ${what}.`, {
    hint: 'Make one with openssl genpkey -algorithm ed25519, or generateKeyPairSync of node:crypto.',
    cause,
  })
}
