import { type Command, Option } from 'commander'
import type { VerifyLevel, VerifyResult } from '../../index.ts'
import { run, storeCommand } from '../command.ts'
import { findingLines, verified } from '../findings.ts'
import type { Interrupt } from '../interrupt.ts'
import type { Output } from '../output.ts'
import { amount } from '../units.ts'

interface Flags {
  level: VerifyLevel
}

/** `annals verify`: everything that the store holds against what it should hold. */
export function verify(interrupt: Interrupt): Command {
  return storeCommand('verify', {
    description:
      'Compares what the store holds with what it should hold, and changes nothing. quick: the ends of things. full: every frame of the log, the whole tree, the digest of every file. deep: every row and every vector against the log. Exit code 1 if a finding is an error.',
    examples: [
      ['verify', 'every frame and every file'],
      ['verify --level deep', 'every row and every vector, too'],
      ['verify --level quick --json', 'for a monitor'],
    ],
  })
    .addOption(
      new Option('--level <level>', 'how much is looked at (default: full)')
        .choices(['quick', 'full', 'deep'])
        .default('full'),
    )
    .action(
      run<Flags, []>(interrupt, async (session, { level }) => {
        const { out, signal } = session
        const client = await session.client()
        const result = await client.verify({ level, signal, onProgress: verified(session) })
        session.progress.end()
        if (!result.ok) session.fail()
        await out.answer(result, () => resultLines(out, result))
      }),
    )
}

function resultLines(out: Output, { ok, level, findings, checked }: VerifyResult): string[] {
  const { green, red } = out.style
  const looked = Object.entries(checked).filter(([, count]) => count > 0)
  const counts = looked.map(([what, count]) => amount(count, what.slice(0, -1), what)).join(', ')
  const verdict = ok ? green('Sound.') : red('Damaged.')
  return [...findingLines(out, findings), `${verdict} Looked at (${level}): ${counts || 'an empty store'}`]
}
