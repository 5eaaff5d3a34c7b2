import type { Command } from 'commander'
import { run, storeCommand } from '../command.ts'
import { addYes, type ConfirmFlags, confirm } from '../confirm.ts'
import type { Interrupt } from '../interrupt.ts'
import { addWrite } from '../options.ts'
import { amount } from '../units.ts'

/** `annals drop`: a collection, for the present. */
export function drop(interrupt: Interrupt): Command {
  const command = storeCommand('drop', {
    description:
      'Deletes a collection with all of its records, after asking. The past keeps it: --as-of still reads it. A collection of the same name that is made later is another one.',
    examples: [
      ['drop drafts', 'after asking'],
      ['drop drafts --yes --reason "moved to notes"', 'without asking'],
    ],
  }).argument('<collection>', 'name or UUID')
  return addWrite(addYes(command), { keyed: true }).action(
    run<ConfirmFlags, [string]>(interrupt, async (session, { yes = false }, given) => {
      const collection = await session.collection(given)
      const { name } = collection
      const records = await collection.count()
      await confirm(session, `The collection ${name} will go, with ${amount(records, 'record')}.`, yes)
      const receipt = await (await session.client()).deleteCollection({ name }, session.write())
      await session.out.answer({ dropped: name, records, ...receipt }, () => [
        `The collection ${name} is gone. As of position ${receipt.position - 1} it can still be read.`,
      ])
    }),
  )
}
