import type { Command } from 'commander'
import { run, storeCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import { addAsOf, addPage, type PageFlags, type PastFlags } from '../options.ts'
import { countText } from '../units.ts'
import { metadataText } from '../values.ts'

/** `annals collections`: what a database holds. */
export function collections(interrupt: Interrupt): Command {
  const command = storeCommand('collections', {
    description: 'Lists the collections of a database, oldest first, with how many records each has.',
    examples: [
      ['collections', 'of the store in ./annals-data'],
      ['collections --path ./data --as-of 2026-03-01', 'as it was on March 1'],
      ['collections --json | jq -r .name', 'only the names'],
    ],
  })
  return addAsOf(addPage(command)).action(
    run<PageFlags & PastFlags, []>(interrupt, async (session, { limit, offset, asOf }) => {
      const { out } = session
      const client = await session.client()
      const view = asOf === undefined ? client : client.asOf(await session.point(asOf))
      const rows = []
      for (const collection of await view.listCollections({ limit, offset })) {
        const { id, name, metadata, configuration } = collection
        rows.push({ id, name, records: await collection.count(), metadata, configuration })
      }
      if (rows.length === 0) await session.checkScope()
      if (out.json) {
        for (const row of rows) await out.answer(row, () => '')
        return
      }
      const { bold, dim, cyan } = out.style
      const table = await out.table([
        { head: 'NAME', cuttable: true, style: cyan },
        { head: 'RECORDS', align: 'right', style: bold },
        { head: 'SPACE' },
        { head: 'EMBEDDING', optional: true },
        { head: 'METADATA', cuttable: true, optional: true },
        { head: 'ID', style: dim },
      ])
      const cells = rows.map(
        ({ id, name, records, metadata, configuration: { hnsw, embedding_function } }) => [
          name,
          countText(records),
          hnsw.space,
          embedding_function?.name ?? '–',
          metadataText(metadata),
          id,
        ],
      )
      if (cells.length === 0) out.note(`No collections in ${view.tenant}/${view.database}.`)
      else await out.lines(table.lines(cells))
      if (table.leftOut.length > 0)
        out.note(`The terminal is too narrow for ${table.leftOut.join(' and ')}; --json has it all.`)
    }),
  )
}
