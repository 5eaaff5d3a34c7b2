/** What a run needs to hand in inputs and to compare answers. */
import { expect } from 'vitest'
import type { Change, ReadableCollection, RecordImage } from '../../src/index.ts'
import type { CollectionModel, Input, ModelRecord, Version } from './model.ts'
import type { Row } from './operations.ts'

export function inputOf({ keeps, ...row }: Row, how: string, model: CollectionModel): Input {
  // A document without an embedding needs a function that makes one, but in an update.
  const may = how === 'update' || (how === 'upsert' && model.has(row.id) && row.document === null)
  return keeps && may ? { ...row, embedding: null } : row
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

export function plain(metadata: Input['metadata']): object | null {
  return metadata && Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== null))
}

function imageOf({ embedding, document, metadata }: RecordImage | ModelRecord): object {
  return { embedding, document, metadata }
}

export const changing = (recordId: string) => (change: Change) => change.id === recordId

/** The records that changes leave, in insertion order. */
export function fold(changes: readonly Change[]): object[] {
  const records = new Map<string, object | null>()
  for (const { type, id, after } of changes) {
    // What is vacuumed was superseded since, what is erased stays without content.
    if (type === 'delete') records.delete(id!)
    else records.set(id!, after && { id, ...imageOf(after) })
  }
  return [...records.values()].filter((record) => record !== null)
}

/** Every version of one record as the log tells it. */
export function judgeVersions(
  told: readonly Pick<Change, 'position' | 'type' | 'before' | 'after'>[],
  known: readonly Version[],
): void {
  expect(told.map(({ position, type }) => ({ position, type }))).toEqual(
    known.map(({ position, type }) => ({ position, type })),
  )
  for (const [index, version] of known.entries()) {
    judgeImage(told[index]!.after, version.after, version.gone)
    judgeImage(told[index]!.before, version.before, known[index - 1]?.gone ?? null)
  }
}

function judgeImage(told: RecordImage | null, known: ModelRecord | null, gone: Version['gone']): void {
  // Of what is vacuumed the log keeps what later versions stand on.
  if (gone === 'erased' || (gone === 'vacuumed' && told === null)) expect(told).toBeNull()
  else expect(told && imageOf(told)).toEqual(known && imageOf(known))
}

export async function readById(
  client: {
    getCollectionById: (options: { id: string; embeddingFunction: null }) => Promise<ReadableCollection>
  },
  id: string,
): Promise<unknown> {
  return (await client.getCollectionById({ id, embeddingFunction: null })).get()
}

export async function refused(call: Promise<unknown>, code: string): Promise<void> {
  await expect(call).rejects.toMatchObject({ code })
}
