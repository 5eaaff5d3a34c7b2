import { type Command, Option } from 'commander'
import type { Retention } from '../../index.ts'
import { run, storeCommand } from '../command.ts'
import { UsageError } from '../failure.ts'
import type { Interrupt } from '../interrupt.ts'
import { addWrite, whole } from '../options.ts'

interface Flags {
  days?: number
  versions?: number
  forever?: boolean
  collection?: string
}

/** `annals retention`: how long history is kept. */
export function retention(interrupt: Interrupt): Command {
  const command = storeCommand('retention', {
    summary: 'set how long superseded versions are kept',
    description:
      'Sets how long superseded versions are kept, for the whole store or for one collection. Nothing goes before annals vacuum.',
    examples: [
      ['retention --days 30', 'the whole store'],
      ['retention --versions 5 --collection notes', 'the newest five of each record'],
      ['retention --forever', 'as in the beginning'],
    ],
  })
    .addOption(
      new Option('--days <count>', 'so many days').argParser(whole(0)).conflicts(['versions', 'forever']),
    )
    .addOption(
      new Option('--versions <count>', 'the newest so many of each record')
        .argParser(whole(1))
        .conflicts(['days', 'forever']),
    )
    .option('--forever', 'all of them')
    .option('--collection <name>', 'name or UUID; default: the whole store')
  return addWrite(command, { keyed: false }).action(
    run<Flags, []>(interrupt, async (session, { days, versions, forever, collection }) => {
      let history: Retention['history']
      if (days !== undefined) history = { days }
      else if (versions !== undefined) history = { versions }
      else if (forever) history = 'forever'
      else throw new UsageError('How long?', 'Give --days, --versions or --forever.')
      const client = await session.client()
      const scope = collection === undefined ? {} : { collection }
      const receipt = await client.setRetention({ history }, scope, session.write())
      const what = collection === undefined ? 'the whole store' : collection
      await session.out.answer({ history, ...scope, ...receipt }, () => {
        const kept =
          typeof history === 'string' ? 'for ever' : JSON.stringify(history).replaceAll(/[{}"]/g, '')
        return `History of ${what} is kept: ${kept}. annals vacuum lets the rest go.`
      })
    }),
  )
}
