// The transactions that the killed processes commit: the n-th of a lane is the same in every process. And what they
// come to. Each fifth holds more records than are applied in one turn. Lanes share no record, so that none of them is
// ever refused, and several are written together.
export const lanes = ['left', 'right']
const accountsPerLane = 5

export const accountsOf = (lane) =>
  Array.from({ length: accountsPerLane }, (_, index) => `${lane} account ${index}`)

/** The n-th transaction of a lane, n from 1: what it updates, adds and deletes. */
export function transaction(lane, n) {
  const accounts = accountsOf(lane)
  const isLarge = n % 5 === 0
  const kept = Array.from({ length: isLarge ? 150 : 1 }, (_, index) => `${lane} ${n} kept ${index}`)
  return {
    updated: [accounts[n % accountsPerLane], accounts[(n + 1) % accountsPerLane]],
    added: [...kept, `${lane} ${n} passing`],
    deleted: n > 2 ? [`${lane} ${n - 2} passing`] : [],
    embedding: [n, lane.length],
    document: `${lane} ${n} `.padEnd(n % 7 === 0 && !isLarge ? 60_000 : 40, `${n},`),
    metadata: { n },
  }
}

/** Reads what it changes, buffers the changes, and commits them under a key of their own. */
export async function commit(collection, lane, n) {
  const { updated, added, deleted, embedding, document, metadata } = transaction(lane, n)
  const conditional = collection.conditional()
  await conditional.get({ ids: [...updated, ...added, ...deleted] })
  const records = (ids) => ({
    ids,
    embeddings: ids.map(() => embedding),
    documents: ids.map(() => document),
    metadatas: ids.map(() => metadata),
  })
  await conditional.update(records(updated))
  await conditional.add(records(added))
  if (deleted.length > 0) await conditional.delete({ ids: deleted })
  return conditional.commit({ idempotencyKey: `${lane} ${n}` })
}

/** Applies it to `records` (id -> record). */
export function applyTo(records, { updated, added, deleted, embedding, document, metadata }) {
  for (const id of [...updated, ...added]) records.set(id, { embedding, document, metadata })
  for (const id of deleted) records.delete(id)
}
