/** The tail of Chroma's `embeddings_queue`: what came in after a segment was last written. */
import type Database from 'better-sqlite3'
import { messageOf } from '../errors.ts'
import { parseExactJson } from '../format/exact-json.ts'

/** Chroma's numbers for what an entry does; 4, a backfill, changes no record. */
const operation = { add: 0, update: 1, upsert: 2, delete: 3 } as const

/** One entry of the queue, without its vector. */
export interface QueueEntry {
  seqId: number
  operation: number
  id: string
  hasVector: boolean
  /** JSON of the metadata update. */
  metadata: string | null
}

/** A record as Chroma's metadata segment has it: not checked yet. */
export interface ChromaContent {
  document: string | null
  uri: string | null
  metadata: Map<string, unknown>
  /** What of it could not be read. */
  problem: string | null
}

const pageEntries = 1_000

/** Chroma keeps document and uri among the metadata. */
export const documentKey = 'chroma:document'
export const uriKey = 'chroma:uri'

/** Chroma's write-ahead queue: writes that its index may not hold yet. */
export class ChromaQueue {
  readonly #db: Database.Database
  /** By the collection's id. */
  readonly #topics = new Map<string, string>()

  constructor(db: Database.Database) {
    this.#db = db
    const topics = db.prepare<[], string>('SELECT DISTINCT topic FROM embeddings_queue').pluck().all()
    for (const topic of topics) this.#topics.set(topic.slice(topic.lastIndexOf('/') + 1), topic)
  }

  /** The entries of a collection after a position, oldest first. */
  *after(collection: string, seqId: number): Generator<QueueEntry, void, undefined> {
    const topic = this.#topics.get(collection)
    if (topic === undefined) return
    const page = this.#db.prepare<[string, number, number], RawEntry>(
      `SELECT seq_id AS seqId, operation, id, vector IS NOT NULL AS hasVector, metadata
         FROM embeddings_queue WHERE topic = ? AND seq_id > ? ORDER BY seq_id LIMIT ?`,
    )
    let last = seqId
    while (true) {
      const entries = page.all(topic, last, pageEntries)
      for (const entry of entries) yield { ...entry, hasVector: entry.hasVector === 1 }
      if (entries.length < pageEntries) return
      last = entries.at(-1)!.seqId
    }
  }

  /** The vector of one entry, as it was handed in. Throws an `Error` that says what is wrong. */
  vector(seqId: number): Float32Array {
    const row = this.#db
      .prepare<[number], { vector: Buffer | null; encoding: string | null }>(
        'SELECT vector, encoding FROM embeddings_queue WHERE seq_id = ?',
      )
      .get(seqId)
    const bytes = row?.vector
    if (!Buffer.isBuffer(bytes) || bytes.length === 0 || bytes.length % 4 !== 0)
      throw new Error(`the queue has no whole vector at ${seqId}`)
    const integers = row?.encoding === 'INT32'
    if (!integers && row?.encoding !== 'FLOAT32')
      throw new Error(`the queue has a vector of the unknown encoding ${row?.encoding} at ${seqId}`)
    const vector = new Float32Array(bytes.length / 4)
    for (let i = 0; i < vector.length; i++)
      vector[i] = integers ? bytes.readInt32LE(4 * i) : bytes.readFloatLE(4 * i)
    return vector
  }
}

interface RawEntry extends Omit<QueueEntry, 'hasVector'> {
  hasVector: 0 | 1
}

/**
 * Where the vectors are that the queue's tail sets: the position of the entry that has it, or `null` for a record
 * that the tail deleted. Ids that the tail leaves alone are not there.
 */
export function vectorTail(
  entries: Iterable<QueueEntry>,
  inSegment: (id: string) => boolean,
): Map<string, number | null> {
  const tail = new Map<string, number | null>()
  const exists = (id: string) => (tail.has(id) ? tail.get(id) !== null : inSegment(id))
  for (const { id, seqId, hasVector, operation: kind } of entries) {
    if (kind === operation.delete) tail.set(id, null)
    else if (!hasVector) continue
    else if (kind === operation.upsert) tail.set(id, seqId)
    // An add of an id that exists, and an update of one that does not, do nothing in Chroma.
    else if (kind === (exists(id) ? operation.update : operation.add)) tail.set(id, seqId)
  }
  return tail
}

/** What the queue's tail makes of a record: its content, and whether it is a new one; `null`: deleted. */
export type ContentTail = Map<string, { content: ChromaContent; isNew: boolean } | null>

/** The records that the tail changes, with the changes merged into what the metadata segment has. */
export function contentTail(
  entries: Iterable<QueueEntry>,
  inSegment: (id: string) => ChromaContent | null,
): ContentTail {
  const tail: ContentTail = new Map()
  for (const entry of entries) {
    const { id } = entry
    const base = tail.has(id) ? null : inSegment(id)
    const present = tail.get(id) ?? (base === null ? null : { content: base, isNew: false })
    if (entry.operation === operation.delete) {
      // Deleted and set again, so that a record that comes back stands behind the others, as in Chroma.
      tail.delete(id)
      tail.set(id, null)
    } else if (takesEffect(entry.operation, present !== null)) {
      const { content, isNew } = present ?? { content: emptyContent(), isNew: true }
      if (present === null) tail.delete(id)
      tail.set(id, { content: mergeContent(content, entry), isNew })
    }
  }
  return tail
}

function takesEffect(kind: number, exists: boolean): boolean {
  return kind === operation.upsert || kind === (exists ? operation.update : operation.add)
}

function emptyContent(): ChromaContent {
  return { document: null, uri: null, metadata: new Map(), problem: null }
}

/** Keys that are `null` go, all others replace what is there. */
function mergeContent(old: ChromaContent, entry: QueueEntry): ChromaContent {
  if (entry.metadata === null) return old
  let update: Record<string, unknown>
  try {
    update = parseExactJson(Buffer.from(entry.metadata)) as Record<string, unknown>
  } catch (error) {
    return { ...old, problem: `the queue has no valid metadata at ${entry.seqId}: ${messageOf(error)}` }
  }
  const merged = { ...old, metadata: new Map(old.metadata) }
  for (const [key, value] of Object.entries(update ?? {})) {
    if (key === documentKey) merged.document = value as string | null
    else if (key === uriKey) merged.uri = value as string | null
    else if (value === null) merged.metadata.delete(key)
    else merged.metadata.set(key, value)
  }
  return merged
}
