import type { Command } from 'commander'
import { run, storeCommand } from '../command.ts'
import { addYes, type ConfirmFlags, confirm } from '../confirm.ts'
import type { Interrupt } from '../interrupt.ts'
import { addWrite } from '../options.ts'
import { amount, bytesText } from '../units.ts'

interface Flags extends ConfirmFlags {
  dryRun?: boolean
}

/** `annals vacuum`: lets go of history. */
export function vacuum(interrupt: Interrupt): Command {
  const command = storeCommand('vacuum', {
    description:
      'Lets go of the history that retention no longer keeps: text, vectors and metadata of superseded versions leave the log and the tables for good. Who did what and when stays. Tags and backups under way hold it back. Without a retention (annals retention) everything is kept for ever, and nothing goes.',
    examples: [
      ['vacuum --dry-run', 'what would go'],
      ['vacuum --yes --reason "monthly"', 'without asking'],
    ],
  }).option('--dry-run', 'only say what would go')
  return addWrite(addYes(command), { keyed: false }).action(
    run<Flags, []>(interrupt, async (session, { dryRun = false, yes = false }) => {
      const { out, signal, progress } = session
      const client = await session.client()
      const plan = await client.vacuum({ dryRun: true, signal })
      const told = `${amount(plan.versions, 'superseded version')} and ${amount(plan.payloads, 'payload')}`
      if (dryRun) return out.answer(plan, () => `${told} would go.`)
      if (plan.versions > 0) await confirm(session, `${told} will be gone for good.`, yes)
      const report = await client.vacuum(
        {
          signal,
          onProgress: ({ versions }) =>
            progress.tell({ label: 'letting go', done: versions, total: plan.versions, unit: 'versions' }),
        },
        session.write(),
      )
      progress.end()
      const { versions, payloads, bytes } = report
      await out.answer(
        report,
        () =>
          `${amount(versions, 'version')} and ${amount(payloads, 'payload')} are gone, ${bytesText(bytes)} out of the log.`,
      )
    }),
  )
}
