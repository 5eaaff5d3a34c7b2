import type { Command } from 'commander'
import type { ChromaImportReport } from '../../index.ts'
import { run, storeCommand } from '../command.ts'
import { formatOf, importFormats } from '../exchange-files.ts'
import { UsageError } from '../failure.ts'
import { type ImportFlags, importInto, tellImport } from '../importing.ts'
import type { Interrupt } from '../interrupt.ts'
import { addCreation, addWrite, type CreationFlags, gathered, whole } from '../options.ts'
import type { Session } from '../session.ts'
import { amount } from '../units.ts'

interface Flags extends CreationFlags, ImportFlags {
  format?: string
  addOnly?: boolean
  only?: string[]
  intoExisting?: boolean
  dryRun?: boolean
  chromaHeader?: string[]
  chromaTenant?: string[]
}

/** `annals import`: records from a file, or everything from Chroma. */
export function importCommand(interrupt: Interrupt): Command {
  const command = storeCommand('import', {
    description: `Reads records from a file (${importFormats.slice(0, -1).join(', ')}) into a collection, or all collections from a folder of Chroma's or a Chroma server. Makes the store and the collection where they are not there. What breaks off can be repeated.`,
    examples: [
      ['import notes.parquet notes --path ./data', 'the format is known by the name'],
      ['import - notes --format csv < notes.csv', 'from standard input'],
      ['import ./chroma --path ./data', 'a folder of Chroma, with all of its collections'],
      [
        'import http://localhost:8000 --path ./data --dry-run',
        'would everything come over from that server?',
      ],
    ],
  })
    .argument('<source>', 'a file, - for standard input, a folder of Chroma, or the URL of a Chroma server')
    .argument('[collection]', 'name or UUID; not for Chroma, whose collections keep their names')
    .option('--format <format>', `${importFormats.join(', ')} (default: by the name)`)
    .option('--add-only', 'leave records that exist instead of changing them')
    .option('--batch-size <count>', 'records in one transaction', whole(1), 1000)
    .option('--skip-bad', 'leave out records that are wrong, and tell them at the end')
    .optionsGroup('From Chroma:')
    .option(
      '--only <collection>',
      'only the collection of this name (default: all); can be repeated',
      gathered,
    )
    .option('--into-existing', 'go on with collections that are there already')
    .option('--dry-run', 'read and check everything, write nothing')
    .option(
      '--chroma-tenant <name>',
      'whose collections (default: all in a folder, your own on a server); can be repeated',
      gathered,
    )
    .option(
      '--chroma-header <header>',
      'for a server: a header, such as "x-chroma-token: …" (default: none); can be repeated',
      gathered,
    )
    .optionsGroup('Options:')
  return addWrite(addCreation(command), { keyed: true }).action(
    run<Flags, [string, string | undefined]>(interrupt, async (session, flags, source, name) => {
      const format = formatOf(flags.format, source, importFormats)
      if (format === 'chroma') return fromChroma(session, flags, source, name)
      if (name === undefined)
        throw new UsageError('Into which collection?', `annals import ${source} COLLECTION`)
      const destination = session.destination(name, flags)
      const mode = flags.addOnly ? 'add' : 'upsert'
      const input = source === '-' ? process.stdin : source
      const report = await importInto(session, destination, input, { ...flags, format, mode })
      await tellImport(session, report, name)
    }),
  )
}

async function fromChroma(
  session: Session,
  flags: Flags,
  source: string,
  name: string | undefined,
): Promise<void> {
  if (name !== undefined)
    throw new UsageError('Collections of Chroma keep their names.', `Add --only ${name} for just this one.`)
  const { importChroma, importChromaServer } = await import('../../index.ts')
  const { only, chromaTenant, intoExisting, dryRun, batchSize, chromaHeader } = flags
  // A source that cannot be read, or a dry run, leaves no store behind.
  const client = await session.client({ create: dryRun ? 'dry' : 'later' })
  const options = {
    ...(only !== undefined && { collections: only }),
    ...(chromaTenant !== undefined && { tenants: chromaTenant }),
    ...(intoExisting && { into: 'existing' as const }),
    ...(dryRun && { dryRun }),
    batchSize,
    signal: session.signal,
    onProgress: ({
      collection,
      records,
      total,
    }: {
      collection: string
      records: number
      total: number | null
    }) => session.progress.tell({ label: `importing ${collection}`, done: records, total }),
    ...session.author(),
  }
  const report = /^https?:\/\//.test(source)
    ? await importChromaServer(source, client, { ...options, headers: headersOf(chromaHeader) })
    : await importChroma(source, client, options)
  session.progress.end()
  await tellChroma(session, report)
}

function headersOf(lines: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(line) ?? []
      if (name === undefined || value === undefined)
        throw new UsageError(`"${line}" is no header.`, "--chroma-header 'x-chroma-token: secret'")
      return [name, value]
    }),
  )
}

async function tellChroma(session: Session, report: ChromaImportReport): Promise<void> {
  const { out } = session
  if (report.failed > 0) session.fail()
  if (out.json) return out.record(report)
  const { bold, cyan, dim } = out.style
  const table = await out.table([
    { head: 'COLLECTION', cuttable: true, style: cyan },
    { head: 'RECORDS', align: 'right', style: bold },
    { head: 'LEFT OUT', align: 'right' },
    { head: 'NOTES', cuttable: true, style: dim },
  ])
  const rows = report.collections.map(({ tenant, database, name, records, failed, notes }) => [
    `${tenant}/${database}/${name}`,
    String(records),
    String(failed.length),
    notes.join('; '),
  ])
  await out.lines(rows.length === 0 ? [] : table.lines(rows))
  const counts = `${amount(report.records, 'record')} in ${amount(rows.length, 'collection')}`
  out.note(report.dryRun ? `${counts} would be imported.` : `${counts} imported.`)
  for (const { name, failed } of report.collections)
    for (const { id, reason } of failed) out.warn(`${name}: ${id ?? 'a record'} left out: ${reason}`)
}
