import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { PersistentClient } from 'annals'
import { milliseconds, rate, watchingStalls } from '../harness.js'

/** Deletes all but the log, and opens the store. Graphs are built later, in the background. */
export const replay = {
  name: 'replay',
  describes: 'deriving everything but the graphs again from the log alone',
  run: async (context) => {
    await context.client?.close()
    for (const name of readdirSync(context.path))
      if (name !== 'log') rmSync(join(context.path, name), { recursive: true })
    context.client = new PersistentClient({ path: context.path })
    const { ms, maxMs } = await watchingStalls(() => context.client.open())
    const { head } = await context.client.stats()
    await context.client.close()
    return [
      { name: 'replay without graphs', value: rate((head / ms) * 1000), target: 'over 20,000/s' },
      { name: 'longest stall while replaying', value: milliseconds(maxMs) },
    ]
  },
}
