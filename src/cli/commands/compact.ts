import type { Command } from 'commander'
import type { ReindexReport } from '../../index.ts'
import { run, storeCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { amount } from '../units.ts'

/** `annals compact`: fewer graphs. */
export function compact(interrupt: Interrupt): Command {
  return storeCommand('compact', {
    description:
      'Merges small graphs of every collection into fewer, which makes queries faster. Queries go on meanwhile. History stays; to let go of it there is annals vacuum.',
    examples: [
      ['compact', 'every collection'],
      ['compact --json', 'segments before and after, and the recall that was measured'],
    ],
  }).action(
    run<object, []>(interrupt, async (session) => {
      const { out, signal } = session
      const client = await session.client()
      const reports = await client.compact({ signal, onProgress: session.built('merging graphs') })
      session.progress.end()
      const { collections } = await client.stats()
      const names = new Map(collections.map(({ id, name }) => [id, name]))
      const merged = Object.entries(reports).filter(([, { segments }]) => segments.after < segments.before)
      await out.answer(reports, () => {
        if (merged.length === 0) return 'There was nothing to merge.'
        return merged.map(([id, report]) => `${out.style.cyan(names.get(id) ?? id)}  ${reindexText(report)}`)
      })
    }),
  )
}

/** What a building of graphs came to. */
export function reindexText({ segments, vectors, recall }: ReindexReport): string {
  const counts = `${segments.before} → ${amount(segments.after, 'segment')}, ${amount(vectors, 'vector')} in new graphs`
  return vectors === 0 ? counts : `${counts}, recall ${(recall * 100).toFixed(1)} %`
}
