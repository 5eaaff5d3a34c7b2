// Rates of export and import: node bench/exchange.js [--records 100000] [--dimension 384] [--formats jsonl,csv,…]
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { exportCollection, importCollection, PersistentClient } from '../dist/index.js'
import { anonymousBytes } from './harness.js'

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '100000' },
    dimension: { type: 'string', default: '384' },
    formats: { type: 'string', default: 'jsonl,csv,parquet,json' },
    // For the processes that this one starts.
    folder: { type: 'string' },
    step: { type: 'string' },
  },
})
const records = Number(values.records)
const dimension = Number(values.dimension)
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'annals-bench-'))
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

/** Runs a piece of work; answers its rate, and how far its own memory rose above where it began. */
async function measure(name, work) {
  const before = anonymousBytes()
  let peak = before
  const timer = setInterval(() => {
    peak = Math.max(peak, anonymousBytes())
  }, 20)
  const start = performance.now()
  const bytes = await work()
  const seconds = (performance.now() - start) / 1000
  clearInterval(timer)
  const rate = Math.round(records / seconds).toLocaleString('en')
  const megabytes = (value) => `${Math.round(value / 1_048_576)} MB`
  console.log(
    `${name.padEnd(16)} ${rate.padStart(9)} records/s  ${seconds.toFixed(1).padStart(6)} s  ${megabytes(bytes).padStart(8)}  memory ${megabytes(before)} → at most ${megabytes(peak)}`,
  )
}

const steps = {
  async add() {
    const client = new PersistentClient({ path: join(folder, 'source') })
    const collection = await client.createCollection({ name: 'records', embeddingFunction: null })
    await measure('add', async () => {
      for (let start = 0; start < records; start += 1000)
        await collection.add(page(start, Math.min(1000, records - start)))
      // What is left to index would be indexed, and measured, in the next process.
      await client.flush()
      return 4 * dimension * records
    })
    await client.close()
  },

  async export(format) {
    const client = new PersistentClient({ path: join(folder, 'source') })
    const collection = await client.getCollection({ name: 'records', embeddingFunction: null })
    const path = join(folder, `records.${format}`)
    await measure(
      `${format} export`,
      async () => (await exportCollection(collection, path, { format })).bytes,
    )
    await client.close()
  },

  async import(format) {
    const client = new PersistentClient({ path: join(folder, format) })
    const collection = await client.createCollection({ name: 'records', embeddingFunction: null })
    const path = join(folder, `records.${format}`)
    await measure(`${format} import`, async () => {
      await importCollection(path, collection, { format })
      return statSync(path).size
    })
    if ((await collection.count()) !== records)
      throw new Error(`${format}: ${await collection.count()} records`)
    await client.close()
    rmSync(join(folder, format), { recursive: true })
    rmSync(path)
  },
}

/** Each step in a process of its own, so that its memory is its own. */
function spawnStep(step) {
  const options = ['--records', values.records, '--dimension', values.dimension, '--folder', folder]
  const { status } = spawnSync(
    process.execPath,
    [fileURLToPath(import.meta.url), ...options, '--step', step],
    {
      stdio: 'inherit',
    },
  )
  if (status !== 0) throw new Error(`the step ${step} failed`)
}

if (values.step !== undefined) {
  const [step, format] = values.step.split(' ')
  await steps[step](format)
} else {
  try {
    spawnStep('add')
    for (const format of values.formats.split(',')) {
      spawnStep(`export ${format}`)
      spawnStep(`import ${format}`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
