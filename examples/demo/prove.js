import { generateKeyPairSync } from 'node:crypto'
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
  const forged = JSON.parse(proof)
  // The same proof with another actor in it.
  forged.header = forged.header.replace(hex('IAU'), hex('IAO'))
  claim('with one letter of the actor changed it proves nothing', !verifyInclusion(forged, trusted))
  const stranger = generateKeyPairSync('ed25519').publicKey
  claim('and the note is nothing under another key', verifyCheckpoint(note, stranger) === null)
}

function hex(text) {
  return Buffer.from(text).toString('hex')
}
