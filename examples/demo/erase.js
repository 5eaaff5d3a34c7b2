import { generateKeyPairSync } from 'node:crypto'
import { PersistentClient, verifyCheckpoint, verifyErasure } from 'annals'
import { filesHolding } from './files.js'
import { claim, heading, ms, say, table } from './show.js'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')

/** Takes a person out of all of history, and looks for what is left of her in every file. */
export async function eraseAPerson(folder) {
  heading('Erase a person from all of history')
  const client = new PersistentClient({ path: folder })
  const { guests, moved, sought } = await moveIn(client)
  const before = filesHolding(folder, [...sought.values()])
  const start = performance.now()
  const { bytes, certificate } = await client.erase(
    { collection: 'guests', ids: ['guest-7'] },
    { actor: 'privacy@example.org', reason: 'request 4711' },
  )
  say(`erased guest-7 in ${ms(start)}: ${bytes} bytes taken out of the log`)
  say()
  const after = filesHolding(folder, [...sought.values()])
  const rows = [...sought.keys()].map((what, index) => [what, before[index], after[index]])
  table(['sought in every file of the store, unpacked', 'files before', 'files after'], rows)
  say()
  claim(
    'each of these was in some file before',
    before.every((files) => files > 0),
  )
  const [hers, stays] = [after.slice(0, -2), after.slice(-2)]
  claim(
    'of guest-7 nothing is in any file now, of guest-8 everything',
    hers.every((files) => files === 0) && stays.every((files) => files > 0),
  )
  const past = await guests.asOf(moved).get()
  claim(`as of position ${moved}, too, only ${past.ids} is there`, past.ids.join() === 'guest-8')
  certify(await client.checkpoint(privateKey), JSON.stringify(certificate))
  claim('the log still verifies, each frame and the whole tree', (await client.verify()).ok)
  await client.close()
}

/** Two versions of a record that shall go, one that stays, and what to look for of them. */
async function moveIn(client) {
  const guests = await client.createCollection({ name: 'guests' })
  const first = 'Augusta King lives at 12 Byron Square.'
  const second = 'Augusta King lives at 3 Ockham Lane.'
  const telephone = '020 7946 0123'
  const other = 'Mary Somerville is a guest who stays.'
  await guests.add({ ids: ['guest-7'], documents: [first], metadatas: [{ telephone }] })
  const firstVector = await vectorOf(guests, 'guest-7')
  await guests.add({ ids: ['guest-8'], documents: [other] })
  const { position: moved } = await guests.update({ ids: ['guest-7'], documents: [second] })
  const sought = new Map([
    [`guest-7: ${first}`, first],
    [`guest-7: ${second}`, second],
    [`guest-7: ${telephone} (metadata)`, telephone],
    ['guest-7: first vector, as float32', firstVector],
    ['guest-7: second vector, as float32', await vectorOf(guests, 'guest-7')],
    [`guest-8: ${other}`, other],
    ['guest-8: vector, as float32', await vectorOf(guests, 'guest-8')],
  ])
  return { guests, moved, sought }
}

async function vectorOf(guests, id) {
  const { embeddings } = await guests.get({ ids: [id], include: ['embeddings'] })
  return Buffer.from(Float32Array.from(embeddings[0]).buffer)
}

/** Verifies what an erasure leaves in its stead, with nothing but a signed note, a key, and JSON. */
function certify({ note }, kept) {
  const trusted = verifyCheckpoint(note, publicKey)
  const certificate = JSON.parse(kept)
  const { positions } = certificate
  claim(
    `its certificate holds: positions ${positions.join(' and ')} are in the log, without content`,
    trusted !== null && positions.length === 2 && verifyErasure(certificate, trusted),
  )
  claim('and holds for nobody else', !verifyErasure({ ...certificate, ids: ['guest-8'] }, trusted))
}
