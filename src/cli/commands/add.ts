import type { Command } from 'commander'
import { run, storeCommand } from '../command.ts'
import { UsageError } from '../failure.ts'
import { type ImportFlags, importInto, tellImport } from '../importing.ts'
import type { Interrupt } from '../interrupt.ts'
import { addCreation, addWrite, type CreationFlags, whole } from '../options.ts'

interface Flags extends CreationFlags, ImportFlags {
  create?: boolean
  upsert?: boolean
}

/** `annals add`: records from standard input. */
export function add(interrupt: Interrupt): Command {
  const command = storeCommand('add', {
    description:
      'Adds records from standard input, one JSON object on each line: {"id", "document", "metadata", "embedding", "uri"}. ' +
      'A record without an embedding gets one of its document. Ids that exist are left as they are, unless --upsert. ' +
      'Each batch is a transaction; batches before a line that is wrong stay.',
    examples: [
      ['add notes --create < notes.jsonl', 'into a collection that may be new'],
      ['add notes --upsert < changes.jsonl', 'add what is new, change what exists'],
      [
        'get notes --json --embeddings | annals add copy --create --path ./other',
        'from one store to another',
      ],
    ],
  })
    .argument('<collection>', 'name or UUID')
    .option('--upsert', 'change records that exist instead of leaving them')
    .option('--batch-size <count>', 'records in one transaction', whole(1), 1000)
    .option('--skip-bad', 'leave out records that are wrong, and tell them at the end')
    .option('--create', 'make the store and the collection if they are not there')
  return addWrite(addCreation(command), { keyed: true }).action(
    run<Flags, [string]>(interrupt, async (session, flags, name) => {
      if (process.stdin.isTTY === true)
        throw new UsageError(
          'Standard input is a terminal, and gives no records.',
          `annals add ${name} < records.jsonl`,
        )
      const destination = session.destination(name, flags.create ? flags : null)
      if (!flags.create) await destination.collection()
      const report = await importInto(session, destination, process.stdin, {
        ...flags,
        format: 'jsonl',
        mode: flags.upsert ? 'upsert' : 'add',
      })
      await tellImport(session, report, name)
    }),
  )
}
