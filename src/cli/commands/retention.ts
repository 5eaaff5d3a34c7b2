import { type Command, Option } from 'commander'
import type { Retention, RetentionSettings } from '../../index.ts'
import { run, storeCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { addWrite, whole } from '../options.ts'
import type { Session } from '../session.ts'
import { amount } from '../units.ts'
import { oneLine } from '../values.ts'

interface Flags {
  days?: number
  versions?: number
  forever?: boolean
  collection?: string
}

type History = Retention['history']

/** `annals retention`: how long history is kept. */
export function retention(interrupt: Interrupt): Command {
  const command = storeCommand('retention', {
    description:
      'Shows how long superseded versions are kept: in the whole store, and in each collection that has a rule of its own. With --days, --versions or --forever it sets that, for the whole store or for one collection. Nothing goes before annals vacuum.',
    examples: [
      ['retention', 'what is set'],
      ['retention --days 30', 'the whole store'],
      ['retention --versions 5 --collection notes', 'the newest five of each record'],
      ['retention --forever', 'as in the beginning'],
    ],
  })
    .addOption(
      new Option('--days <count>', 'set: keep them for so many days, 0 to 36525 (default: as it is)')
        .argParser(whole(0))
        .conflicts(['versions', 'forever']),
    )
    .addOption(
      new Option('--versions <count>', 'set: keep the newest so many of each record (default: as it is)')
        .argParser(whole(1))
        .conflicts(['days', 'forever']),
    )
    .option('--forever', 'set: keep all of them')
    .option('--collection <name>', 'name or UUID (default: the whole store)')
  return addWrite(command, { keyed: false }).action(
    run<Flags, []>(interrupt, async (session, flags) => {
      const history = historyOf(flags)
      if (history === null) await show(session, flags.collection)
      else await set(session, history, flags.collection)
    }),
  )
}

/** What the flags set; `null` when they set nothing. */
function historyOf({ days, versions, forever }: Flags): History | null {
  if (days !== undefined) return { days }
  if (versions !== undefined) return { versions }
  return forever ? 'forever' : null
}

async function set(session: Session, history: History, collection: string | undefined): Promise<void> {
  const client = await session.client()
  const scope = collection === undefined ? {} : { collection }
  const receipt = await client.setRetention({ history }, scope, session.write())
  const what = collection ?? 'the whole store'
  await session.out.answer({ history, ...scope, ...receipt }, () =>
    history === 'forever'
      ? `History of ${what} is kept for ever.`
      : `History of ${what} is kept: ${historyText(history)}. annals vacuum lets the rest go.`,
  )
}

async function show(session: Session, collection: string | undefined): Promise<void> {
  const { out } = session
  const { store, collections } = await (await session.client()).getRetention()
  const chosen = collections.filter(
    ({ id, name }) => collection === undefined || [id, name].includes(collection),
  )
  // Where it has no rule of its own, it must be there all the same.
  if (collection !== undefined && chosen.length === 0) await session.collection(collection)
  await out.answer({ store, collections: chosen }, () =>
    out.fields([
      ['the whole store', store === null ? 'not told to the user of one tenant' : historyText(store.history)],
      ...chosen.map((one) => [nameOf(one), historyText(one.retention.history)] as const),
    ]),
  )
}

function nameOf({ name, deleted }: RetentionSettings['collections'][number]): string {
  return deleted ? `${oneLine(name)} (deleted)` : oneLine(name)
}

function historyText(history: History): string {
  if (history === 'forever') return 'for ever'
  if ('days' in history) return amount(history.days, 'day')
  return `the newest ${amount(history.versions, 'version')} of each record`
}
