/**
 * Answers that go on: items line by line, long work with its progress, events, bytes.
 *
 * What holds: nothing is read ahead of what the client takes but what one piece and the socket hold; when the
 * client goes, the source is told so, and lets go of what it holds.
 */
import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { streamErrorKey } from '../../wire/error-body.ts'
import { during } from '../operation/load-gate.ts'
import { type Answer, bytesType, eventsType, linesType } from './answer.ts'
import type { ServerContext } from './context.ts'
import { describeError } from './http-error.ts'
import { jsonOf } from './json.ts'

/** Lines are sent together, up to about so many characters … */
const pieceLength = 65_536
/** … or as many as came within so long. */
const pieceMs = 20

/**
 * One item a line. The first one is awaited, so that an error before it is answered as an error; a later one ends
 * the stream with the line `{"$error": …}`.
 */
export async function lines(items: AsyncIterable<unknown>): Promise<Answer> {
  const { texts, release } = await begun(items)
  return { type: linesType, body: stream(joined(texts), release) }
}

/** An item that is an empty line. */
const signOfLife = Symbol('sign of life')

/** Tells how far the work is: anything that JSON can hold. */
export type Tell = (progress: unknown) => void

/** Tells something that must not be missed, as a line of its own. */
export type Note = (line: object) => void

/** What a job needs of the call that asked for it. */
type JobCall = Readonly<{
  server: Pick<ServerContext, 'heartbeatMs'>
  request: Pick<FastifyRequest, 'place'>
}>

/**
 * Long work: lines of `{"progress": …}` and what else is noted, then one of `{"result": …}`. Where the client reads
 * slower than the work goes on, it is told the newest progress only. Work that is silent for `heartbeatMs` sends an
 * empty line, which also begins the answer. An error before the first line is answered as an error. Work that
 * goes on without its reader keeps its place among the streams.
 */
export async function job(
  { server, request }: JobCall,
  run: (tell: Tell, note: Note) => Promise<unknown>,
): Promise<Answer> {
  const work = (tell: Tell, note: Note) => during(request.place, () => run(tell, note))
  const { texts, release } = await begun(progressOf(work, server.heartbeatMs))
  return { type: linesType, body: stream(texts, release) }
}

/** Server-sent events, as `eventOf` writes them. The connection ends with them: a server that stops need not wait. */
export function events(items: AsyncIterable<string>): Answer {
  const headers = { 'cache-control': 'no-cache', 'x-accel-buffering': 'no', connection: 'close' }
  return { type: eventsType, body: stream(items), headers }
}

/** One server-sent event. */
export function eventOf(event: string, data: unknown, id?: number): string {
  const head = id === undefined ? '' : `id: ${id}\n`
  return `${head}event: ${event}\ndata: ${jsonOf(data)}\n\n`
}

/** Bytes as they come. */
export function bytes(chunks: AsyncIterable<Uint8Array>): Answer {
  return { type: bytesType, body: stream(chunks) }
}

/** `release` is called when the stream is closed, read or not: a generator that never began ends without a word. */
function stream(pieces: AsyncIterable<string | Uint8Array>, release?: () => void): Readable {
  const readable = Readable.from(pieces, { objectMode: false })
  if (release !== undefined) readable.once('close', release)
  return readable
}

interface Begun {
  texts: AsyncGenerator<string, void, undefined>
  release: () => void
}

/** The lines of `items`, once the first is there. */
async function begun(items: AsyncIterable<unknown>): Promise<Begun> {
  const iterator = items[Symbol.asyncIterator]()
  const texts = linesOf(await iterator.next(), iterator)
  return { texts, release: () => void iterator.return?.().catch(() => undefined) }
}

async function* linesOf(
  first: IteratorResult<unknown>,
  iterator: AsyncIterator<unknown>,
): AsyncGenerator<string, void, undefined> {
  try {
    for (let item = first; item.done !== true; item = await iterator.next())
      yield item.value === signOfLife ? '\n' : `${jsonOf(item.value)}\n`
  } catch (error) {
    yield `${jsonOf({ [streamErrorKey]: describeError(error).body })}\n`
  } finally {
    await iterator.return?.()
  }
}

async function* joined(texts: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let piece = ''
  let sent = performance.now()
  for await (const text of texts) {
    piece += text
    if (piece.length < pieceLength && performance.now() - sent < pieceMs) continue
    yield piece
    piece = ''
    sent = performance.now()
  }
  if (piece !== '') yield piece
}

async function* progressOf(
  run: (tell: Tell, note: Note) => Promise<unknown>,
  heartbeatMs: number,
): AsyncGenerator<object | typeof signOfLife, void, undefined> {
  let told: object | null = null
  let noted: object[] = []
  let wake = (): void => undefined
  let ended = false
  const tell: Tell = (progress) => {
    told = { progress }
    wake()
  }
  const note: Note = (line) => {
    noted.push(line)
    wake()
  }
  const work = run(tell, note).finally(() => {
    ended = true
    wake()
  })
  // Awaited below; a failure must not count as unhandled while progress is still being sent.
  work.catch(() => undefined)
  const hasNews = (): boolean => told !== null || noted.length > 0
  while (!ended || hasNews()) {
    const news: object[] = told === null ? noted : [...noted, told]
    noted = []
    told = null
    yield* news
    if (hasNews() || ended) continue
    const isSilent = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(resolve, heartbeatMs, true).unref()
      wake = () => {
        clearTimeout(timer)
        resolve(false)
      }
    })
    if (isSilent) yield signOfLife
  }
  yield { result: await work }
}
