import { rate, sideBySide } from '../harness.js'
import { effort, meanRecall } from './queries.js'

const changedShare = 0.09
const batchSize = 1000

/** Changes every eleventh vector, then queries the collection as it was before. */
export const asOf = {
  name: 'as-of',
  describes: 'queries as of a position since which 9 % of the vectors have changed',
  run: async (context) => {
    const { collection, data } = context
    const position = await changeSome(collection, data)
    const past = collection.asOf(position)
    const vectors = data.queries(1000)
    const query = (of, options) => (time) =>
      of.query({ queryEmbeddings: [vectors[time % vectors.length]], nResults: 10, ...options })
    const where = { share: { $lt: 500 } }
    const works = {
      live: query(collection),
      past: query(past),
      liveFiltered: query(collection, { where }),
      pastFiltered: query(past, { where }),
    }
    await sideBySide(works, { rounds: 1, times: 20 })
    const ms = await sideBySide(works, effort(data))
    const judged = vectors.slice(0, 50)
    return [
      {
        name: 'query as of, 9 % changed since',
        value: rate(1000 / ms.past),
        baseline: `${rate(1000 / ms.live)} live`,
        ratio: ms.past / ms.live,
        recall: await meanRecall(data, past, judged),
        target: 'time at most 2 ×',
      },
      {
        name: 'query as of that keeps 50 %',
        value: rate(1000 / ms.pastFiltered),
        baseline: `${rate(1000 / ms.liveFiltered)} live`,
        ratio: ms.pastFiltered / ms.liveFiltered,
        recall: await meanRecall(data, past, judged, { where }, (index) => data.shares[index] < 500),
        target: 'time at most 2 ×',
      },
    ]
  },
}

/** Answers the position before the changes. */
async function changeSome(collection, data) {
  const step = Math.round(1 / changedShare)
  const changed = Array.from({ length: Math.floor(data.records / step) }, (_, index) => index * step)
  let before = null
  for (let from = 0; from < changed.length; from += batchSize) {
    const indexes = changed.slice(from, from + batchSize)
    const ids = indexes.map((index) => data.id(index))
    const receipt = await collection.update({ ids, embeddings: indexes.map(() => data.near()) })
    before ??= receipt.position - receipt.count
  }
  return before
}
