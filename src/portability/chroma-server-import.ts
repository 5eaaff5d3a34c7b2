import { AnnalsError, messageOf, show } from '../errors.ts'
import { plainNumbers } from '../exact-number.ts'
import { parseExactJson } from '../format/exact-json.ts'
import { checkObject, invalid } from '../validation/values.ts'
import { importFailed } from './byte-source.ts'
import { importConfiguration } from './chroma-configuration.ts'
import { type ChromaImportOptions, checkChromaOptions } from './chroma-options.ts'
import { type ChromaImportReport, runChromaImport } from './chroma-run.ts'
import type { ChromaCollection, ChromaRow, ChromaSource } from './chroma-source.ts'
import type { ImportClient } from './exchange-types.ts'

export interface ChromaServerImportOptions extends ChromaImportOptions {
  /** Sent with every request: `{ 'x-chroma-token': … }`, `{ authorization: … }`. */
  headers?: Record<string, string>
}

/**
 * Imports from a running Chroma server through its HTTP API v2: everything that `importChroma` takes from a
 * folder. Vectors come back bit for bit.
 *
 * Chroma cannot list its tenants: without `tenants` it is the one that the server names for this user, most often
 * `default_tenant`. Pages are asked for by offset, so nobody should write meanwhile; a collection whose count
 * changed is noted in the report. Chroma Cloud answers at most 300 records at a time: set `batchSize: 300`.
 *
 * @param url where the server is, such as `http://localhost:8000`
 * @param client of the store to import into; its own tenant and database do not matter
 * @throws AnnalsError `import_failed` when the server cannot be reached or refuses; the others as `importChroma`
 *
 * @example
 * await importChromaServer('http://localhost:8000', client, { tenants: ['default_tenant', 'acme'] })
 */
export async function importChromaServer(
  url: string | URL,
  client: ImportClient,
  options: ChromaServerImportOptions = {},
): Promise<ChromaImportReport> {
  const checked = checkChromaOptions(options, 'importChromaServer', ['headers'])
  const api = new ChromaApi(checkUrl(url), checkHeaders(options.headers), checked.signal)
  return runChromaImport(new ChromaServer(api, checked.tenants), client, checked)
}

function checkUrl(url: unknown): URL {
  const text = url instanceof URL ? url.href : url
  const checked = typeof text === 'string' && URL.canParse(text) ? new URL(text) : null
  if (checked?.protocol === 'http:' || checked?.protocol === 'https:') return checked
  throw invalid('url', 'must be an http or https URL', url)
}

function checkHeaders(value: unknown): Record<string, string> {
  if (value == null) return {}
  const headers = checkObject(value, 'headers')
  for (const [name, header] of Object.entries(headers))
    if (typeof header !== 'string') throw invalid(`headers.${name}`, 'must be a string', header)
  return headers as Record<string, string>
}

/** The few calls of Chroma's API that an import needs, with answers checked as far as they are used. */
class ChromaApi {
  readonly #base: string
  readonly #headers: Record<string, string>
  readonly #signal: AbortSignal | null

  constructor(url: URL, headers: Record<string, string>, signal: AbortSignal | null) {
    this.#base = `${url.origin}${url.pathname.replace(/\/$/, '')}/api/v2`
    this.#headers = headers
    this.#signal = signal
  }

  /** `parts` become the path, each encoded: names come from the server and must not leave their place. */
  async call(parts: readonly string[], query = '', body?: object): Promise<unknown> {
    const path = parts.map((part) => `/${encodeURIComponent(part)}`).join('')
    const url = `${this.#base}${path}${query}`
    let status: number
    let bytes: Buffer
    try {
      const response = await fetch(url, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { accept: 'application/json', 'content-type': 'application/json', ...this.#headers },
        signal: this.#signal,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      status = response.status
      bytes = Buffer.from(await response.arrayBuffer())
    } catch (error) {
      this.#signal?.throwIfAborted()
      throw importFailed(
        `The Chroma server at ${this.#base} cannot be reached: ${reasonWithCause(error)}.`,
        error,
      )
    }
    if (status < 200 || status > 299)
      throw importFailed(`The Chroma server answered ${status} to ${url}: ${bytes.toString().slice(0, 500)}`)
    return parseAnswer(url, bytes)
  }

  async list(parts: readonly string[], query = ''): Promise<Record<string, unknown>[]> {
    const answer = await this.call(parts, query)
    if (Array.isArray(answer)) return answer.map((entry) => checkObject(entry, parts.join('/')))
    throw importFailed(
      `The Chroma server answered ${show(answer)} to ${parts.join('/')}; an array was expected.`,
    )
  }
}

/** `fetch` says only that it failed; its cause says why. */
function reasonWithCause(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : ''
  return cause === '' ? messageOf(error) : `${messageOf(error)} (${cause})`
}

function parseAnswer(url: string, bytes: Buffer): unknown {
  try {
    return parseExactJson(bytes, (key, depth) => depth === 1 && key === 'embeddings')
  } catch (error) {
    throw importFailed(`The Chroma server answered no JSON to ${url}: ${messageOf(error)}.`, error)
  }
}

const listLimit = 100

class ChromaServer implements ChromaSource {
  readonly #api: ChromaApi
  readonly #tenants: readonly string[] | null

  constructor(api: ChromaApi, tenants: readonly string[] | null) {
    this.#api = api
    this.#tenants = tenants
  }

  async databases(): Promise<{ tenant: string; database: string }[]> {
    const found: { tenant: string; database: string }[] = []
    for (const tenant of this.#tenants ?? [await this.#ownTenant()])
      for (const { name } of await this.#all(['tenants', tenant, 'databases']))
        found.push({ tenant, database: String(name) })
    return found
  }

  async collections(): Promise<ChromaCollection[]> {
    const found: ChromaCollection[] = []
    for (const { tenant, database } of await this.databases()) {
      const rows = await this.#all(['tenants', tenant, 'databases', database, 'collections'])
      found.push(...rows.map((row) => collectionOf(tenant, database, row)))
    }
    return found
  }

  async count(collection: ChromaCollection): Promise<number> {
    return Number(await this.#api.call([...pathOf(collection), 'count']))
  }

  async *records(
    collection: ChromaCollection,
    batchSize: number,
  ): AsyncGenerator<ChromaRow, void, undefined> {
    const before = await this.count(collection)
    let offset = 0
    while (true) {
      const include = ['embeddings', 'documents', 'metadatas', 'uris']
      const body = { limit: batchSize, offset, include }
      const rows = rowsOf(await this.#api.call([...pathOf(collection), 'get'], '', body))
      yield* rows
      offset += rows.length
      if (rows.length < batchSize) break
    }
    if (offset !== before || (await this.count(collection)) !== before)
      throw importFailed(
        `The collection ${show(collection.name)} changed while it was imported: ${before} records became ${offset}.`,
        undefined,
        "Import it again with into: 'existing' when nobody writes to it.",
      )
  }

  async close(): Promise<void> {}

  /** Pages of a list until one is not full. */
  async #all(parts: readonly string[]): Promise<Record<string, unknown>[]> {
    const found: Record<string, unknown>[] = []
    while (true) {
      const page = await this.#api.list(parts, `?limit=${listLimit}&offset=${found.length}`)
      found.push(...page)
      if (page.length < listLimit) return found
    }
  }

  async #ownTenant(): Promise<string> {
    const identity = checkObject(await this.#api.call(['auth', 'identity']), 'identity')
    return typeof identity.tenant === 'string' ? identity.tenant : 'default_tenant'
  }
}

function pathOf({ tenant, database, id }: ChromaCollection): string[] {
  return ['tenants', tenant, 'databases', database, 'collections', id]
}

function collectionOf(tenant: string, database: string, row: Record<string, unknown>): ChromaCollection {
  const metadata = row.metadata == null ? {} : checkObject(row.metadata, 'metadata')
  const imported = importConfiguration(
    plainNumbers(row.configuration_json),
    plainNumbers(row.schema),
    metadata,
  )
  return { id: String(row.id), name: String(row.name), tenant, database, ...imported }
}

/** Columns become rows; whether the values are good is checked row by row, later. */
function rowsOf(answer: unknown): ChromaRow[] {
  const { ids, embeddings, documents, metadatas, uris } = checkObject(answer, 'get')
  const columns = [ids, embeddings, documents, metadatas, uris].map((column) => (column ?? []) as unknown[])
  if (!columns.every(Array.isArray))
    throw new AnnalsError('import_failed', 'The Chroma server answered no columns.')
  const [idColumn, embedding, document, metadata, uri] = columns as [
    unknown[],
    unknown[],
    unknown[],
    unknown[],
    unknown[],
  ]
  return idColumn.map((id, index) => ({
    id: String(id),
    value: {
      id,
      embedding: embedding[index],
      document: document[index],
      metadata: metadata[index],
      uri: uri[index],
    },
  }))
}
