/**
 * Measures backup, restore and replay: `node bench/portability.js --records 100000`. Each step runs in a process
 * of its own, so that its peak of memory is its own, too.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FeatureHashingEmbeddingFunction, PersistentClient, replay, restore } from 'annals'
import { anonymousBytes, Dataset, machine } from './harness.js'

const help = `Usage: node bench/portability.js [options]

  --records <n>    records in the collection (default 20000)
  --dimension <n>  values in a vector (default 384)
  --folder <path>  where the stores stand meanwhile (default: the folder for temporary files)
  --help`

const batchSize = 1000

/** In their order: each goes on with what those before it left. Every step answers the records that it moved. */
const steps = {
  async fill({ at, records, dimension }) {
    const client = new PersistentClient({ path: at('store') })
    const collection = await client.createCollection({ name: 'bench', embeddingFunction: null })
    for (let from = 0; from < records; from += batchSize)
      await collection.add(columns(from, Math.min(records, from + batchSize), dimension))
    await client.flush()
    await client.close()
    return records
  },
  async backup({ at }) {
    return withStore(at('store'), async (client) => (await client.backup(at('backup'))).records)
  },
  async change({ at, records, dimension }) {
    return withStore(at('store'), async (client) => {
      const collection = await client.getCollection({ name: 'bench', embeddingFunction: null })
      const changed = Math.ceil(records / 10)
      for (let from = 0; from < changed; from += batchSize)
        await collection.upsert(columns(from, Math.min(changed, from + batchSize), dimension))
      await client.flush()
      return changed
    })
  },
  async 'incremental backup'({ at }) {
    return withStore(at('store'), async (client) => (await client.backup(at('backup'))).records)
  },
  async restore({ at }) {
    return (await restore(at('backup'), { path: at('restored') })).records
  },
  async 'restore with indexes'({ at }) {
    return (await restore(at('backup'), { path: at('restored-indexed'), buildIndexes: true })).records
  },
  async 'replay, copied'({ at }) {
    return (await replay(at('store'), at('copied'))).read
  },
  async 'replay of a backup, copied'({ at }) {
    return (await replay(at('backup'), at('copied-from-backup'))).read
  },
  async 'replay, other space'({ at }) {
    return (await replay(at('store'), at('cosine'), { configuration: { hnsw: { space: 'cosine' } } })).read
  },
  async 'replay, transform'({ at }) {
    return (await replay(at('store'), at('changed'), { transform: (record) => record })).read
  },
  async 'replay, embedded again'({ at, dimension }) {
    const embeddingFunction = new FeatureHashingEmbeddingFunction({ dimension })
    return (await replay(at('store'), at('embedded'), { embeddingFunction })).read
  },
}

function columns(from, to, dimension) {
  const data = new Dataset({ records: to - from, dimension, seed: from + 1 })
  const given = data.columns(0, to - from)
  return { ...given, ids: given.ids.map((_, index) => `record-${from + index}`) }
}

async function withStore(path, work) {
  const client = new PersistentClient({ path })
  await client.open()
  const began = performance.now()
  const records = await work(client)
  const ms = performance.now() - began
  await client.close()
  return { records, ms }
}

async function runStep(name, context) {
  let ownBytes = 0
  const sampling = setInterval(() => {
    ownBytes = Math.max(ownBytes, anonymousBytes())
  }, 20)
  const began = performance.now()
  const answer = await steps[name](context)
  const timed = typeof answer === 'number' ? { records: answer, ms: performance.now() - began } : answer
  clearInterval(sampling)
  process.stdout.write(JSON.stringify({ ...timed, ownBytes, rssKilobytes: process.resourceUsage().maxRSS }))
}

function bytesBelow(path) {
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' })
  return files.reduce((sum, file) => sum + statSync(join(path, file)).size, 0)
}

function measure(name, folder, given) {
  const argv = [import.meta.filename, '--step', name, '--folder', folder, ...given]
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${name}: ${stderr}`)
  const { records, ms, ownBytes, rssKilobytes } = JSON.parse(stdout)
  return [
    name,
    records,
    `${(ms / 1000).toFixed(2)} s`,
    `${Math.round((1000 * records) / ms)}/s`,
    `${Math.round(ownBytes / 2 ** 20)} MB`,
    `${Math.round(rssKilobytes / 1024)} MB`,
  ]
}

function main(options) {
  const folder = mkdtempSync(join(options.folder, 'annals-bench-'))
  const given = ['--records', options.records, '--dimension', options.dimension]
  console.log(machine())
  console.log(`\n${options.records} records of ${options.dimension} dimensions\n`)
  console.log(
    '| step | operation records | time | rate | memory, peak | with mapped files |\n|---|---|---|---|---|---|',
  )
  try {
    for (const name of Object.keys(steps)) console.log(`| ${measure(name, folder, given).join(' | ')} |`)
    const size = (name) => `${Math.round(bytesBelow(join(folder, name)) / 2 ** 20)} MB`
    console.log(`\nlog ${size('store/log')}, backup ${size('backup')}, restored store ${size('restored')}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const { values: options } = parseArgs({
  options: {
    records: { type: 'string', default: '20000' },
    dimension: { type: 'string', default: '384' },
    folder: { type: 'string', default: tmpdir() },
    step: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) console.log(help)
else if (options.step === undefined) main(options)
else
  await runStep(options.step, {
    at: (name) => join(options.folder, name),
    records: Number(options.records),
    dimension: Number(options.dimension),
  })
