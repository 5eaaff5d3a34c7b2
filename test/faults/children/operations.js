// The writes that the killed processes make: the n-th is the same in every process. And what they come to.
const names = ['small', 'large', 'mixed']
export const collectionNames = names
export const hnsw = { sync_threshold: 150, batch_size: 50, ef_search: 400, num_threads: 2 }
const ids = 500

function generator(seed) {
  let state = (seed * 2_654_435_761 + 97) >>> 0
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

/** The n-th write: which collection, which method, its argument. */
export function operation(n) {
  const random = generator(n)
  const name = names[random(names.length)]
  const kind = ['add', 'add', 'add', 'upsert', 'update', 'delete', 'deleteWhere'][random(7)]
  if (kind === 'deleteWhere') return { name, method: 'delete', kind, args: { where: { group: random(60) } } }
  const chosen = [
    ...new Set(Array.from({ length: 1 + random(kind === 'add' ? 60 : 8) }, () => `id ${random(ids)}`)),
  ]
  if (kind === 'delete') return { name, method: 'delete', kind, args: { ids: chosen } }
  const metadatas = chosen.map(() => ({ group: random(60), n }))
  if (kind === 'update') return { name, method: 'update', kind, args: { ids: chosen, metadatas } }
  const length = name === 'small' ? 20 : name === 'large' ? 9000 : [3, 500, 60_000][random(3)]
  return {
    name,
    method: kind,
    kind,
    args: {
      ids: chosen,
      embeddings: chosen.map(() =>
        Array.from({ length: 8 }, () => Math.fround(random(2 ** 24) / 2 ** 23 - 1)),
      ),
      documents: chosen.map((id) => `${id} of ${n} `.padEnd(Math.ceil(length / chosen.length), `${n},`)),
      metadatas,
    },
  }
}

/** Applies a write to `state` (name -> id -> record); answers how many operation records it makes. */
export function applyTo(state, { name, kind, args }) {
  const records = state.get(name)
  const chosen =
    kind === 'deleteWhere'
      ? [...records.keys()].filter((id) => records.get(id).metadata.group === args.where.group)
      : args.ids
  let count = 0
  chosen.forEach((id, index) => {
    const old = records.get(id)
    if (
      kind.startsWith('delete')
        ? old === undefined
        : kind === 'add'
          ? old !== undefined
          : kind === 'update' && old === undefined
    )
      return
    count += 1
    if (kind.startsWith('delete')) records.delete(id)
    else
      records.set(id, {
        embedding: args.embeddings?.[index] ?? old.embedding,
        document: args.documents?.[index] ?? old.document,
        metadata: args.metadatas[index],
      })
  })
  return count
}
