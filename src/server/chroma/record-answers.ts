/**
 * Answers of get and query as Chroma writes them: columns not asked for are `null`, embeddings and distances have the
 * fewest digits from which the same float32 comes back, what is infinite is `null`. Large answers are written in pieces,
 * so that others get their turn.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { floatsText, floatText } from '../../exact-number.ts'
import { shortestFloat32 } from '../../portability/float-text.ts'
import type { GetResult, QueryResult } from '../../readers/results.ts'
import type { SearchResult } from '../../readers/search-result.ts'
import type { Include, Metadata } from '../../types.ts'
import { type Answer, jsonText, jsonType } from '../http/answer.ts'
import { jsonOf } from '../http/json.ts'

/** So many characters are written before others get their turn: a few milliseconds. */
const pieceLength = 262_144

/** The answer to a get; `include` is what was asked for, `readToken` where a transaction asked. */
export function getAnswer(
  result: GetResult,
  include: readonly Include[],
  readToken?: number,
): Promise<Answer> {
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
      yield `,"include":${jsonOf(include)}${readToken === undefined ? '' : `,"read_token":${readToken}`}}`
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
      yield* columns(distances, distanceText)
      yield `,"include":${jsonOf(include)}}`
    })(),
  )
}

/** The answer to a search. */
export function searchAnswer(result: SearchResult): Promise<Answer> {
  const orNull =
    <T>(text: (value: T) => string) =>
    (value: T | null) =>
      value === null ? 'null' : text(value)
  return written(
    (function* () {
      yield `{"ids":${jsonOf(result.ids)},"documents":`
      yield* optionalColumns(result.documents, jsonOf)
      yield ',"embeddings":'
      yield* optionalColumns(result.embeddings, orNull(vectorText))
      yield ',"metadatas":'
      yield* optionalColumns(result.metadatas, jsonOf)
      yield ',"scores":'
      yield* optionalColumns(result.scores, orNull(floatText))
      yield `,"select":${jsonOf(result.select)}}`
    })(),
  )
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
  if (lists === null) yield 'null'
  else yield* optionalColumns(lists, text)
}

function* optionalColumns<T>(
  lists: readonly (readonly T[] | null)[],
  text: (value: T) => string,
): Generator<string> {
  yield '['
  for (let index = 0; index < lists.length; index++) {
    if (index > 0) yield ','
    yield* column(lists[index] ?? null, text)
  }
  yield ']'
}

/** With the fewest digits from which the same float32 comes back; whole values as floats. */
function vectorText(vector: readonly number[]): string {
  return floatsText(vector.map(shortestFloat32))
}

/** Distances are single precision, as in Chroma. */
function distanceText(distance: number): string {
  return floatText(shortestFloat32(distance))
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
