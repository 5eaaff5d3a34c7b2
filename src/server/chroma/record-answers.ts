/**
 * Answers of get and query as Chroma writes them: columns not asked for are `null`, embeddings have the fewest
 * digits from which the same float32 comes back, what is infinite is `null`. Large answers are written in pieces,
 * so that others get their turn.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { shortestFloat32 } from '../../portability/float-text.ts'
import type { GetResult, QueryResult } from '../../readers/results.ts'
import type { Include, Metadata } from '../../types.ts'
import { type Answer, jsonText, jsonType } from '../answer.ts'
import { jsonOf } from '../json.ts'

/** So many characters are written before others get their turn: a few milliseconds. */
const pieceLength = 262_144

/** The answer to a get; `include` is what was asked for. */
export function getAnswer(result: GetResult, include: readonly Include[]): Promise<Answer> {
  const { ids, documents, uris, embeddings } = result
  return written(
    (function* () {
      yield '{"ids":'
      yield* column(ids, jsonOf)
      yield ',"embeddings":'
      yield* column(include.includes('embeddings') ? embeddings : null, vectorText)
      yield ',"documents":'
      yield* column(documents, jsonOf)
      yield ',"uris":'
      yield* column(include.includes('uris') ? uris : null, jsonOf)
      yield ',"metadatas":'
      yield* column(metadatasOf(result.metadatas, uris), jsonOf)
      yield `,"include":${jsonOf(include)}}`
    })(),
  )
}

/** The answer to a query. */
export function queryAnswer(result: QueryResult, include: readonly Include[]): Promise<Answer> {
  const { ids, documents, uris, embeddings, distances } = result
  const metadatas =
    result.metadatas?.map((list, index) => metadatasOf(list, uris?.[index] ?? null) ?? []) ?? null
  return written(
    (function* () {
      yield '{"ids":'
      yield* columns(ids, jsonOf)
      yield ',"embeddings":'
      yield* columns(embeddings, vectorText)
      yield ',"documents":'
      yield* columns(documents, jsonOf)
      yield ',"uris":'
      yield* columns(include.includes('uris') ? uris : null, jsonOf)
      yield ',"metadatas":'
      yield* columns(metadatas, jsonOf)
      yield ',"distances":'
      yield* columns(distances, numberText)
      yield `,"include":${jsonOf(include)}}`
    })(),
  )
}

/** What the store must be asked for: whether a record has a uri decides how no metadata looks. */
export function columnsFor(include: readonly Include[]): Include[] {
  const wanted = new Set(include)
  if (wanted.has('metadatas')) wanted.add('uris')
  return [...wanted]
}

/** In Chroma a uri stands in a record's metadata: with one, no metadata is `{}`, not `null`. */
function metadatasOf(
  metadatas: readonly (Metadata | null)[] | null,
  uris: readonly (string | null)[] | null,
): (Metadata | null)[] | null {
  if (metadatas === null) return null
  return metadatas.map((metadata, index) => metadata ?? (uris?.[index] == null ? null : {}))
}

function* column<T>(values: readonly T[] | null, text: (value: T) => string): Generator<string> {
  if (values === null) return yield 'null'
  yield '['
  for (let index = 0; index < values.length; index++)
    yield index === 0 ? text(values[index]!) : `,${text(values[index]!)}`
  yield ']'
}

function* columns<T>(lists: readonly (readonly T[])[] | null, text: (value: T) => string): Generator<string> {
  if (lists === null) return yield 'null'
  yield '['
  for (let index = 0; index < lists.length; index++) {
    if (index > 0) yield ','
    yield* column(lists[index]!, text)
  }
  yield ']'
}

function numberText(value: number): string {
  return Number.isFinite(value) ? String(value) : 'null'
}

function vectorText(vector: readonly number[]): string {
  let text = '['
  for (let index = 0; index < vector.length; index++) {
    const value = shortestFloat32(vector[index]!)
    if (index > 0) text += ','
    text += Object.is(value, -0) ? '-0.0' : String(value)
  }
  return `${text}]`
}

/** Small answers in one piece, larger ones as a stream. */
async function written(parts: Generator<string>): Promise<Answer> {
  const first = nextPiece(parts)
  if (first.done) return { type: jsonType, body: first.text }
  return jsonText(
    (async function* () {
      let piece = first
      for (;;) {
        yield piece.text
        if (piece.done) return
        await nextTurn()
        piece = nextPiece(parts)
      }
    })(),
  )
}

function nextPiece(parts: Generator<string>): { text: string; done: boolean } {
  let text = ''
  while (text.length < pieceLength) {
    const { value, done } = parts.next()
    if (done === true) return { text, done }
    text += value
  }
  return { text, done: false }
}
