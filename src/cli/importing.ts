/** What `add` and `import` share: records from a file or a stream into a collection. */
import { statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import type { ExchangeFormatName, ImportReport, ImportTarget } from '../index.ts'
import type { Destination, Session } from './session.ts'
import { amount, countText } from './units.ts'

export interface ImportFlags {
  batchSize: number
  skipBad?: boolean
}

/**
 * Reads records into a collection, with a progress bar over the bytes of a file. The collection is asked for when
 * the first records are about to be written: a source that cannot be read leaves nothing behind.
 */
export async function importInto(
  session: Session,
  { name, collection }: Destination,
  source: string | Readable,
  options: ImportFlags & { format: ExchangeFormatName; mode: 'add' | 'upsert' },
): Promise<ImportReport> {
  const { importCollection } = await import('../index.ts')
  const { batchSize, skipBad, format, mode } = options
  const total = typeof source === 'string' ? sizeOf(source) : null
  const target: ImportTarget = {
    name,
    add: async (records, write) => (await collection()).add(records, write),
    upsert: async (records, write) => (await collection()).upsert(records, write),
  }
  const report = await importCollection(source, target, {
    format,
    mode,
    batchSize,
    onError: skipBad === true ? 'skip' : 'stop',
    signal: session.signal,
    onProgress: ({ records, bytes }) => {
      const label = `importing into ${name}`
      if (total === null) session.progress.tell({ label, done: records, total: null })
      else session.progress.tell({ label, done: bytes, total, counted: records })
    },
    ...session.write(),
  })
  // A source without records is one, too, and a collection that is not there is told.
  await collection()
  session.progress.end()
  return report
}

/** Bytes of a file; `null` for what is none, such as a pipe. */
function sizeOf(source: string): number | null {
  const found = statSync(source, { throwIfNoEntry: false })
  return found?.isFile() === true ? found.size : null
}

/** Tells what an import did; bad records that were left out are findings. */
export async function tellImport(session: Session, report: ImportReport, name: string): Promise<void> {
  const { out } = session
  const { records, changed, failed, failures } = report
  if (failed > 0) session.fail()
  await out.answer({ collection: name, ...report }, () => {
    const rest = records - changed
    const unchanged = rest === 0 ? '' : `, ${countText(rest)} ${rest === 1 ? 'was' : 'were'} there already`
    return `${amount(changed, 'record')} written to ${name}${unchanged}`
  })
  if (out.json || failed === 0) return
  out.warn(`${amount(failed, 'record')} left out:`)
  for (const { line, id, reason } of failures)
    process.stderr.write(`  line ${line}${id === null ? '' : ` (${id})`}: ${reason}\n`)
}
