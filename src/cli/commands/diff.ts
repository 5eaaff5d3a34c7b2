import type { Command } from 'commander'
import type { Difference } from '../../index.ts'
import { run, storeCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import type { Output } from '../output.ts'
import { amount } from '../units.ts'

interface Flags {
  collection?: string
  summary?: boolean
}

/** `annals diff`: what differs between two points. */
export function diff(interrupt: Interrupt): Command {
  return storeCommand('diff', {
    description:
      'Compares two points of the past, each a position, an ISO 8601 time or tag:NAME: the net effect of what happened between them, with the operation that decided. Without a second point it goes to now.',
    examples: [
      ['diff 402', 'since position 402'],
      ['diff tag:release 2026-03-01 --collection notes', 'one collection between two points'],
      ['diff 402 1207 --summary', 'only how much of what'],
    ],
  })
    .argument('<from>', 'the earlier point')
    .argument('[to]', 'the later point (default: now)')
    .option('--collection <name>', 'only this one: name or UUID (default: all of the database)')
    .option('--summary', 'only how many of which kind')
    .action(
      run<Flags, [string, string | undefined]>(interrupt, async (session, flags, from, to) => {
        const { out, signal } = session
        const points = [
          await session.point(from),
          to === undefined ? new Date() : await session.point(to),
        ] as const
        const { collection: name } = flags
        const source = name === undefined ? await session.client() : await session.collection(name)
        const counts: Record<string, number> = {}
        const { differenceLines } = await import('../difference-lines.ts')
        for await (const difference of source.diff(...points) as AsyncIterable<Difference>) {
          signal.throwIfAborted()
          const what = `${difference.subject}s ${difference.kind}`
          counts[what] = (counts[what] ?? 0) + 1
          if (flags.summary) continue
          if (out.json) await out.record(difference)
          else await out.lines(differenceLines(out, difference, { named: name === undefined }))
        }
        await tellCounts(out, counts, flags.summary === true)
      }),
    )
}

async function tellCounts(out: Output, counts: Record<string, number>, isAnswer: boolean): Promise<void> {
  const told = Object.entries(counts).map(([what, count]) => {
    const [subject, kind] = what.split(' ') as [string, string]
    return `${amount(count, subject.slice(0, -1))} ${kind}`
  })
  const text = told.length === 0 ? 'No difference.' : told.join(', ')
  if (isAnswer) await out.answer(counts, () => text)
  else out.note(text)
}
