import { AnnalsError } from '../errors.ts'
import type { Include, Where, WhereDocument } from '../types.ts'
import type { ExchangeRecord, ExportSource } from './exchange-types.ts'

export interface SelectionOptions {
  embeddings: boolean
  where: Where | null
  whereDocument: WhereDocument | null
  batchSize: number
  signal: AbortSignal | null
}

/** Any log position lies before it: the newest commit is the last one at or before this instant. */
const endOfTime = new Date(8_640_000_000_000_000)

/**
 * The records that an export is about, read in pages, as often as a format needs.
 *
 * What holds: all pages stand at one position, where the source can look back. So the ids are listed once, and
 * each page is asked for by its ids, which costs the same for the last page as for the first.
 */
export class Selection {
  readonly ids: readonly string[]
  readonly embeddings: boolean
  readonly #source: ExportSource
  readonly #options: SelectionOptions
  #read = 0

  private constructor(source: ExportSource, ids: readonly string[], options: SelectionOptions) {
    this.#source = source
    this.ids = ids
    this.embeddings = options.embeddings
    this.#options = options
  }

  static async open(collection: ExportSource, options: SelectionOptions): Promise<Selection> {
    const standing = collection.asOf?.(endOfTime) ?? collection
    const source = standing.withExactNumbers?.() ?? standing
    const { where, whereDocument } = options
    const { ids } = await source.get({
      ...(where !== null && { where }),
      ...(whereDocument !== null && { whereDocument }),
      include: [],
    })
    return new Selection(source, ids, options)
  }

  /** Records handed out so far, over all passes. */
  get read(): number {
    return this.#read
  }

  /** Everything that was selected, page by page; parts not asked for are `null`. */
  async *pages(include: Include[] = this.#allParts()): AsyncGenerator<ExchangeRecord[], void, undefined> {
    const { batchSize, signal } = this.#options
    for (let start = 0; start < this.ids.length; start += batchSize) {
      signal?.throwIfAborted()
      const ids = this.ids.slice(start, start + batchSize)
      const page = await this.#page(ids, include)
      this.#read += page.length
      yield page
    }
  }

  #allParts(): Include[] {
    return [...(this.embeddings ? (['embeddings'] as const) : []), 'documents', 'metadatas', 'uris']
  }

  async #page(ids: string[], include: Include[]): Promise<ExchangeRecord[]> {
    const columns = await this.#source.get({ ids, include })
    if (columns.ids.length !== ids.length)
      throw new AnnalsError('export_failed', 'Records were deleted while they were exported.', {
        hint: 'Export a collection that can be read as of a position, or export when nobody writes.',
      })
    return columns.ids.map((id, index) => ({
      id,
      embedding: columns.embeddings?.[index] ?? null,
      document: columns.documents?.[index] ?? null,
      metadata: columns.metadatas?.[index] ?? null,
      uri: columns.uris?.[index] ?? null,
    }))
  }
}
