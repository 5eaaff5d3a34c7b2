// Everything that can be asked of a store, as one JSON value. Used by the tests and by their child processes.
import { PersistentClient } from '../../../dist/index.js'

const columns = ['documents', 'embeddings', 'metadatas', 'uris']

/** Opens the store in `path`, asks all of it, and closes it. */
export async function answersOf(path, options = {}) {
  const client = new PersistentClient({ path, diskReserveBytes: 0, ...options })
  try {
    return await ask(client)
  } finally {
    await client.close()
  }
}

/** The answers of an open client. */
export async function ask(client) {
  const { head, root } = await client.stats()
  const collections = {}
  for (const collection of await client.listCollections())
    collections[collection.name] = await askOne(collection)
  const changes = []
  for await (const { position, type, id, after } of client.changes())
    changes.push([position, type, id, after])
  return { head, root, collections, changes }
}

async function askOne(collection) {
  const all = await collection.get({ include: columns })
  const queries = all.embeddings.filter((_, index) => index % 8 === 0)
  const query = async (extra) =>
    queries.length === 0
      ? null
      : plain(await collection.query({ queryEmbeddings: queries, nResults: 5, ...extra }))
  const histories = {}
  for (const id of all.ids.filter((_, index) => index % 40 === 0))
    histories[id] = await history(collection, id)
  return {
    count: await collection.count(),
    all: plain(all),
    nearest: await query({}),
    filtered: await query({ where: { group: 1 } }),
    some: plain(await collection.get({ where: { $and: [{ group: { $gte: 1 } }, { even: true }] } })),
    text: plain(await collection.get({ whereDocument: { $contains: 'number 7' } })),
    histories,
  }
}

async function history(collection, id) {
  const versions = []
  for await (const { position, type, before, after } of collection.history(id))
    versions.push({ position, type, before, after })
  return versions
}

function plain({ ids, documents, embeddings, metadatas, uris, distances }) {
  return { ids, documents, embeddings, metadatas, uris, distances }
}
