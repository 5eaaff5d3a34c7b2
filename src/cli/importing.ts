/** What `add` and `import` share: records from a file or a stream into a collection. */
import { statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import type { Collection, ExchangeFormatName, ImportReport } from '../index.ts'
import type { Session } from './session.ts'
import { amount, countText } from './units.ts'

export interface ImportFlags {
  batchSize: number
  skipBad?: boolean
}

/** Reads records into a collection, with a progress bar over the bytes of a file. */
export async function importInto(
  session: Session,
  collection: Collection,
  source: string | Readable,
  options: ImportFlags & { format: ExchangeFormatName; mode: 'add' | 'upsert' },
): Promise<ImportReport> {
  const { importCollection } = await import('../index.ts')
  const { batchSize, skipBad, format, mode } = options
  const total =
    typeof source === 'string' ? (statSync(source, { throwIfNoEntry: false })?.size ?? null) : null
  const report = await importCollection(source, collection, {
    format,
    mode,
    batchSize,
    onError: skipBad === true ? 'skip' : 'stop',
    signal: session.signal,
    onProgress: ({ records, bytes }) => {
      const label = `importing into ${collection.name}`
      if (total === null) session.progress.tell({ label, done: records, total: null })
      else session.progress.tell({ label, done: bytes, total, counted: records })
    },
    ...session.write(),
  })
  session.progress.end()
  return report
}

/** Tells what an import did; bad records that were left out are findings. */
export async function tellImport(session: Session, report: ImportReport, name: string): Promise<void> {
  const { out } = session
  const { records, changed, failed, failures } = report
  if (failed > 0) session.fail()
  await out.answer({ collection: name, ...report }, () => {
    const unchanged = changed < records ? `, ${countText(records - changed)} of them there already` : ''
    return `${amount(records, 'record')} in ${name}${unchanged}`
  })
  if (out.json || failed === 0) return
  out.warn(`${amount(failed, 'record')} left out:`)
  for (const { line, id, reason } of failures)
    process.stderr.write(`  line ${line}${id === null ? '' : ` (${id})`}: ${reason}\n`)
}
