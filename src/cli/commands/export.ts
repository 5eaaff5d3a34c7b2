import type { Command } from 'commander'
import { run, storeCommand } from '../command.ts'
import { exportFormats, formatOf } from '../exchange-files.ts'
import type { Interrupt } from '../interrupt.ts'
import { addAsOf, addFilter, type FilterFlags, type PastFlags, whole } from '../options.ts'
import { amount, bytesText } from '../units.ts'

interface Flags extends FilterFlags, PastFlags {
  format?: string
  embeddings: boolean
  batchSize: number
}

/** `annals export`: records into a file. */
export function exportCommand(interrupt: Interrupt): Command {
  const command = storeCommand('export', {
    description: `Writes the records of a collection to a file as ${exportFormats.slice(0, -1).join(', ')} or ${exportFormats.at(-1)}, all as of one position. The file appears when it is whole. Without a file, or with -, it goes to standard output.`,
    examples: [
      ['export notes notes.parquet', 'the format is known by the name'],
      ['export notes --format csv --no-embeddings | head', 'to standard output'],
      ['export notes old.jsonl --as-of 2026-03-01 --where \'{"topic": "iron"}\'', 'a part of the past'],
    ],
  })
    .argument('<collection>', 'name or UUID')
    .argument('[file]', 'the file to write, - for standard output (default: -)')
    .option('--format <format>', `${exportFormats.join(', ')} (default: by the name, else jsonl)`)
    .option('--no-embeddings', 'without vectors')
    .option('--batch-size <count>', 'records in memory at once', whole(1), 1000)
  return addAsOf(addFilter(command)).action(
    run<Flags, [string, string | undefined]>(interrupt, async (session, flags, name, file = '-') => {
      const { out, signal, progress } = session
      const { embeddings, batchSize } = flags
      const format = formatOf(flags.format, file, exportFormats)
      const collection = await session.readable(name)
      const { exportCollection } = await import('../../index.ts')
      const report = await exportCollection(collection, file === '-' ? process.stdout : file, {
        format,
        embeddings,
        batchSize,
        ...(await session.filter(flags)),
        signal,
        onProgress: ({ records, total }) =>
          progress.tell({ label: `exporting ${name}`, done: records, total }),
      })
      progress.end()
      const { records, bytes } = report
      const told = `${amount(records, 'record')}, ${bytesText(bytes)}`
      // Standard output holds the records.
      if (file === '-') out.note(told)
      else await out.answer({ file, format, ...report }, () => `${told} in ${file}`)
    }),
  )
}
