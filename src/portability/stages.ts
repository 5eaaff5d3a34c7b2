/**
 * What happens to facts between a source and a target: collections are chosen, records transformed, documents
 * embedded again. Each stage takes commits and answers commits.
 */
import { isDeepStrictEqual } from 'node:util'
import { endsCommit } from '../commit-end.ts'
import { embed } from '../embedding/embedding-function.ts'
import { AnnalsError, messageOf, show } from '../errors.ts'
import type { CollectionFact, Fact, PutFact } from '../fact.ts'
import { limits } from '../limits.ts'
import type { OperationLog } from '../log/operation-log.ts'
import { plainMetadata } from '../metadata-form.ts'
import type { Metadata, OperationRecord, RecordOperation } from '../types.ts'
import { checkMetadata, mergeMetadata } from '../validation/metadata.ts'
import { checkObject, checkText, checkVector, invalid, isPlainObject } from '../validation/values.ts'
import type { CheckedPlan, CollectionPlans, TransformedRecord } from './collection-plan.ts'
import { contentAt, factOf } from './facts.ts'
import type { HistoricalCommit } from './history-writer.ts'

/** A put whose vector is to be made of its document, by the function of its collection. */
interface Embedding {
  fact: PutFact
  plan: CheckedPlan
}

/**
 * The commits that the operation records of a source become.
 *
 * @param read reads an operation record of the source: a transform sees whole versions, and an update does not
 *   hold what it did not change.
 */
export async function transformed(
  records: readonly OperationRecord[],
  plans: CollectionPlans,
  read: OperationLog['read'],
): Promise<HistoricalCommit[]> {
  const commits: HistoricalCommit[] = []
  const embeddings: Embedding[] = []
  let facts: Fact[] = []
  for (const record of records) {
    const { position, commit } = record
    const fact = await changedFact(record, plans, read)
    if (fact !== null) facts.push(fact)
    if (fact?.type === 'put') planEmbedding(fact, plans, position, embeddings)
    if (!endsCommit(record)) continue
    commits.push({ position, commit, facts })
    facts = []
  }
  await embedAll(embeddings)
  return commits
}

async function changedFact(
  record: OperationRecord,
  plans: CollectionPlans,
  read: OperationLog['read'],
): Promise<Fact | null> {
  const fact = factOf(record)
  if (fact === null || !('collection' in fact)) return fact
  const plan =
    fact.type === 'create-collection' ? plans.begin(fact.collection, fact.state) : plans.of(fact.collection)
  if (plan === null) return null
  if ('state' in fact) return changedCollection(fact, plan, plans)
  if (fact.type === 'delete') return fact
  if (plan.transform !== null) return transformOne(record as RecordOperation, fact, plan, read)
  if (fact.inherits === true && !plans.keepsFork(fact.collection))
    return materialised(record as RecordOperation, fact, read)
  // New vectors are made of documents alone.
  if (plan.embeddingFunction !== null) return fact
  return { ...fact, content: () => contentAt(read, record as RecordOperation) }
}

function changedCollection(fact: CollectionFact, plan: CheckedPlan, plans: CollectionPlans): Fact {
  const { forkedFrom, ...rest } = fact
  if (forkedFrom !== undefined) plans.noteFork(fact.collection, forkedFrom)
  const keeps = forkedFrom !== undefined && plans.keepsFork(fact.collection)
  return { ...rest, state: plan.changed(fact.state), ...(keeps && { forkedFrom }) }
}

/** A fork whose source is not carried over, or otherwise, holds its vectors and documents itself. */
async function materialised(
  record: RecordOperation,
  { inherits, ...fact }: PutFact,
  read: OperationLog['read'],
): Promise<PutFact | null> {
  const content = await contentAt(read, record)
  return content === null ? null : { ...fact, ...content }
}

async function transformOne(
  record: RecordOperation,
  fact: PutFact,
  plan: CheckedPlan,
  read: OperationLog['read'],
): Promise<Fact | null> {
  const { collection, recordId, uri, metadata, inherits } = fact
  const at = async (position: number) => (position === record.position ? record : read(position))
  const content = await contentAt(at, record)
  if (content === null) return null
  const { vector, document } = content
  const { position, commit } = record
  const answer = callTransform(plan, {
    collection: plan.name,
    id: recordId,
    embedding: vector.slice(),
    document,
    uri,
    metadata,
    position,
    committedAt: commit.committedAt,
  })
  if (answer === null) return { type: 'delete', collection, recordId }
  return { type: 'put', collection, recordId, ...answer, whole: true, ...(inherits && { inherits }) }
}

/** What a transform hands on as it got it stays as exact as it was. */
function likeOld(answer: unknown, old: Metadata | null): unknown {
  const given = plainMetadata(old)
  // Without a whole float the two are one.
  if (given === null || given === old || !isPlainObject(answer)) return answer
  const isSame = (key: string) => Object.hasOwn(given, key) && isDeepStrictEqual(answer[key], given[key])
  return Object.fromEntries(
    Object.entries(answer).map(([key, value]) => [key, isSame(key) ? old![key] : value]),
  )
}

function callTransform(
  { transform }: CheckedPlan,
  given: Omit<Parameters<NonNullable<CheckedPlan['transform']>>[0], 'committedAt'> & { committedAt: number },
): Pick<PutFact, 'vector' | 'document' | 'uri' | 'metadata'> | null {
  const place = `transform(${show(given.id)})`
  let answer: TransformedRecord | null
  try {
    const metadata = structuredClone(plainMetadata(given.metadata))
    answer = transform!({ ...given, metadata, committedAt: new Date(given.committedAt) })
  } catch (error) {
    throw new AnnalsError(
      'invalid_argument',
      `${place} failed at position ${given.position}: ${messageOf(error)}`,
      { fate: 'not_written', position: given.position, cause: error },
    )
  }
  if (answer === null) return null
  if (answer instanceof Promise) throw invalid(place, 'must answer at once, not with a promise', answer)
  const { embedding, document, uri, metadata } = checkObject(answer, place)
  return {
    vector: checkVector(embedding, `${place}.embedding`),
    document: document == null ? null : checkText(document, `${place}.document`, limits.documentLengthMax),
    uri: uri == null ? null : checkText(uri, `${place}.uri`, limits.uriLengthMax),
    metadata:
      metadata == null
        ? null
        : mergeMetadata(
            null,
            checkMetadata(likeOld(metadata, given.metadata), `${place}.metadata`, { allowNull: true }),
          ),
  }
}

function planEmbedding(
  fact: PutFact,
  plans: CollectionPlans,
  position: number,
  embeddings: Embedding[],
): void {
  const plan = plans.of(fact.collection)
  if (plan?.embeddingFunction == null) return
  if (typeof fact.document === 'string') embeddings.push({ fact, plan })
  // A document that stays keeps the vector that was made of it, whatever the source has changed beside it.
  else if (fact.document === undefined) fact.vector = undefined
  else if (fact.vector !== undefined && !plan.keepVectors) throw withoutDocument(fact, plan, position)
}

/** Embeds documents in batches, each collection by its own function; the facts get their new vectors. */
async function embedAll(embeddings: readonly Embedding[]): Promise<void> {
  const byPlan = new Map<CheckedPlan, Embedding[]>()
  for (const one of embeddings) {
    const entries = byPlan.get(one.plan)
    if (entries === undefined) byPlan.set(one.plan, [one])
    else entries.push(one)
  }
  for (const [{ embeddingFunction }, entries] of byPlan)
    for (let from = 0; from < entries.length; from += limits.embeddingBatchRecords) {
      const batch = entries.slice(from, from + limits.embeddingBatchRecords)
      const texts = batch.map(({ fact }) => fact.document as string)
      const vectors = await embed(embeddingFunction!, texts, false)
      batch.forEach(({ fact }, index) => {
        fact.vector = vectors[index]!
      })
    }
}

function withoutDocument({ recordId }: PutFact, { name }: CheckedPlan, position: number): AnnalsError {
  return new AnnalsError(
    'embedding_failed',
    `The record ${show(recordId)} of the collection ${show(name)} has no document at position ${position}, so there is nothing to embed.`,
    {
      fate: 'not_written',
      position,
      hint: 'Say keepVectors to keep the vectors of such records, or leave them out by a transform.',
    },
  )
}
