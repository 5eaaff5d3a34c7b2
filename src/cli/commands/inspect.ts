import type { Command } from 'commander'
import type { FolderReport, FolderSegment, FolderTables } from '../../index.ts'
import { folderCommand, run } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import type { Output } from '../output.ts'
import { checkHoldsStore, defaultFolder } from '../store-folder.ts'
import { amount, bytesText, countText } from '../units.ts'

interface Flags {
  path?: string
}

/** `annals inspect`: what lies where in a folder. */
export function inspect(interrupt: Interrupt): Command {
  const command = folderCommand('inspect', {
    description:
      "Shows the anatomy of a store's folder: what lies where, sizes, collections, segments, versions. It does not open the store, locks nothing and changes nothing, so it may be used while a server runs on the folder, and on a damaged one. What the log holds, annals stats and annals verify tell.",
    examples: [
      ['inspect', 'the store in ./annals-data'],
      ['inspect /var/lib/annals', 'of a running server'],
      ['inspect ./data --json | jq .parts', 'for machines'],
    ],
  }).argument('[folder]', 'the folder of a store (default: --path)')
  return command.action(
    run<Flags, [string | undefined]>(interrupt, async ({ out }, { path }, folder = path) => {
      checkHoldsStore(folder)
      const { inspectFolder } = await import('../../index.ts')
      const report = inspectFolder(folder ?? defaultFolder)
      if (out.json) return out.record(report)
      await out.lines(await reportLines(out, report))
    }),
  )
}

async function reportLines(out: Output, report: FolderReport): Promise<string[]> {
  const { tables, notes } = report
  const { bold, yellow, dim } = out.style
  const lines = [`${bold(report.path)}  ${bytesText(report.bytes)}`, '', ...(await partLines(out, report))]
  if (tables !== null) lines.push('', ...versionLines(out, tables))
  if (tables !== null && tables.collections.length > 0)
    lines.push('', ...(await collectionLines(out, tables)))
  if (tables !== null && tables.segments.length > 0) lines.push('', ...(await segmentLines(out, tables)))
  if (notes.length > 0) lines.push('', ...notes.map((note) => `${yellow('!')} ${note}`))
  lines.push('', dim('Seen from outside: the store was not opened, and nothing was locked.'))
  return lines
}

async function partLines(out: Output, { parts, bytes, log }: FolderReport): Promise<string[]> {
  const holds: Record<FolderReport['parts'][number]['name'], string> = {
    log: `the truth: ${amount(log.tables, 'table')}, ${bytesText(log.journalBytes)} in the journal`,
    metadata: 'derived: rows, filters, full text',
    segments: 'derived: sealed HNSW graphs',
    backups: 'which backups were made',
    other: 'not of the store',
  }
  const table = await out.table([
    { head: 'PART', style: out.style.cyan },
    { head: 'FILES', align: 'right' },
    { head: 'SIZE', align: 'right', style: out.style.bold },
    { head: '', align: 'right' },
    { head: 'HOLDS', cuttable: true, style: out.style.dim },
  ])
  const share = (part: number) => `${Math.round((part / Math.max(1, bytes)) * 100)} %`
  return table.lines(
    parts.map((part) => [
      part.name,
      countText(part.files),
      bytesText(part.bytes),
      share(part.bytes),
      holds[part.name],
    ]),
  )
}

function versionLines(out: Output, tables: FolderTables): string[] {
  const { applied, schemaVersion, expectedSchemaVersion, walBytes, tags } = tables
  const fits = schemaVersion === expectedSchemaVersion ? '' : `, this annals has ${expectedSchemaVersion}`
  return out.fields([
    ['store', applied?.storeId],
    ['applied', applied === null ? null : `up to position ${countText(applied.position)}`],
    ['root', applied?.root],
    ['schema', `version ${schemaVersion}${fits}`],
    [
      'unfolded',
      walBytes === 0 ? null : `${bytesText(walBytes)} in SQLite's write-ahead log: open, or not closed`,
    ],
    ['tags', tags.length === 0 ? null : tags.map(({ name, position }) => `${name}=${position}`).join(' ')],
  ])
}

async function collectionLines(out: Output, { collections, segments }: FolderTables): Promise<string[]> {
  const { cyan, bold, dim } = out.style
  const table = await out.table([
    { head: 'COLLECTION', cuttable: true, style: cyan },
    { head: 'RECORDS', align: 'right', style: bold },
    { head: 'VERSIONS', align: 'right' },
    { head: 'DIM', align: 'right' },
    { head: 'SPACE' },
    { head: 'SEGMENTS', align: 'right' },
    { head: 'GROWING', align: 'right' },
    { head: '', style: dim },
  ])
  return table.lines(
    collections.map((one) => [
      one.tenant === 'default_tenant' && one.database === 'default_database'
        ? one.name
        : `${one.tenant}/${one.database}/${one.name}`,
      countText(one.records),
      countText(one.versions),
      one.dimension === null ? '–' : String(one.dimension),
      one.space,
      countText(segments.filter(({ collection }) => collection === one.id).length),
      countText(one.growingVectors),
      [one.deleted ? 'deleted' : '', one.horizon > 0 ? `from ${one.horizon}` : ''].join(' ').trim(),
    ]),
  )
}

async function segmentLines(out: Output, { collections, segments }: FolderTables): Promise<string[]> {
  const { cyan, dim, bold } = out.style
  const names = new Map(collections.map(({ id, name }) => [id, name]))
  const table = await out.table([
    { head: 'SEGMENT', cuttable: true, cutAt: 'middle', style: dim },
    { head: 'OF', cuttable: true, style: cyan },
    { head: 'LABELS', align: 'right' },
    { head: 'SIZE', align: 'right', style: bold },
    { head: '' },
  ])
  const cells = ({ file, collection, firstLabel, nextLabel, bytes, present }: FolderSegment) => [
    file.slice(file.lastIndexOf('/') + 1),
    names.get(collection) ?? collection,
    `${countText(firstLabel)} – ${countText(nextLabel - 1)}`,
    bytesText(bytes),
    present ? '' : 'missing',
  ]
  return table.lines(segments.map(cells))
}
