import type { PutCommand, RecordInput } from '../commands/command.ts'
import { validateRecords } from '../commands/validate.ts'
import { type EmbeddingFunction, embed } from '../embedding/embedding-function.ts'
import { AnnalsError, show } from '../errors.ts'
import type { QueryRequest } from '../readers/read-request.ts'
import type { SearchRequest } from '../readers/search-request.ts'
import type { CollectionConfiguration, CollectionInfo, Metadata } from '../types.ts'

/** What a handle of a collection knows by itself, wherever the collection is: its state, and how texts become vectors. */
export abstract class CollectionHandle {
  protected readonly embeddingFunction: EmbeddingFunction | null
  protected info: CollectionInfo

  constructor(info: CollectionInfo, embeddingFunction: EmbeddingFunction | null) {
    this.info = info
    this.embeddingFunction = embeddingFunction
  }

  get id(): string {
    return this.info.id
  }

  get name(): string {
    return this.info.name
  }

  get tenant(): string {
    return this.info.tenant
  }

  get database(): string {
    return this.info.database
  }

  get metadata(): Metadata | null {
    return this.info.metadata
  }

  get configuration(): CollectionConfiguration {
    return this.info.configuration
  }

  get dimension(): number | null {
    return this.info.dimension
  }

  /** The first write that brings vectors settles how long they are. */
  protected learnDimension(records: readonly RecordInput[], { count }: { count: number }): void {
    if (count === 0 || this.info.dimension !== null) return
    const first = records.find(({ vector }) => vector !== null)?.vector
    if (first != null) this.info = { ...this.info, dimension: first.length }
  }

  /** The vectors of a query's texts, or those that were given. */
  protected async queryVectors({ vectors, texts }: QueryRequest): Promise<readonly Float32Array[]> {
    return vectors ?? embed(this.requireEmbeddingFunction('queryTexts'), texts ?? [], true)
  }

  /** Gives every Knn term that has a text the vector of its text. */
  protected async embedSearches(requests: readonly SearchRequest[]): Promise<void> {
    const knns = requests.flatMap((request) => request.knns.filter(({ vector }) => vector === null))
    if (knns.length === 0) return
    const fn = this.requireEmbeddingFunction('Knn.query')
    const vectors = await embed(
      fn,
      knns.map(({ text }) => text ?? ''),
      true,
    )
    for (const [index, knn] of knns.entries()) knn.vector = vectors[index]!
  }

  /** Checks the records of a write, and makes vectors for their documents. */
  protected async prepareRecords(kind: PutCommand['kind'], args: unknown): Promise<RecordInput[]> {
    const records = validateRecords(kind, args)
    await this.embedDocuments(kind, records)
    return records
  }

  /** Gives every record that has a document but no vector the vector of its document. */
  protected async embedDocuments(kind: PutCommand['kind'], records: RecordInput[]): Promise<void> {
    const without = records.filter(({ vector, document }) => vector === null && document !== undefined)
    const empty =
      kind === 'add'
        ? records.find(({ vector, document }) => vector === null && document === undefined)
        : undefined
    if (empty !== undefined)
      throw new AnnalsError(
        'invalid_argument',
        `The record ${show(empty.id)} has neither an embedding nor a document.`,
        {
          fate: 'not_written',
        },
      )
    // A document may change without its vector where there is nothing to make a new one with.
    if (without.length === 0 || (kind === 'update' && this.embeddingFunction === null)) return
    const fn = this.requireEmbeddingFunction('documents')
    const vectors = await embed(
      fn,
      without.map(({ document }) => document!),
      false,
    )
    without.forEach((record, index) => {
      record.vector = vectors[index]!
    })
  }

  /** The embedding function, or an error that says what to do without one. */
  protected requireEmbeddingFunction(place: string): EmbeddingFunction {
    if (this.embeddingFunction !== null) return this.embeddingFunction
    const stored = this.configuration.embedding_function
    const message =
      stored === null
        ? `${place}: the collection ${show(this.name)} has no embedding function.`
        : `${place}: the collection ${show(this.name)} was created with the embedding function ${show(stored.name)}, which was not given here.`
    throw new AnnalsError('embedding_function_missing', message, {
      fate: 'not_written',
      hint:
        stored === null
          ? 'Give vectors instead, or get the collection with an embeddingFunction.'
          : 'Hand it in: getCollection({ name, embeddingFunction }).',
    })
  }
}
