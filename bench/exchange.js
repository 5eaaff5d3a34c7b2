// Rates of export and import: node bench/exchange.js [--records 100000] [--dimension 384] [--formats jsonl,csv,…]
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { exportCollection, importCollection, PersistentClient } from '../dist/index.js'

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '100000' },
    dimension: { type: 'string', default: '384' },
    formats: { type: 'string', default: 'jsonl,csv,parquet,json' },
  },
})
const records = Number(values.records)
const dimension = Number(values.dimension)
const folder = mkdtempSync(join(tmpdir(), 'annals-bench-'))
const words = 'river stone winter market copper signal paper window garden engine lamp cloud'.split(' ')

let seed = 1
function random() {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return seed / 2 ** 32
}

function page(start, count) {
  const ids = Array.from({ length: count }, (_, index) => `record-${start + index}`)
  return {
    ids,
    embeddings: ids.map(() => Float32Array.from({ length: dimension }, () => random() - 0.5)),
    documents: ids.map(
      (id) => `${id}: ${Array.from({ length: 14 }, () => words[Math.floor(random() * 12)]).join(' ')}`,
    ),
    metadatas: ids.map((_, index) => ({ n: start + index, topic: words[index % 12], even: index % 2 === 0 })),
  }
}

/** Runs a piece of work; answers its rate, and how far resident memory rose above where it began. */
async function measure(name, work) {
  globalThis.gc?.()
  const before = process.memoryUsage().rss
  let peak = before
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 20)
  const start = performance.now()
  const bytes = await work()
  const seconds = (performance.now() - start) / 1000
  clearInterval(timer)
  const rate = Math.round(records / seconds).toLocaleString('en')
  const rss = (value) => `${Math.round(value / 1_048_576)} MB`
  console.log(
    `${name.padEnd(16)} ${rate.padStart(9)} records/s  ${seconds.toFixed(1).padStart(6)} s  ${rss(bytes).padStart(8)}  rss ${rss(before)} → at most ${rss(peak)}`,
  )
}

try {
  const source = new PersistentClient({ path: join(folder, 'source') })
  const collection = await source.createCollection({ name: 'records', embeddingFunction: null })
  await measure('add', async () => {
    for (let start = 0; start < records; start += 1000)
      await collection.add(page(start, Math.min(1000, records - start)))
    return 4 * dimension * records
  })
  await source.flush()
  for (const format of values.formats.split(',')) {
    const path = join(folder, `records.${format}`)
    await measure(
      `${format} export`,
      async () => (await exportCollection(collection, path, { format })).bytes,
    )
    const client = new PersistentClient({ path: join(folder, format) })
    const target = await client.createCollection({ name: 'records', embeddingFunction: null })
    await measure(`${format} import`, async () => {
      await importCollection(path, target, { format })
      return statSync(path).size
    })
    if ((await target.count()) !== records) throw new Error(`${format}: ${await target.count()} records`)
    await client.close()
    rmSync(join(folder, format), { recursive: true })
    rmSync(path)
  }
  await source.close()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
