import { checkText } from '../validation/values.ts'
import { ChromaFolder } from './chroma-folder.ts'
import { type ChromaImportOptions, checkChromaOptions } from './chroma-options.ts'
import { type ChromaImportReport, runChromaImport } from './chroma-run.ts'
import type { ImportClient } from './exchange-types.ts'

/**
 * Imports a data folder of Chroma's: all tenants, databases and collections, with configuration, metadata,
 * documents, uris and vectors, the queue's tail included. Vectors are those that Chroma answers with, bit for bit.
 *
 * The folder is only read. Chroma should be stopped, because its index files change while it runs; from a
 * running one import with `importChromaServer`. Read are folders of Chroma 0.4 to 1.3.
 *
 * A record that cannot be read is left out and reported with its id and the reason; all others are imported.
 * Everything that can be refused is refused before the first write. The id maps of one collection at a time are
 * held in memory, and one batch of records. Collections get new UUIDs. `num_threads` is not taken over: it told
 * of the other machine. Of an embedding function that Chroma names, the name and configuration are kept; hand
 * it in when you open the collection.
 *
 * @param folder what Chroma was started with as its path; it holds `chroma.sqlite3`
 * @param client of the store to import into; its own tenant and database do not matter
 * @throws AnnalsError `import_failed` when the folder cannot be read; `collection_exists`; `collection_not_found`
 *   for a name in `options.collections`; `invalid_argument`, `unsupported_option`; what writes throw; the
 *   signal's reason
 *
 * @example
 * const client = new PersistentClient({ path: './data' })
 * const report = await importChroma('./chroma', client, { actor: 'ada', reason: 'moving in' })
 * for (const { name, records, failed } of report.collections) console.log(name, records, failed)
 */
export async function importChroma(
  folder: string,
  client: ImportClient,
  options: ChromaImportOptions = {},
): Promise<ChromaImportReport> {
  const checked = checkChromaOptions(options, 'importChroma')
  const source = new ChromaFolder(checkText(folder, 'folder', 32_768))
  try {
    return await runChromaImport(source, client, checked)
  } finally {
    await source.close()
  }
}
