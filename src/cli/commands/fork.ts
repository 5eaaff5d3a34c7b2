import type { Command } from 'commander'
import { run, storeCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { addWrite } from '../options.ts'
import { amount } from '../units.ts'

/** `annals fork`: a second collection on the same records. */
export function fork(interrupt: Interrupt): Command {
  const command = storeCommand('fork', {
    description:
      'Makes a new collection with the records of another one as they are now. Nothing is copied: both stand on the same content until they change it, and what is written to one is never seen in the other.',
    examples: [
      ['fork notes notes-draft', 'in the same database'],
      ['fork notes notes-draft --reason "another spelling" --json', 'for machines'],
    ],
  })
    .argument('<collection>', 'name or UUID')
    .argument('<name>', 'of the new collection')
  return addWrite(command, { keyed: true }).action(
    run<object, [string, string]>(interrupt, async (session, _flags, given, name) => {
      const source = await session.collection(given)
      const made = await source.fork({ name }, session.write())
      const records = await made.count()
      await session.out.answer(
        { id: made.id, name, source: source.name, records },
        () => `${name} stands on ${amount(records, 'record')} of ${source.name}.`,
      )
    }),
  )
}
