import type { Command } from 'commander'
import type { SearchLike, SearchRow } from '../../index.ts'
import { run, storeCommand } from '../command.ts'
import { UsageError } from '../failure.ts'
import { readInput } from '../input-file.ts'
import type { Interrupt } from '../interrupt.ts'
import { addAsOf, type PastFlags } from '../options.ts'
import type { Output } from '../output.ts'
import { recordCells, recordColumns } from '../record-table.ts'

/** `annals search`: Chroma's Search API. */
export function search(interrupt: Interrupt): Command {
  const command = storeCommand('search', {
    description:
      "Ranks records by an expression: Chroma's Search API. A search is a JSON object with where, rank, groupBy, limit and select; several in an array see the same state. Without select, it shows document, metadata and score. Lower scores are better.",
    examples: [
      ['search notes \'{"rank": {"$knn": {"query": "rusting iron"}}, "limit": 5}\'', 'the five nearest'],
      ['search notes - < search.json', 'as a file has it'],
    ],
  })
    .argument('<collection>', 'name or UUID')
    .argument('<search>', 'JSON; - is standard input')
  return addAsOf(command).action(
    run<PastFlags, [string, string]>(interrupt, async (session, _flags, name, text) => {
      const searches = await searchesOf(text === '-' ? readInput('-') : text)
      const { out } = session
      const result = await (await session.readable(name)).search(searches)
      for (const [index, rows] of result.rows().entries())
        if (out.json) for (const row of rows) await out.record({ search: index, ...row })
        else await tell(out, rows, Array.isArray(searches) ? `search ${index + 1}` : null)
    }),
  )
}

async function searchesOf(text: string): Promise<SearchLike | SearchLike[]> {
  const { parseJson } = await import('../../wire/json.ts')
  try {
    const given = parseJson(Buffer.from(text))
    return (Array.isArray(given) ? given.map(withSelect) : withSelect(given)) as SearchLike | SearchLike[]
  } catch (error) {
    throw new UsageError(`The search is not valid JSON: ${(error as Error).message}`)
  }
}

/** What a person wants to see of a record; Chroma selects nothing unless asked. */
const shown = ['#document', '#metadata', '#score']

function withSelect(search: unknown): unknown {
  const isSearch = typeof search === 'object' && search !== null && !Array.isArray(search)
  return isSearch && !('select' in search) ? { ...search, select: shown } : search
}

async function tell(out: Output, rows: readonly SearchRow[], heading: string | null): Promise<void> {
  const { bold } = out.style
  if (heading !== null) await out.lines([bold(heading)])
  if (rows.length === 0) return out.note('No records.')
  const vectors = rows.some(({ embedding }) => embedding !== null)
  const score = { head: 'SCORE', align: 'right' as const, style: bold }
  const table = await out.table([score, ...recordColumns(out.style, { vectors })])
  const cells = rows.map((row) => [
    row.score === null ? '–' : row.score.toFixed(4),
    ...recordCells({ ...row, uri: null }, { vectors }),
  ])
  await out.lines([...table.lines(cells), ...(heading === null ? [] : [''])])
}
