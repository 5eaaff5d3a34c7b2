import type { Command } from 'commander'
import type { Client, LogLine, LogOptions, OperationType } from '../../index.ts'
import { run, storeCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { gathered, whole } from '../options.ts'
import type { Output } from '../output.ts'
import type { Session } from '../session.ts'
import type { Column, TablePrinter } from '../table.ts'
import { timeText } from '../units.ts'

interface Flags {
  last?: number
  after?: string
  until?: string
  collection?: string
  id?: string
  byActor?: string
  type?: string[]
}

/** What people are shown unless they ask for more; machines get all. */
const shownMax = 20
/** Rows of one page: the first decides the widths of the columns. */
const pageRows = 200

/** `annals log`: the operation log as a person reads it. */
export function log(interrupt: Interrupt): Command {
  return storeCommand('log', {
    description: `Reads the operation log of a database, oldest first: the newest ${shownMax} operation records, unless --last, --after or --until says otherwise; with --json all of them. --after a position inside a write goes on with the rest of it.`,
    examples: [
      ['log', `the newest ${shownMax} operation records`],
      ['log --after 0 | less -S', 'from the beginning'],
      ['log --collection notes --id planet-pluto', 'one record'],
      ['log --by-actor ada --after 2026-03-01', 'what ada did since March 1'],
      ['log --type delete --type erase --json', 'for machines'],
    ],
  })
    .option(
      '-n, --last <count>',
      `only the newest so many (default: ${shownMax} for people, all with --json)`,
      whole(1),
    )
    .option('--after <point>', 'only what came behind a position, an ISO 8601 time or tag:NAME')
    .option('--until <point>', 'only what came up to such a point, and with it (default: now)')
    .option('--collection <name>', 'only of this one: name or UUID, also of one that was deleted')
    .option('--id <id>', 'only of the record with this id')
    .option('--by-actor <name>', 'only what this actor was responsible for')
    .option(
      '--type <type>',
      'only this type: add, update, delete, create-collection, vacuum, …; can be repeated',
      gathered,
    )
    .action(
      run<Flags, []>(interrupt, async (session, flags) => {
        const { out, signal } = session
        const client = await session.client()
        const options = await optionsOf(session, flags)
        const isOpen = flags.after === undefined && flags.until === undefined
        const last = flags.last ?? (isOpen && !out.json ? shownMax : undefined)
        const lines = last === undefined ? client.log(options) : await newest(client, options, last, signal)
        await tell(out, lines, signal)
      }),
    )
}

async function optionsOf(session: Session, flags: Flags): Promise<LogOptions> {
  const { after, until, collection, id, byActor, type } = flags
  return {
    ...(after !== undefined && { after: await session.point(after) }),
    ...(until !== undefined && { until: await session.point(until) }),
    ...(collection !== undefined && { collection }),
    ...(id !== undefined && { id }),
    ...(byActor !== undefined && { actor: byActor }),
    ...(type !== undefined && { type: type as OperationType[] }),
  }
}

/** The newest `count` lines, oldest first. The log is read forwards, so ever larger pieces of its end are. */
async function newest(
  client: Client,
  options: LogOptions,
  count: number,
  signal: AbortSignal,
): Promise<LogLine[]> {
  // Where the reader has named bounds, these are the piece.
  const isBounded = options.after !== undefined || options.until !== undefined
  // Who may not see the whole store reads its log from the beginning.
  const { head } = isBounded ? { head: 0 } : await client.stats().catch(() => ({ head: 0 }))
  for (let size = count * 8; ; size *= 8) {
    const after = Math.max(0, head - size)
    const found: LogLine[] = []
    for await (const line of client.log(isBounded ? options : { ...options, after })) {
      signal.throwIfAborted()
      if (found.push(line) > count) found.shift()
    }
    if (found.length === count || after === 0) return found
  }
}

async function tell(
  out: Output,
  lines: AsyncIterable<LogLine> | Iterable<LogLine>,
  signal: AbortSignal,
): Promise<void> {
  const table = await out.table(columns(out))
  let page: string[][] = []
  let told = 0
  for await (const line of lines) {
    signal.throwIfAborted()
    told += 1
    if (out.json) await out.record(line)
    else if (page.push(cellsOf(out, line)) === pageRows) page = await flush(out, table, page)
  }
  if (!out.json) await flush(out, table, page)
  if (told > 0 && out.width < roomy)
    out.note(`WHAT takes a terminal of ${roomy} columns; --json has it, too.`)
  if (told === 0) out.note('No operation record fits.')
}

async function flush(out: Output, table: TablePrinter, page: readonly string[][]): Promise<[]> {
  if (page.length > 0) await out.lines(table.lines(page))
  return []
}

/** A terminal that is at least as wide has room for what an operation touched. */
const roomy = 100

function columns({ width, style: { bold, dim, cyan, green } }: Output): Column[] {
  return [
    { head: 'POSITION', align: 'right', style: bold },
    { head: 'TIME', style: dim },
    { head: 'OPERATION' },
    { head: 'RECORD', cuttable: true, cutAt: 'middle', style: cyan },
    ...(width < roomy ? [] : [{ head: 'WHAT', cuttable: true }]),
    { head: 'WHO AND WHY', cuttable: true, style: green },
  ]
}

function cellsOf({ width }: Output, line: LogLine): string[] {
  const { position, committedAt, type, collectionName, id, actor, reason, summary } = line
  const place = [collectionName, id].filter((part) => part !== null).join('/')
  const who = [actor, reason].filter((part) => part !== null).join(': ')
  // Of operations on collections the name says it all; of those on none, what they were about.
  const what = id === null && place !== '' ? '' : type === 'delete' ? '' : summary
  const cells = [String(position), timeText(committedAt), type]
  return width < roomy ? [...cells, place || summary, who] : [...cells, place, what, who]
}
