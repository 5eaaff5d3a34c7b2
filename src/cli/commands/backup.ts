import type { Command } from 'commander'
import { run, storeCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { amount, bytesText, timeText } from '../units.ts'

interface Flags {
  from?: string
  until?: string
}

/** `annals backup`: the log, copied out. */
export function backup(interrupt: Interrupt): Command {
  return storeCommand('backup', {
    description:
      'Copies the log into a folder, while writes go on. A folder that holds an earlier backup of this store gets what is new. An interrupted backup is a smaller one; the next call goes on from there.',
    examples: [
      ['backup ./backups/notes --path ./data', 'the whole log, or what is new'],
      ['backup ./backups/monday --from 1207', 'a new folder that goes on where another one ends'],
      ['backup ./backups/notes --url http://localhost:8000', 'of a running server, into a folder here'],
    ],
  })
    .argument('<folder>', 'a new folder, or one with an earlier backup of this store')
    .option(
      '--from <point>',
      'for a new folder: begin behind a position, an ISO 8601 time or tag:NAME (default: the beginning)',
    )
    .option('--until <point>', 'end at such a point (default: now)')
    .action(
      run<Flags, [string]>(interrupt, async (session, { from, until }, folder) => {
        const { out, signal } = session
        const client = await session.client()
        const report = await client.backup(folder, {
          ...(from !== undefined && { from: await session.point(from) }),
          ...(until !== undefined && { until: await session.point(until) }),
          signal,
          onProgress: session.transferred('backing up'),
        })
        session.progress.end()
        const { position, committedAt, root, chunks, records, bytes } = report
        await out.answer(report, () => [
          `${amount(records, 'operation record')} in ${amount(chunks.length, 'new file')}, ${bytesText(bytes)}`,
          ...out.fields([
            ['folder', report.path],
            ['up to', `position ${position}, ${timeText(committedAt)}`],
            ['root', root],
          ]),
        ])
      }),
    )
}
