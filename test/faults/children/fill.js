// Fills the store in argv[2] with sealed segments, updates and deletes. With `stay`, waits to be killed.
import { PersistentClient } from '../../../dist/index.js'

const [, , path, mode] = process.argv
let state = 42
const random = () => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return state / 2 ** 32
}
const vector = (dimension) => Array.from({ length: dimension }, () => Math.fround(random() * 2 - 1))
const hnsw = { sync_threshold: 100, batch_size: 50, ef_search: 200, num_threads: 1 }

async function open() {
  const client = new PersistentClient({ path, diskReserveBytes: 0 })
  const notes = await client.getOrCreateCollection({
    name: 'notes',
    configuration: { hnsw },
    embeddingFunction: null,
  })
  const texts = await client.getOrCreateCollection({ name: 'texts', embeddingFunction: null })
  return { client, notes, texts }
}

function records(first, count, dimension, textLength) {
  const numbers = Array.from({ length: count }, (_, index) => first + index)
  return {
    ids: numbers.map((n) => `id ${n}`),
    embeddings: numbers.map(() => vector(dimension)),
    documents: numbers.map((n) => `document number ${n} `.padEnd(textLength, `${n} words `)),
    metadatas: numbers.map((n) => ({ group: n % 5, even: n % 2 === 0, tags: ['a', `t${n}`] })),
  }
}

async function fill({ client, notes, texts }, from) {
  for (let first = from; first < from + 120; first += 40) await notes.add(records(first, 40, 8, 40))
  await texts.add(records(from, 12, 4, 5000))
  await notes.update({
    ids: [`id ${from}`, `id ${from + 3}`],
    metadatas: [{ group: 9 }, null],
    documents: [null, 'new'],
  })
  await notes.upsert({ ...records(from + 30, 10, 8, 60) })
  await notes.delete({ ids: [`id ${from + 1}`, `id ${from + 50}`] })
  await client.flush()
}

const first = await open()
await fill(first, 0)
// Opened again, LevelDB moves what it holds from its log into a table.
await first.client.close()
const second = await open()
await fill(second, 120)
if (mode === 'stay') {
  process.stdout.write('filled\n')
  setInterval(() => undefined, 1000)
} else await second.client.close()
