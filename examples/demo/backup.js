import { join } from 'node:path'
import { PersistentClient, restore } from 'annals'
import { claim, fingerprint, heading, ms, say, table } from './show.js'

/** Copies the log while somebody writes, and makes a new store of the copy as of an earlier position. */
export async function backUpAndRestore(folder, target, { ninePlanets }) {
  heading('Back up while it is written to, restore an earlier moment')
  const backup = join(target, 'backup')
  const client = new PersistentClient({ path: folder })
  const meanwhile = await backUp(client, backup)

  const path = join(target, 'restored')
  let start = performance.now()
  const { position, epoch } = await restore(backup, { path, until: ninePlanets })
  say(
    `restored the first ${position} operation records into a new store in ${ms(start)}; its epoch is ${epoch}`,
  )
  start = performance.now()
  const restored = new PersistentClient({ path })
  say()
  const { root } = await client.proof(position, { size: position })
  const rows = [
    ...(await compared(client.asOf(position), restored)),
    ['Merkle root', root.slice(0, 16), (await restored.stats()).root.slice(0, 16)],
  ]
  table(['answers', `this store as of ${position}`, 'the restored one'], rows)
  say()
  claim(
    'every answer is the same',
    rows.every(([, here, there]) => here === there),
  )
  claim('the restored log is the beginning of this one', (await restored.stats()).root === root)
  const journal = await client.getCollection({ name: 'journal' })
  claim(
    'and this one has what was written meanwhile',
    (await journal.get({ ids: [meanwhile] })).ids.length === 1,
  )
  await restored.close()
  await client.close()
}

async function backUp(client, backup) {
  const journal = await client.getCollection({ name: 'journal' })
  const meanwhile = { ids: ['meanwhile'], documents: ['Written while the backup was made.'] }
  let written
  const start = performance.now()
  const first = await client.backup(backup, {
    chunkBytesMax: 1_048_576,
    onProgress: () => {
      written ??= journal.add(meanwhile)
    },
  })
  const [took, { position }] = [ms(start), await written]
  const next = await client.backup(backup)
  table(
    ['backup into one folder', 'operation records', 'new files', 'up to position'],
    [
      [`the first, in ${took}`, first.records, first.chunks.length, first.position],
      ['the second', next.records, next.chunks.length, next.position],
    ],
  )
  say()
  claim(`a write went on meanwhile, to position ${position}`, position > first.position)
  claim(
    'the second backup added just that write',
    next.position === position && next.records === position - first.position,
  )
  return meanwhile.ids[0]
}

async function compared(then, restored) {
  const collections = [then, restored].map((client) => client.getCollection({ name: 'facts' }))
  const [here, there] = await Promise.all(collections)
  const all = { include: ['documents', 'embeddings', 'metadatas', 'uris'] }
  const question = { queryTexts: ['planet far from the Sun', 'volcano'], nResults: 20 }
  return [
    ['all records and vectors', fingerprint(await here.get(all)), fingerprint(await there.get(all))],
    [
      'neighbours, 2 queries',
      fingerprint(await here.query(question)),
      fingerprint(await there.query(question)),
    ],
  ]
}
