/**
 * Measures annals against the bare libraries: `npm run bench -- --records 100000`. See docs/benchmarks.md.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Dataset, machine, table } from './harness.js'
import { adds } from './workloads/adds.js'
import { asOf } from './workloads/as-of.js'
import { disk } from './workloads/disk.js'
import { memory } from './workloads/memory.js'
import { opening } from './workloads/opening.js'
import { queries } from './workloads/queries.js'
import { replay } from './workloads/replay.js'
import { singleWrites } from './workloads/single-writes.js'

const help = `Usage: node bench/run.js [options]

  --records <n>    records in the collection (default 20000)
  --dimension <n>  values in a vector (default 384)
  --folder <path>  where the stores stand meanwhile (default: the folder for temporary files)
  --only <names>   just these workloads, separated by commas; adds always runs
  --json           print figures as JSON
  --help`

/** In the order in which they must run: each goes on with the store that those before it left. */
const workloads = [adds, queries, asOf, singleWrites, disk, opening, memory, replay]

const { values: options } = parseArgs({
  options: {
    records: { type: 'string', default: '20000' },
    dimension: { type: 'string', default: '384' },
    folder: { type: 'string', default: tmpdir() },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (options.help) console.log(help)
else await main()

async function main() {
  const records = wholeNumber('records')
  const dimension = wholeNumber('dimension')
  const wanted = options.only?.split(',')
  const folder = mkdtempSync(join(options.folder, 'annals-bench-'))
  const figures = []
  try {
    const context = { folder, data: new Dataset({ records, dimension }) }
    for (const workload of workloads) {
      if (workload !== adds && wanted !== undefined && !wanted.includes(workload.name)) continue
      process.stderr.write(`${workload.name}: ${workload.describes}\n`)
      figures.push(...(await workload.run(context)))
    }
    await context.client?.close()
    await context.level?.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const about = { records, dimension, ...machine() }
  console.log(options.json ? JSON.stringify({ ...about, figures }, null, 2) : report(about, figures))
}

function report({ records, dimension, date, node, processor, memory: ram, hnswlib }, figures) {
  const title = `${records.toLocaleString('en-US')} records, ${dimension} dimensions`
  return `${title}\n${date} UTC, Node ${node}, ${processor}, ${ram}, ${hnswlib}\n\n${table(figures)}`
}

function wholeNumber(name) {
  const number = Number(options[name])
  if (Number.isSafeInteger(number) && number > 0) return number
  console.error(`--${name} must be a positive whole number, not ${options[name]}.\n\n${help}`)
  process.exit(2)
}
