import type { Command } from 'commander'
import { run, storeCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { addAsOf, addFilter, type FilterFlags, type PastFlags } from '../options.ts'

/** `annals count`: how many records there are. */
export function count(interrupt: Interrupt): Command {
  const command = storeCommand('count', {
    description: 'Counts the records of a collection: all of them, or those that a filter keeps.',
    examples: [
      ['count notes', 'all of them'],
      ['count notes --where \'{"topic": "iron"}\'', 'those that fit'],
      ['count notes --as-of tag:release', 'as it stood then'],
    ],
  }).argument('<collection>', 'name or UUID')
  return addAsOf(addFilter(command)).action(
    run<FilterFlags & PastFlags, [string]>(interrupt, async (session, flags, name) => {
      const collection = await session.readable(name)
      const filter = await session.filter(flags)
      const counted =
        Object.keys(filter).length === 0
          ? await collection.count()
          : (await collection.get({ ...filter, include: [] })).ids.length
      await session.out.answer({ count: counted }, () => String(counted))
    }),
  )
}
