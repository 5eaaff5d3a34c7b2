import { join } from 'node:path'
import { PersistentClient } from 'annals'
import { BareLevel, BareSqlite, buildGraph, storedValue } from '../baseline.js'
import { megabytes, milliseconds, rate, timed, watchingStalls } from '../harness.js'

const batchSize = 1000

/** Fills the store that the other workloads go on with, and builds the bare graph that they compare with. */
export const adds = {
  name: 'adds',
  describes: 'durable adds in batches of 1,000, then until all is indexed, and how long the event loop stood',
  run: async (context) => {
    const { data, folder } = context
    const bareMs = await bareAdds(context)
    const bareGraph = await timed(() => buildGraph(data))
    context.graph = bareGraph.result

    context.path = join(folder, 'store')
    context.client = new PersistentClient({ path: context.path })
    const collection = await context.client.createCollection({ name: 'bench', embeddingFunction: null })
    const indexing = await watchingStalls(async () => {
      const adding = await watchingStalls(() => addAll(collection, data))
      const { ms: waitedMs } = await timed(() => context.client.flush())
      return { adding, waitedMs }
    })
    const { adding } = indexing.result
    const [{ sealedSegments, sealedVectors }] = (await context.client.stats()).collections

    const oneSegment = await sealInOne(context)
    const perSecond = (ms) => (data.records / ms) * 1000
    return [
      {
        name: 'durable adds, batches of 1,000',
        value: rate(perSecond(adding.ms)),
        baseline: `${rate(perSecond(bareMs))} LevelDB + SQLite`,
        ratio: adding.ms / bareMs,
        target: 'time at most 2.5 ×; over 10,000/s',
      },
      {
        name: 'durable adds while nothing is indexed',
        value: rate(perSecond(oneSegment.addMs)),
        baseline: `${rate(perSecond(bareMs))} LevelDB + SQLite`,
        ratio: oneSegment.addMs / bareMs,
        target: 'time at most 2.5 ×; over 10,000/s',
      },
      {
        name: `until all is indexed (${sealedVectors} in ${sealedSegments} segments)`,
        value: rate(perSecond(indexing.ms)),
        baseline: `${rate(perSecond(bareGraph.ms))} one-threaded build`,
        ratio: bareGraph.ms / indexing.ms,
        target: 'rate at least 1.5 ×',
      },
      { name: 'longest stall of the event loop', value: milliseconds(indexing.maxMs), target: '50 ms' },
      { name: 'stalls while adding, 99th percentile', value: milliseconds(adding.p99Ms) },
      {
        name: 'longest stall while one segment is sealed',
        value: milliseconds(oneSegment.stallMs),
        target: '50 ms',
      },
      { name: 'resident memory after adding all', value: megabytes(process.memoryUsage.rss()) },
    ]
  },
}

async function bareAdds({ data, folder }) {
  const level = new BareLevel(folder)
  const sqlite = new BareSqlite(folder)
  let ms = 0
  for (let from = 0; from < data.records; from += batchSize) {
    const columns = data.columns(from, from + batchSize)
    const values = columns.ids.map((_, at) => storedValue(data, from + at))
    const batch = await timed(async () => {
      await level.batch(from, values)
      sqlite.insert(from, columns)
    })
    ms += batch.ms
  }
  sqlite.close()
  await level.close()
  return ms
}

/** The same records in another collection, sealed as one segment: what a bare graph can be compared with. */
async function sealInOne(context) {
  const { client, data } = context
  const hnsw = { sync_threshold: data.records, batch_size: data.records, num_threads: 1 }
  context.collection = await client.createCollection({
    name: 'one-segment',
    configuration: { hnsw },
    embeddingFunction: null,
  })
  const { ms: addMs } = await timed(() => addAll(context.collection, data))
  const { maxMs } = await watchingStalls(() => client.flush())
  return { addMs, stallMs: maxMs }
}

async function addAll(collection, data) {
  for (let from = 0; from < data.records; from += batchSize)
    await collection.add(data.columns(from, from + batchSize))
}
