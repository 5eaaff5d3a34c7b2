import type { Command } from 'commander'
import type { RecordVersion } from '../../index.ts'
import { run, storeCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { addAsOf, type PastFlags } from '../options.ts'
import type { Output } from '../output.ts'
import { timeText } from '../units.ts'
import { oneLine } from '../values.ts'

interface Flags extends PastFlags {
  newestFirst?: boolean
}

/** `annals history`: every version of one record. */
export function history(interrupt: Interrupt): Command {
  const command = storeCommand('history', {
    description:
      'Shows every version of a record, oldest first: what changed, by whom, when and why. Of an id that was never there it says so, with exit code 1.',
    examples: [
      ['history notes planet-pluto', 'oldest first'],
      ['history notes planet-pluto --newest-first', 'the other way round'],
      ['history notes planet-pluto --json | jq .after.document', 'for machines, with vectors'],
    ],
  })
    .argument('<collection>', 'name or UUID')
    .argument('<id>', 'of the record')
    .option('--newest-first', 'newest version first')
  return addAsOf(command).action(
    run<Flags, [string, string]>(interrupt, async (session, flags, name, id) => {
      const { out, signal } = session
      const collection = await session.readable(name)
      let versions = 0
      for await (const version of collection.history(id, { order: flags.newestFirst ? 'desc' : 'asc' })) {
        signal.throwIfAborted()
        if (out.json) await out.record(version)
        else await out.lines(await versionLines(out, version, versions > 0))
        versions += 1
      }
      if (versions === 0) throw new Error(neverThere(id, name, flags.asOf))
    }),
  )
}

function neverThere(id: string, name: string, asOf: string | undefined): string {
  return `The record ${oneLine(id)} was never in ${name}${asOf === undefined ? '' : `, as of ${asOf}`}.`
}

async function versionLines(out: Output, version: RecordVersion, hasOthersAbove: boolean): Promise<string[]> {
  const { changedLines } = await import('../changed-lines.ts')
  const { position, type, committedAt, actor, reason, before, after } = version
  const { bold, dim, cyan } = out.style
  const who = [actor, reason].filter((text) => text !== null).map(oneLine)
  const head = [
    bold(String(position)),
    typeStyle(out, type)(type),
    dim(timeText(committedAt)),
    cyan(who.join(': ')),
  ]
  return [...(hasOthersAbove ? [''] : []), head.join('  ').trimEnd(), ...changedLines(out, before, after)]
}

function typeStyle({ style }: Output, type: RecordVersion['type']): (text: string) => string {
  return { add: style.green, update: style.yellow, delete: style.red }[type]
}
