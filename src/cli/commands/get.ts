import type { Command } from 'commander'
import type { GetRow, Include } from '../../index.ts'
import { run, storeCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { addAsOf, addFilter, addOffset, type FilterFlags, type PastFlags, whole } from '../options.ts'
import type { Output } from '../output.ts'
import { recordCells, recordColumns } from '../record-table.ts'
import { oneLine } from '../values.ts'

interface Flags extends FilterFlags, PastFlags {
  limit?: number
  offset: number
  embeddings?: boolean
}

/** What people are shown unless they ask for more; machines get all. */
const shownMax = 20

/** `annals get`: records by id and filter. */
export function get(interrupt: Interrupt): Command {
  const command = storeCommand('get', {
    description: `Shows records by id or filter, in insertion order: a table of at most ${shownMax} unless --limit says otherwise, or with --json all of them, one on each line, in the form that annals add takes.`,
    examples: [
      ['get notes', `the first ${shownMax}`],
      ['get notes a b --embeddings', 'two records with their vectors'],
      ['get notes --where \'{"year": {"$gte": 1900}}\' --contains iron', 'by metadata and document'],
      ['get notes a --as-of 402', 'as it stood at position 402'],
      ['get notes --json --embeddings > notes.jsonl', 'for machines'],
    ],
  })
    .argument('<collection>', 'name or UUID')
    .argument('[ids...]', 'only these')
    .option(
      '-n, --limit <count>',
      `at most so many (default: ${shownMax} for people, all with --json)`,
      whole(1),
    )
  return addAsOf(addFilter(addOffset(command).option('--embeddings', 'vectors, too'))).action(
    run<Flags, [string, string[]]>(interrupt, async (session, flags, name, ids) => {
      const { out } = session
      const { limit = out.json ? undefined : shownMax, offset, embeddings = false } = flags
      const include: Include[] = ['documents', 'metadatas', 'uris']
      const collection = await session.readable(name)
      const result = await collection.get({
        ...(ids.length > 0 && { ids }),
        ...(await session.filter(flags)),
        // One more than shown tells whether there are more.
        ...(limit !== undefined && { limit: out.json ? limit : limit + 1 }),
        offset,
        include: embeddings ? [...include, 'embeddings'] : include,
      })
      const rows = result.rows()
      if (out.json) for (const row of rows) await out.record(recordOf(row, embeddings))
      else await tellTable(out, rows.slice(0, limit), embeddings)
      if (limit !== undefined && rows.length > limit)
        out.note('There are more; --limit and --offset show them.')
      else if (isByIdAlone(flags)) noteMissing(out, ids, rows)
    }),
  )
}

/** Whether nothing but the ids decides what is shown: then those that are not are not there. */
function isByIdAlone({ where, whereDocument, contains, offset }: Flags): boolean {
  return [where, whereDocument, contains].every((flag) => flag === undefined) && offset === 0
}

function noteMissing(out: Output, ids: readonly string[], rows: readonly GetRow[]): void {
  const found = new Set(rows.map(({ id }) => id))
  const missing = ids.filter((id) => !found.has(id))
  if (missing.length > 0) out.note(`Not there: ${missing.map(oneLine).join(', ')}.`)
}

async function tellTable(out: Output, rows: GetRow[], vectors: boolean): Promise<void> {
  if (rows.length === 0) return out.note('No records.')
  const table = await out.table(recordColumns(out.style, { vectors }))
  await out.lines(table.lines(rows.map((row) => recordCells(row, { vectors }))))
}

/** As exports write it; a vector that was not asked for is left out. */
function recordOf({ embedding, ...row }: GetRow, embeddings: boolean): object {
  const { id, document, metadata, uri } = row
  return embeddings ? { id, embedding, document, metadata, uri } : { id, document, metadata, uri }
}
