import { BareLevel, storedValue } from '../baseline.js'
import { median, milliseconds, timed } from '../harness.js'

/** Writes of one record, each awaited, by turns with a bare synced put of the same bytes. */
export const singleWrites = {
  name: 'single-writes',
  describes: 'one durable add and one durable update, median',
  run: async ({ collection, data, folder }) => {
    const level = new BareLevel(folder)
    const times = Math.min(500, data.records)
    const ms = { bare: [], add: [], update: [], metadata: [] }
    const measure = async (name, work) => ms[name].push((await timed(work)).ms)
    for (let time = 0; time < times; time++) {
      const columns = data.columns(time, time + 1)
      const value = storedValue(data, time)
      await measure('bare', () => level.put(data.records + time, value))
      await measure('add', () => collection.add({ ...columns, ids: [`single-${time}`] }))
      await measure('update', () => collection.update({ ...columns, ids: [`single-${time}`] }))
      await measure('metadata', () =>
        collection.update({ ids: [`single-${time}`], metadatas: [{ share: time }] }),
      )
    }
    await level.close()
    const bare = median(ms.bare)
    const figure = (name, key) => ({
      name,
      value: milliseconds(median(ms[key])),
      baseline: `${milliseconds(bare)} synced put`,
      ratio: median(ms[key]) / bare,
      target: 'time at most 2 ×',
    })
    return [
      figure('one durable add', 'add'),
      figure('one durable update', 'update'),
      figure('one durable update of metadata', 'metadata'),
    ]
  },
}
