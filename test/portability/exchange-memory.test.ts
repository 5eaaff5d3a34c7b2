import { statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { exportCollection, importCollection } from '../../src/index.ts'
import { temporaryFolder } from './folder.ts'

const folder = temporaryFolder()
const records = 10_000
const dimension = 384
/** Generous: garbage is collected when V8 likes. All records at once would take four times as much. */
const growthMax = 200 * 1_048_576

/** Records out of nothing and into nothing, so that only what an export and an import hold is measured. */
const source = {
  name: 'endless',
  async get({
    ids = Array.from({ length: records }, (_, index) => `record-${index}`),
  }: {
    ids?: string[]
  } = {}) {
    return {
      ids,
      embeddings: ids.map((id) =>
        Array.from({ length: dimension }, (_, index) => Math.fround(Math.sin(id.length + index))),
      ),
      documents: ids.map((id) => `the text of ${id} `.repeat(10)),
      metadatas: ids.map((id) => ({ id })),
      uris: ids.map(() => null),
    }
  },
}
let received = 0
const receive = async ({ ids }: { ids: string[] }) => {
  received += ids.length
  return { position: 0, committedAt: new Date(), count: ids.length }
}
const target = { name: 'nowhere', add: receive, upsert: receive }

/** How far resident memory rises while `work` runs. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage().rss
  let peak = before
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 5)
  await work()
  clearInterval(timer)
  return Math.max(peak, process.memoryUsage().rss) - before
}

it.each(['jsonl', 'json', 'csv', 'parquet'] as const)(
  '%s: memory stays bounded both ways',
  async (format) => {
    const path = join(folder, `records.${format}`)
    const out = await growth(() => exportCollection(source, path, { format, batchSize: 200 }))
    received = 0
    const back = await growth(() => importCollection(path, target, { format, batchSize: 200 }))
    const megabytes = (bytes: number) => Math.round(bytes / 1_048_576)
    console.log(
      `${format}: ${megabytes(statSync(path).size)} MB, memory +${megabytes(out)} MB out, +${megabytes(back)} MB back`,
    )
    expect(received).toBe(records)
    expect(out).toBeLessThan(growthMax)
    expect(back).toBeLessThan(growthMax)
  },
)
