import { createHash, generateKeyPairSync } from 'node:crypto'
import { PersistentClient, provenOperation, verifyCheckpoint, verifyInclusion } from 'annals'
import { claim, cut, heading, say } from './show.js'

/** A checkpoint signed by the store's owner, and a proof of one operation that somebody else verifies. */
export async function proveOneOperation(folder, { demoted }) {
  heading('Prove one operation to somebody who has no store')
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const client = new PersistentClient({ path: folder })
  const { note, size } = await client.checkpoint(privateKey)
  const proof = JSON.stringify(await client.proof(demoted))
  await client.close()

  say('the signed checkpoint, which is published:')
  for (const line of note.trimEnd().split('\n')) console.log(cut(`    ${line}`, 100).trimEnd())
  say()
  say(
    `the proof: ${proof.length} bytes of JSON, with ${JSON.parse(proof).path.length} hashes for ${size} operation records`,
  )
  say()
  verifyWithoutStore(note, publicKey, proof)
}

/** Nothing here comes from the store but the note and the proof. */
function verifyWithoutStore(note, publicKey, proof) {
  const trusted = verifyCheckpoint(note, publicKey)
  claim('the note is signed by the owner of the key', trusted !== null)
  claim('the operation stands in that log', verifyInclusion(JSON.parse(proof), trusted))
  const { position, type, id, actor, reason } = provenOperation(JSON.parse(proof))
  claim(`it says: ${position} ${type} ${id}, ${actor}: ${reason}`, id === 'planet-pluto' && actor === 'IAU')
  const forged = forge(JSON.parse(proof))
  claim(
    `it proves nothing once it says ${provenOperation(forged).reason}`,
    provenOperation(forged).reason !== reason && !verifyInclusion(forged, trusted),
  )
  const stranger = generateKeyPairSync('ed25519').publicKey
  claim('and the note is nothing under another key', verifyCheckpoint(note, stranger) === null)
}

/** The same proof with another reason, and all in it that can be made to fit. */
function forge(proof) {
  const header = proof.header.replace(hex('resolution B5'), hex('resolution B6'))
  const leaf = createHash('sha256')
    .update(Buffer.from(`00${header}`, 'hex'))
    .digest('hex')
  return { ...proof, header, leaf }
}

function hex(text) {
  return Buffer.from(text).toString('hex')
}
