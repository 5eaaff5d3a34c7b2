import type { Command } from 'commander'
import type { Change, Client, ConnectionState } from '../../index.ts'
import { run, storeCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { whole } from '../options.ts'
import type { Output } from '../output.ts'
import { timeText } from '../units.ts'
import { oneLine } from '../values.ts'

interface Flags {
  collection?: string
  after: number
  follow?: boolean
}

/** `annals changes`: what happened, with the records before and after, and what is yet to happen. */
export function changes(interrupt: Interrupt): Command {
  return storeCommand('changes', {
    description:
      'Streams the changes of a database in the order of the log, with the records before and after. Whoever was interrupted goes on behind the last position seen: --after. While a server is away, --follow looks for it for up to ten minutes, says so on standard error, and goes on where it was.',
    examples: [
      ['changes --after 1207', 'what happened since'],
      ['changes --follow --url http://localhost:8000', 'and what is happening, until Ctrl-C'],
      ['changes --collection notes --json', 'for machines, one change on each line'],
    ],
  })
    .option('--collection <name>', 'only of this one: name or UUID (default: all of the database)')
    .option('--after <position>', 'only what came behind this position', whole(0), 0)
    .option('-f, --follow', 'go on with what is yet to come, until Ctrl-C')
    .action(
      run<Flags, []>(interrupt, async (session, { collection, after, follow = false }) => {
        const { out, signal } = session
        const client = await session.client()
        if (follow) session.expectInterrupt()
        const chosen = collection === undefined ? {} : { collection }
        const names = new CollectionNames(client)
        const onConnection = ({ connected, error }: ConnectionState) =>
          out.status(connected ? 'Connected again.' : `${error!.message} Looking for the server …`)
        const options = { ...chosen, after, live: follow, signal, onConnection }
        for await (const change of client.changes(options))
          if (out.json) await out.record(change)
          else await out.lines([await lineOf(out, change, names)])
      }),
    )
}

async function lineOf(out: Output, change: Change, names: CollectionNames): Promise<string> {
  const { position, committedAt, type, id, actor, reason, after } = change
  const { bold, dim, cyan, green } = out.style
  const place = [await names.of(change), id].filter((part) => part !== null).map((part) => oneLine(part))
  const who = [actor, reason].filter((part) => part !== null).map((part) => oneLine(part))
  const { cut } = await import('../width.ts')
  const document = after?.document == null ? '' : cut(oneLine(after.document), 60)
  const parts = [bold(String(position).padStart(8)), dim(timeText(committedAt)), type.padEnd(6)]
  return [...parts, cyan(place.join('/')), green(who.join(': ')), document].join('  ').trimEnd()
}

/** Names of collections: changes carry only their ids. */
class CollectionNames {
  readonly #client: Client
  readonly #names = new Map<string, string>()

  constructor(client: Client) {
    this.#client = client
  }

  async of({ collection, state }: Change): Promise<string | null> {
    if (collection === null) return null
    if (state !== null) this.#names.set(collection, state.name)
    if (!this.#names.has(collection)) await this.#look(collection)
    return this.#names.get(collection)!
  }

  // A collection that was deleted since is called by its id.
  async #look(id: string): Promise<void> {
    const found = await this.#client.getCollectionById({ id, embeddingFunction: null }).catch(() => null)
    this.#names.set(id, found?.name ?? id)
  }
}
