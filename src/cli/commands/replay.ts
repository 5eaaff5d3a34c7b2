import type { Command } from 'commander'
import type { ReplayReport } from '../../index.ts'
import { plainCommand, run } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { gathered, hnswOptions } from '../options.ts'
import type { Session } from '../session.ts'
import { checkReplayable } from '../store-folder.ts'
import { amount } from '../units.ts'

interface Flags {
  until?: string
  collection?: string[]
  hnsw?: Record<string, unknown>
  buildIndexes?: boolean
}

/** `annals replay`: a store derived anew from another one's log. */
export function replay(interrupt: Interrupt): Command {
  return plainCommand('replay', {
    description:
      'Derives a new store from the log of another one, or from a backup. Without changes the log is copied bit for bit; with other HNSW options or only some collections each commit is decided anew, under its own time, actor and reason. Interrupted, it can be called again and goes on.',
    examples: [
      ['replay ./data ./copy', 'the same log, bit for bit'],
      ['replay ./data ./cosine --hnsw space=cosine', 'the same records in another space'],
      ['replay ./backups/notes ./then --until 402 --collection notes', 'one collection, as it was'],
    ],
  })
    .argument('<source>', 'the folder of a store or of a backup')
    .argument('<target>', 'a new folder, or one that an earlier replay has begun')
    .option('--until <point>', 'up to a position or an ISO 8601 time (default: the end)')
    .option(
      '--collection <name>',
      'only the collection of this name (default: all); can be repeated',
      gathered,
    )
    .option(
      '--hnsw <name=value>',
      'another HNSW option, such as space=cosine (default: as they are); can be repeated',
      hnswOptions,
    )
    .option('--build-indexes', 'build the graphs now, not when the store is opened')
    .action(
      run<Flags, [string, string]>(interrupt, async (session, flags, source, target) => {
        const { until, collection, hnsw, buildIndexes = false } = flags
        await checkReplayable(source)
        const { replay: replayStore } = await import('../../index.ts')
        const report = await replayStore(source, target, {
          ...(until !== undefined && { until: await session.instant(until) }),
          ...(collection !== undefined && { collections: collection }),
          ...(hnsw !== undefined && { configuration: { hnsw } }),
          buildIndexes,
          signal: session.signal,
          onProgress: session.transferred('replaying'),
        })
        session.progress.end()
        await tellReplay(session, report)
      }),
    )
}

/** What a replay came to. */
export async function tellReplay({ out }: Session, report: ReplayReport): Promise<void> {
  const { kind, source, position, root, read, written } = report
  await out.answer(report, () => [
    `${amount(read, 'operation record')} read, ${amount(written, 'operation record')} ${kind === 'copied' ? 'copied bit for bit' : 'decided anew'}`,
    ...out.fields([
      ['source', `position ${source.position}`],
      ['target', `position ${position}`],
      ['root', root],
    ]),
  ])
}
