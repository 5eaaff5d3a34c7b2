import type { Command } from 'commander'
import { run, storeCommand } from '../command.ts'
import { UsageError } from '../failure.ts'
import type { Interrupt } from '../interrupt.ts'
import { addWrite } from '../options.ts'
import type { Output } from '../output.ts'
import type { Session } from '../session.ts'

interface Flags {
  delete?: boolean
}

/** `annals tag`: names for points of the past. */
export function tag(interrupt: Interrupt): Command {
  const command = storeCommand('tag', {
    description:
      'Names a point of the past, so that --as-of tag:NAME reads it and vacuum keeps what it needs. Without a name it lists the tags.',
    examples: [
      ['tag', 'all tags'],
      ['tag release-1', 'the present'],
      ['tag before-import 402', 'position 402'],
      ['tag release-1 --delete', 'take the name away'],
    ],
  })
    .argument('[name]', 'of the tag')
    .argument('[point]', 'a position or an ISO 8601 time (default: now)')
    .option('--delete', 'take the name away; what it named stays')
  return addWrite(command, { keyed: false }).action(
    run<Flags, [string | undefined, string | undefined]>(interrupt, async (session, flags, name, point) => {
      if (name === undefined && flags.delete) throw new UsageError('Which tag?', 'annals tag NAME --delete')
      if (name === undefined) await list(session)
      else await change(session, name, point, flags.delete === true)
    }),
  )
}

async function list(session: Session): Promise<void> {
  const { out } = session
  const tags = await (await session.client()).listTags()
  if (out.json) for (const one of tags) await out.record(one)
  else if (tags.length === 0) out.note('No tags.')
  else await tellTags(out, tags)
}

async function tellTags(out: Output, tags: readonly { name: string; position: number }[]): Promise<void> {
  const { cyan, bold } = out.style
  const table = await out.table([
    { head: 'TAG', cuttable: true, style: cyan },
    { head: 'POSITION', align: 'right', style: bold },
  ])
  await out.lines(table.lines(tags.map(({ name, position }) => [name, String(position)])))
}

async function change(
  session: Session,
  name: string,
  point: string | undefined,
  takeAway: boolean,
): Promise<void> {
  const client = await session.client()
  if (takeAway) {
    const receipt = await client.deleteTag(name, session.write())
    await session.out.answer({ deleted: name, ...receipt }, () => `The tag ${name} is gone.`)
    return
  }
  await client.tag(name, point === undefined ? new Date() : await session.point(point), session.write())
  const made = (await client.listTags()).find((one) => one.name === name)!
  await session.out.answer(made, () => `${name} stands for position ${made.position}.`)
}
