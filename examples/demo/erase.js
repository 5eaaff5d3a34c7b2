import { generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PersistentClient, verifyCheckpoint, verifyErasure } from 'annals'
import { claim, heading, ms, say, table } from './show.js'

/** Takes a person out of all of history, and looks for what is left of her in every file. */
export async function eraseAPerson(folder) {
  heading('Erase a person from all of history')
  const client = new PersistentClient({ path: folder })
  const { guests, moved, sought } = await moveIn(client)
  const before = search(folder, sought)

  const start = performance.now()
  const { bytes, certificate } = await client.erase(
    { collection: 'guests', ids: ['guest-7'] },
    { actor: 'privacy@example.org', reason: 'request 4711' },
  )
  say(`erased guest-7 in ${ms(start)}: ${bytes} bytes taken out of the log`)
  say()
  const after = search(folder, sought)
  const rows = [...sought.keys()].map((what, index) => [what, before[index], after[index]])
  table(['every file below the store, byte by byte', 'files before', 'files after'], rows)
  say()
  claim(
    'each of these was in some file before',
    before.every((files) => files > 0),
  )
  claim(
    'none is in any file now',
    after.every((files) => files === 0),
  )
  const past = await guests.asOf(moved).get()
  claim(`as of position ${moved}, too, only ${past.ids} is there`, past.ids.join() === 'guest-8')

  certify(await client.checkpoint(privateKey), JSON.stringify(certificate))
  claim('the log still verifies, each frame and the whole tree', (await client.verify()).ok)
  await client.close()
}

const { privateKey, publicKey } = generateKeyPairSync('ed25519')

/** Two versions of a record that shall go, and what to look for: texts and the vectors' bytes. */
async function moveIn(client) {
  const guests = await client.createCollection({ name: 'guests' })
  const texts = ['Augusta King lives at 12 Byron Square.', 'Augusta King lives at 3 Ockham Lane.']
  await guests.add({
    ids: ['guest-7', 'guest-8'],
    documents: [texts[0], 'A guest who stays.'],
    metadatas: [{ telephone: '020 7946 0123' }, null],
  })
  const vectors = [await vectorOf(guests)]
  const { position: moved } = await guests.update({ ids: ['guest-7'], documents: [texts[1]] })
  vectors.push(await vectorOf(guests))
  const sought = new Map([
    [`the first document: ${texts[0]}`, texts[0]],
    [`the second document: ${texts[1]}`, texts[1]],
    ['the metadata: 020 7946 0123', '020 7946 0123'],
    ['the first vector, 1,536 bytes', vectors[0]],
    ['the second vector, 1,536 bytes', vectors[1]],
  ])
  return { guests, moved, sought }
}

async function vectorOf(guests) {
  const { embeddings } = await guests.get({ ids: ['guest-7'], include: ['embeddings'] })
  return Buffer.from(Float32Array.from(embeddings[0]).buffer)
}

/** In how many files below a folder each of these stands. */
function search(folder, sought) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
  return [...sought.values()].map((bytes) => files.filter((file) => file.includes(bytes)).length)
}

/** Verifies what an erasure leaves in its stead: again with nothing but a note, a key, and JSON. */
function certify({ note }, kept) {
  const trusted = verifyCheckpoint(note, publicKey)
  const certificate = JSON.parse(kept)
  claim(
    `its certificate holds: positions ${certificate.positions.join(' and ')} are in the log without content`,
    trusted !== null && certificate.positions.length === 2 && verifyErasure(certificate, trusted),
  )
  const forged = { ...certificate, ids: ['guest-8'] }
  claim('and does not hold for anybody else', !verifyErasure(forged, trusted))
}
