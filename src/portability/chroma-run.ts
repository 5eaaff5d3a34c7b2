/** The way from any source of Chroma's into a store: plan all of it, then create and copy. */
import { AnnalsError, show } from '../errors.ts'
import type { WriteOptions } from '../types.ts'
import { checkKeys, checkName, checkObject, invalid } from '../validation/values.ts'
import { BatchWriter } from './batch-writer.ts'
import type { CheckedChromaOptions, CollectionPlace } from './chroma-options.ts'
import type { ChromaCollection, ChromaRow, ChromaSource } from './chroma-source.ts'
import { type CheckedRecord, checkRecord, reasonOf } from './exchange-record.ts'
import type { FailedRecord, ImportClient, ImportTarget } from './exchange-types.ts'

/** What became of one collection. */
export interface ImportedCollectionReport extends CollectionPlace {
  /** Where it stood in Chroma. */
  source: CollectionPlace
  /** Records imported, or that would be. */
  records: number
  /** Records that were not, and why. */
  failed: FailedRecord[]
  /** What of the collection itself could not be taken over as it is. */
  notes: string[]
}

/** What an import did, or with `dryRun` would do. */
export interface ChromaImportReport {
  collections: ImportedCollectionReport[]
  /** Sums over all collections. */
  records: number
  failed: number
  dryRun: boolean
}

interface Planned {
  source: ChromaCollection
  target: CollectionPlace
}

/** Imports what the options select. Everything that can be refused is, before the first write. */
export async function runChromaImport(
  source: ChromaSource,
  client: ImportClient,
  options: CheckedChromaOptions,
): Promise<ChromaImportReport> {
  const plan = planCollections(await source.collections(), options)
  if (options.into === 'new') for (const { target } of plan) await refuseExisting(client, target)
  if (!options.dryRun) await createPlaces(client, await placesOf(source, plan, options), options.write)
  const collections: ImportedCollectionReport[] = []
  for (const planned of plan) collections.push(await importOne(source, client, planned, options))
  return {
    collections,
    records: collections.reduce((sum, { records }) => sum + records, 0),
    failed: collections.reduce((sum, { failed }) => sum + failed.length, 0),
    dryRun: options.dryRun,
  }
}

function planCollections(found: readonly ChromaCollection[], options: CheckedChromaOptions): Planned[] {
  const selects = (list: readonly string[] | null, name: string) => list === null || list.includes(name)
  const plan = found
    .filter(
      ({ tenant, database, name }) =>
        selects(options.tenants, tenant) &&
        selects(options.databases, database) &&
        selects(options.collections, name),
    )
    .map((source) => ({ source, target: targetOf(source, options) }))
  const missing = options.collections?.find((name) => plan.every(({ source }) => source.name !== name))
  if (missing !== undefined)
    throw new AnnalsError('collection_not_found', `The source has no collection ${show(missing)}.`)
  const taken = new Set<string>()
  for (const { target } of plan) {
    const key = JSON.stringify([target.tenant, target.database, target.name])
    if (taken.has(key)) throw invalid('rename', 'must not give two collections one name', target.name)
    taken.add(key)
  }
  return plan
}

function targetOf(
  { tenant, database, name }: CollectionPlace,
  options: CheckedChromaOptions,
): CollectionPlace {
  const renamed = checkObject(options.rename({ tenant, database, name }) ?? {}, 'rename')
  checkKeys(renamed, ['tenant', 'database', 'name'], 'rename')
  const place = (key: string) => `${key} of the collection ${show(name)} (rename gives it another)`
  return {
    tenant: checkName(renamed.tenant ?? tenant, place('tenant')),
    database: checkName(renamed.database ?? database, place('database')),
    name: checkName(renamed.name ?? name, place('name')),
  }
}

/** Databases that are to be there: those of the collections and, where nothing else is asked for, empty ones. */
async function placesOf(
  source: ChromaSource,
  plan: readonly Planned[],
  options: CheckedChromaOptions,
): Promise<{ tenant: string; database: string }[]> {
  const places = plan.map(({ target }) => target)
  if (options.collections !== null) return places
  const occupied = new Set(plan.map(({ source: { tenant, database } }) => `${tenant}/${database}`))
  const empty = (await source.databases())
    .filter(({ tenant }) => options.tenants?.includes(tenant) ?? true)
    .filter(({ database }) => options.databases?.includes(database) ?? true)
    .filter(({ tenant, database }) => !occupied.has(`${tenant}/${database}`))
  return [...places, ...empty]
}

async function createPlaces(
  client: ImportClient,
  places: readonly { tenant: string; database: string }[],
  write: WriteOptions,
): Promise<void> {
  for (const { tenant, database } of places) {
    if (!(await exists('tenant_not_found', () => client.getTenant({ name: tenant }))))
      await client.createTenant({ name: tenant }, write)
    if (!(await exists('database_not_found', () => client.getDatabase({ name: database, tenant }))))
      await client.createDatabase({ name: database, tenant }, write)
  }
}

async function refuseExisting(
  client: ImportClient,
  { tenant, database, name }: CollectionPlace,
): Promise<void> {
  const scoped = client.scope({ tenant, database })
  const find = () => scoped.getCollection({ name, embeddingFunction: null })
  if (!(await exists('collection_not_found', find))) return
  throw new AnnalsError(
    'collection_exists',
    `Collection [${name}] already exists in ${tenant}/${database}.`,
    {
      fate: 'not_written',
      hint: "Import it under another name with rename, or into the one that exists with into: 'existing'.",
    },
  )
}

async function exists(missing: string, find: () => Promise<unknown>): Promise<boolean> {
  try {
    await find()
    return true
  } catch (error) {
    if (error instanceof AnnalsError && error.code === missing) return false
    throw error
  }
}

async function importOne(
  source: ChromaSource,
  client: ImportClient,
  { source: collection, target: place }: Planned,
  options: CheckedChromaOptions,
): Promise<ImportedCollectionReport> {
  const { tenant, database, name } = collection
  const notes = [...collection.notes]
  const target = options.dryRun ? null : await openTarget(client, collection, place, options, notes)
  const copy = new CollectionCopy(target ?? new Nowhere(place.name), await source.count(collection), options)
  const { records, failed } = await copy.run(source.records(collection, options.batchSize))
  return { ...place, source: { tenant, database, name }, records, failed, notes }
}

async function openTarget(
  client: ImportClient,
  { metadata, hnsw, embeddingFunction }: ChromaCollection,
  { tenant, database, name }: CollectionPlace,
  { into, write }: CheckedChromaOptions,
  notes: string[],
): Promise<ImportTarget> {
  const scoped = client.scope({ tenant, database })
  const find = () => scoped.getCollection({ name, embeddingFunction: null })
  if (into === 'existing' && (await exists('collection_not_found', find))) {
    const present = await find()
    const { space } = present.configuration.hnsw
    if (space !== (hnsw.space ?? 'l2'))
      notes.push(
        `It was compared by ${hnsw.space ?? 'l2'} in Chroma; the collection that exists uses ${space}.`,
      )
    return present
  }
  const created = { name, configuration: { hnsw }, embeddingFunction, ...(metadata !== null && { metadata }) }
  return scoped.createCollection(created, write)
}

/** Takes the place of the target in a dry run. */
class Nowhere implements ImportTarget {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }

  async add(): ReturnType<ImportTarget['add']> {
    return { position: 0, committedAt: new Date(0), count: 0 }
  }

  async upsert(): ReturnType<ImportTarget['upsert']> {
    return this.add()
  }
}

/** The records of one collection on their way. */
class CollectionCopy {
  readonly #target: ImportTarget
  readonly #total: number | null
  readonly #options: CheckedChromaOptions
  readonly #writer: BatchWriter
  readonly #failed: FailedRecord[] = []
  #dimension: number | null = null

  constructor(target: ImportTarget, total: number | null, options: CheckedChromaOptions) {
    this.#target = target
    this.#total = total
    this.#options = options
    const { batchSize, write } = options
    this.#writer = new BatchWriter(target, {
      mode: 'upsert',
      batchSize,
      write,
      idempotencyKey: null,
      onRefused: ({ id }, _line, reason) => void this.#failed.push({ id, reason }),
    })
  }

  async run(rows: AsyncIterable<ChromaRow>): Promise<{ records: number; failed: FailedRecord[] }> {
    let line = 0
    for await (const row of rows) {
      const record = this.#check(row)
      if (record === null || !(await this.#writer.put(record, ++line))) continue
      this.#progress()
      this.#options.signal?.throwIfAborted()
    }
    await this.#writer.flush()
    this.#progress()
    return { records: this.#writer.written, failed: this.#failed }
  }

  #check({ id, value, problem }: ChromaRow): CheckedRecord | null {
    try {
      if (problem !== undefined) throw new Error(problem)
      const record = checkRecord(value)
      const length = record.embedding?.length ?? 0
      if (length === 0) throw new Error('It has no vector.')
      this.#dimension ??= length
      if (length !== this.#dimension)
        throw new Error(`Its vector has ${length} dimensions where others have ${this.#dimension}.`)
      return record
    } catch (error) {
      this.#failed.push({ id, reason: reasonOf(error) })
      return null
    }
  }

  #progress(): void {
    const { name: collection } = this.#target
    this.#options.onProgress({ collection, records: this.#writer.written, total: this.#total, bytes: 0 })
  }
}
