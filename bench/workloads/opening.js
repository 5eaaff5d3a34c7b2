import { PersistentClient } from 'annals'
import { median, milliseconds, timed } from '../harness.js'

/** Closes the store and opens it again, a few times. */
export const opening = {
  name: 'opening',
  describes: 'opening the store, and its first query, which loads the collection',
  run: async (context) => {
    const { data } = context
    const samples = { open: [], query: [] }
    for (let round = 0; round < 3; round++) {
      await context.client.close()
      context.client = new PersistentClient({ path: context.path })
      samples.open.push((await timed(() => context.client.open())).ms)
      context.collection = await context.client.getCollection({
        name: 'one-segment',
        embeddingFunction: null,
      })
      const [vector] = data.queries(1)
      const query = await timed(() => context.collection.query({ queryEmbeddings: [vector] }))
      samples.query.push(query.ms)
    }
    return [
      { name: 'opening the store', value: milliseconds(median(samples.open)), target: '150 ms' },
      { name: 'first query after it', value: milliseconds(median(samples.query)) },
    ]
  },
}
