import type { Command } from 'commander'
import { folderCommand, run } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { checkExists, defaultFolder } from '../store-folder.ts'
import { amount, bytesText } from '../units.ts'

interface Flags {
  path?: string
  until?: string
  dryRun?: boolean
  buildIndexes?: boolean
}

/** `annals restore`: a new store of a backup. */
export function restore(interrupt: Interrupt): Command {
  const command = folderCommand(
    'restore',
    {
      description:
        'Makes a new store of a backup, up to its end or to a point before. Every file and every frame is checked. Nothing is ever restored over a store; an interrupted restore leaves nothing and is repeated.',
      examples: [
        ['restore ./backups/notes --path ./restored', 'all of it'],
        ['restore ./backups/notes --path ./restored --until 2026-03-01 --dry-run', 'what would be done'],
        ['restore ./backups/full ./backups/monday --path ./restored', 'backups that continue each other'],
      ],
    },
    'where the new store is made',
  )
    .argument('<backups...>', 'the folder of a backup, or several that continue each other')
    .option('--until <point>', 'up to a position or an ISO 8601 time (default: the end)')
    .option('--dry-run', 'only say what would be done')
    .option('--build-indexes', 'build the graphs now, not when the store is opened')
  return command.action(
    run<Flags, [string[]]>(interrupt, async (session, flags, backups) => {
      const { out, signal } = session
      const { until, dryRun = false, buildIndexes = false, path = defaultFolder } = flags
      backups.forEach(checkExists)
      const { restore: restoreStore } = await import('../../index.ts')
      const report = await restoreStore(backups, {
        path,
        ...(until !== undefined && { until: await session.instant(until) }),
        dryRun,
        buildIndexes,
        signal,
        onProgress: session.transferred('restoring'),
      })
      session.progress.end()
      const { records, chunks, bytes, position, epoch, root } = report
      await out.answer(report, () => [
        `${amount(records, 'operation record')} ${dryRun ? 'would be restored' : 'restored'} from ${amount(chunks.length, 'file')}, ${bytesText(bytes)}`,
        ...out.fields([
          ['folder', report.path],
          ['up to', `position ${position}`],
          ['epoch', epoch],
          ['root', root],
        ]),
      ])
    }),
  )
}
