import { exactNearest, rate, recall, sideBySide } from '../harness.js'

const k = 10

/** Filters by the share of records that they keep; the last one keeps whole clusters, so queries lie far off. */
const filters = [
  { name: '50 %', where: { share: { $lt: 500 } }, admits: ({ shares }, index) => shares[index] < 500 },
  { name: '5 %', where: { share: { $lt: 50 } }, admits: ({ shares }, index) => shares[index] < 50 },
  { name: '0.1 %', where: { share: 7 }, admits: ({ shares }, index) => shares[index] === 7 },
  {
    name: '50 %, whole clusters',
    where: { topic: { $in: Array.from({ length: 25 }, (_, cluster) => `topic-${cluster}`) } },
    admits: ({ clusters }, index) => clusters[index] < 25,
  },
]

/** Queries of the one sealed segment, with and without filters, and of the segments that adding left. */
export const queries = {
  name: 'queries',
  describes: 'queries for 10 neighbours, unfiltered and filtered, and their recall against an exact search',
  run: async (context) => {
    const { collection, client, graph, data } = context
    const vectors = data.queries(1000)
    const numbers = vectors.map((vector) => Array.from(vector))
    const segmented = await client.getCollection({ name: 'bench', embeddingFunction: null })
    const query = (of, options) => (time) =>
      of.query({ queryEmbeddings: [vectors[time % vectors.length]], nResults: k, ...options })
    const works = {
      bare: (time) => graph.searchKnn(numbers[time % numbers.length], Math.min(k, data.records)),
      unfiltered: query(collection),
      distancesOnly: query(collection, { include: ['distances'] }),
      segmented: query(segmented),
    }
    for (const { name, where } of filters) works[name] = query(collection, { where })

    const { rounds, times } = effort(data)
    // Loads both collections and has the hot paths compiled.
    await sideBySide(works, { rounds: 1, times: 20 })
    const ms = await sideBySide(works, { rounds, times })
    const judged = vectors.slice(0, 50)
    const recallOf = (of, options, admits) => meanRecall(data, of, judged, options, admits)
    const bare = `${rate(1000 / ms.bare)} searchKnn`
    const figure = (name, key, rest) => ({ name, value: rate(1000 / ms[key]), ...rest })
    const figures = [
      figure('query, k = 10', 'unfiltered', {
        baseline: bare,
        ratio: ms.bare / ms.unfiltered,
        recall: await recallOf(collection),
        target: 'rate at least 0.85 ×, same recall',
      }),
      figure('query, distances only', 'distancesOnly', { baseline: bare, ratio: ms.bare / ms.distancesOnly }),
      { name: 'recall of the bare graph', value: '', recall: bareRecall(data, graph, judged, numbers) },
      figure('query, segments as adding left them', 'segmented', {
        baseline: bare,
        ratio: ms.bare / ms.segmented,
        recall: await recallOf(segmented),
      }),
    ]
    for (const { name, where, admits } of filters)
      figures.push(
        figure(`query that keeps ${name}`, name, {
          baseline: `${rate(1000 / ms.unfiltered)} unfiltered`,
          ratio: ms.unfiltered / ms[name],
          recall: await recallOf(collection, { where }, (index) => admits(data, index)),
          target: 'rate at least 0.5 ×, recall 0.98',
        }),
      )
    return figures
  },
}

/** Few calls where there are few records: a smoke run must not take long. */
export function effort({ records }) {
  return records < 5000 ? { rounds: 3, times: 20 } : { rounds: 7, times: 200 }
}

/** The mean share of the exact neighbours that queries found. */
export async function meanRecall(data, collection, vectors, options, admits, stored = data.vectors) {
  let sum = 0
  for (const vector of vectors) {
    const { ids } = await collection.query({ queryEmbeddings: [vector], nResults: k, ...options })
    const expected = exactNearest(stored, vector, k, admits).map((index) => data.id(index))
    sum += recall(expected, ids[0])
  }
  return sum / vectors.length
}

function bareRecall(data, graph, vectors, numbers) {
  const shares = vectors.map((vector, at) => {
    const { neighbors } = graph.searchKnn(numbers[at], Math.min(k, data.records))
    return recall(exactNearest(data.vectors, vector, k), neighbors)
  })
  return shares.reduce((sum, share) => sum + share, 0) / shares.length
}
