import type { Command } from 'commander'
import type { Include, QueryRow } from '../../index.ts'
import { run, storeCommand } from '../command.ts'
import { UsageError } from '../failure.ts'
import type { Interrupt } from '../interrupt.ts'
import { addAsOf, addFilter, type FilterFlags, gathered, type PastFlags, vectors, whole } from '../options.ts'
import type { Output } from '../output.ts'
import { recordCells, recordColumns } from '../record-table.ts'

interface Flags extends FilterFlags, PastFlags {
  nResults: number
  vector?: number[][]
  id?: string[]
  embeddings?: boolean
}

/** `annals query`: the nearest records. */
export function query(interrupt: Interrupt): Command {
  const command = storeCommand('query', {
    description:
      'Finds the records nearest to a text or a vector, or to several of them, and how far away they are: the smaller the distance, the nearer.',
    examples: [
      ['query notes "rusting iron"', 'by text, with the embedding function of the collection'],
      ['query notes --vector "[0.1, 0.9]" -n 3', 'by vector'],
      ['query notes iron gold --where \'{"year": {"$lt": 1900}}\'', 'two queries, filtered'],
      ['query notes iron --as-of 2026-03-01T12:00Z', 'as it would have been answered then'],
    ],
  })
    .argument('<collection>', 'name or UUID')
    .argument('[texts...]', 'one query each')
    .option(
      '--vector <json>',
      'a query as a JSON array of numbers, instead of texts; can be repeated',
      vectors,
    )
    .option('-n, --n-results <count>', 'neighbours of each query', whole(1), 10)
    .option('--id <id>', 'only among these records; can be repeated', gathered)
    .option('--embeddings', 'vectors, too')
  return addAsOf(addFilter(command)).action(
    run<Flags, [string, string[]]>(interrupt, async (session, flags, name, texts) => {
      const { nResults, vector = [], id: ids, embeddings = false } = flags
      if (texts.length > 0 === vector.length > 0)
        throw new UsageError('Give either texts or --vector.', 'annals query notes "rusting iron"')
      const include: Include[] = ['distances', 'documents', 'metadatas', 'uris']
      const collection = await session.readable(name)
      const result = await collection.query({
        ...(texts.length > 0 ? { queryTexts: texts } : { queryEmbeddings: vector }),
        nResults,
        ...(ids !== undefined && { ids }),
        ...(await session.filter(flags)),
        include: embeddings ? [...include, 'embeddings'] : include,
      })
      for (const [index, rows] of result.rows().entries()) {
        const heading = texts.length + vector.length > 1 ? (texts[index] ?? `vector ${index + 1}`) : null
        if (session.out.json) await tellJson(session.out, rows, index, embeddings)
        else await tellTable(session.out, rows, embeddings, heading)
      }
    }),
  )
}

async function tellJson(out: Output, rows: QueryRow[], index: number, embeddings: boolean): Promise<void> {
  for (const { id, distance, embedding, document, metadata, uri } of rows) {
    const vector = embeddings ? { embedding } : {}
    await out.record({ query: index, id, distance, ...vector, document, metadata, uri })
  }
}

async function tellTable(
  out: Output,
  rows: QueryRow[],
  vectors: boolean,
  heading: string | null,
): Promise<void> {
  const { bold } = out.style
  if (heading !== null) await out.lines([bold(heading)])
  if (rows.length === 0) return out.note('No records.')
  const columns = [
    { head: 'DISTANCE', align: 'right' as const, style: bold },
    ...recordColumns(out.style, { vectors }),
  ]
  const cells = rows.map((row) => [row.distance!.toFixed(4), ...recordCells(row, { vectors })])
  const table = await out.table(columns)
  await out.lines([...table.lines(cells), ...(heading === null ? [] : [''])])
}
