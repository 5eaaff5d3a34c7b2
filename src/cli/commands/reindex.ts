import type { Command } from 'commander'
import { run, storeCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { addWrite, between, hnswOptions } from '../options.ts'
import { reindexText } from './compact.ts'

interface Flags {
  hnsw?: Record<string, unknown>
  recallMin?: number
}

/** `annals reindex`: the graphs of a collection, built again. */
export function reindex(interrupt: Interrupt): Command {
  const command = storeCommand('reindex', {
    description:
      'Builds the graphs of a collection again beside those that answer meanwhile, merged into as few as may be, with other HNSW options if given (all but space). They take over unless they find less than --recall-min of the true neighbours.',
    examples: [
      ['reindex notes', 'merged, with the options that it has'],
      ['reindex notes --hnsw max_neighbors=32 --hnsw ef_construction=200', 'with better graphs'],
    ],
  })
    .argument('<collection>', 'name or UUID')
    .option(
      '--hnsw <name=value>',
      'another HNSW option, such as max_neighbors=32 (default: as they are); can be repeated',
      hnswOptions,
    )
    .option(
      '--recall-min <share>',
      'the smallest recall that is accepted, 0 to 1 (default: 0.9)',
      between(0, 1),
    )
  return addWrite(command, { keyed: false }).action(
    run<Flags, [string]>(interrupt, async (session, { hnsw, recallMin }, name) => {
      const collection = await session.collection(name)
      const report = await collection.reindex(
        {
          ...(hnsw !== undefined && { hnsw }),
          ...(recallMin !== undefined && { recallMin }),
          signal: session.signal,
          onProgress: session.built(`building ${name}`),
        },
        session.write(),
      )
      session.progress.end()
      await session.out.answer(report, () => reindexText(report))
    }),
  )
}
