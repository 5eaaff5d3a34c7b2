import type { Command } from 'commander'
import { run, storeCommand } from '../command.ts'
import { findingLines, verified } from '../findings.ts'
import type { Interrupt } from '../interrupt.ts'
import { amount } from '../units.ts'

/** `annals repair`: what is derived is derived again. */
export function repair(interrupt: Interrupt): Command {
  return storeCommand('repair', {
    description:
      'Puts right whatever can be derived from the log: rows in place, graphs by building them again. The log is never touched. Then verifies, and names what only a backup can bring back. Exit code 1 if an error remains.',
    examples: [
      ['repair', 'after annals verify has found something'],
      ['repair --json | jq .remaining', 'what only a backup can bring back'],
    ],
  }).action(
    run<object, []>(interrupt, async (session) => {
      const { out, signal } = session
      const client = await session.client()
      const result = await client.repair({ signal, onProgress: verified(session) })
      session.progress.end()
      if (!result.ok) session.fail()
      const { green, red } = out.style
      await out.answer(result, () => [
        ...findingLines(out, result.repaired),
        `${amount(result.repaired.length, 'finding')} put right.`,
        ...findingLines(out, result.remaining),
        result.ok ? green('Sound.') : red('What remains needs a backup.'),
      ])
    }),
  )
}
