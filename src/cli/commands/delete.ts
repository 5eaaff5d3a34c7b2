import type { Command } from 'commander'
import { run, storeCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { addFilter, addWrite, type FilterFlags, whole } from '../options.ts'
import { amount } from '../units.ts'

interface Flags extends FilterFlags {
  limit?: number
}

/** `annals delete`: records, for the present. */
export function deleteCommand(interrupt: Interrupt): Command {
  const command = storeCommand('delete', {
    description:
      'Deletes records by id or filter, in one transaction. The past keeps them: --as-of still reads them, and annals erase takes them out of all of history. Ids that are not there are no error.',
    examples: [
      ['delete notes a b --reason "no longer true"', 'two records'],
      ['delete notes --where \'{"year": {"$lt": 1900}}\'', 'what fits'],
      ['delete notes --where-document \'{"$contains": "draft"}\' --limit 100', 'at most so many of them'],
    ],
  })
    .argument('<collection>', 'name or UUID')
    .argument('[ids...]', 'only these')
    .option('-n, --limit <count>', 'at most so many of what fits (default: all)', whole(1))
  return addWrite(addFilter(command), { keyed: true }).action(
    run<Flags, [string, string[]]>(interrupt, async (session, flags, name, ids) => {
      const collection = await session.collection(name)
      const selection = {
        ...(ids.length > 0 && { ids }),
        ...(await session.filter(flags)),
        ...(flags.limit !== undefined && { limit: flags.limit }),
      }
      const receipt = await collection.delete(selection, session.write())
      await session.out.answer(
        { collection: name, ...receipt },
        () => `${amount(receipt.count, 'record')} deleted from ${name}`,
      )
    }),
  )
}
