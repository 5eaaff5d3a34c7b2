/**
 * The way to a server: requests out, answers in. What is passing is tried again, what failed is told in the store's
 * own errors.
 *
 * What holds:
 * - Nothing is loaded and no connection is made before the first call.
 * - A call is repeated only if that can do no harm: reads, and writes under their idempotency key.
 * - An error of a write says its fate; `not_written` only where no attempt can have reached the store.
 */
import type { Agent, Response } from 'undici'
import { AnnalsError, type Fate } from '../../errors.ts'
import { parsePlainJson, writeJson } from '../../wire/json.ts'
import { Exchange } from './exchange.ts'
import { answerInvalid, asWrite, connectionLost, type Failure, refused, unanswered } from './failure.ts'
import type { ServerAddress } from './http-client-options.ts'
import { parseRetryAfter, retryDelayMs } from './retry.ts'

/** One request, as it is meant. */
export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** With the query, from the slash on. */
  path: string
  body?: object
  headers?: Record<string, string>
  /** Changes the store: then errors say the fate of the data. */
  isWrite?: boolean
  /** May be repeated once it may have reached the server; default true. */
  isRepeatable?: boolean
  /** How long an attempt may take until the answer is there, or begins; `null`: as long as it takes. */
  timeoutMs?: number | null
  signal?: AbortSignal | undefined
}

/** An answer that is there as a whole. */
export interface Answer {
  header: (name: string) => string | null
  /** What the JSON says. */
  body: unknown
}

/** An answer that comes bit by bit. */
export interface OpenAnswer {
  header: (name: string) => string | null
  /** To be read to its end, or left early. Throws `connection_lost`, or the reason of the signal. */
  chunks: AsyncGenerator<Uint8Array, void, undefined>
}

/** Connections for calls that end; feeds and streams have as many as there are of them. */
const connectionsMax = 32
const connectTimeoutMs = 10_000

interface Loaded {
  fetch: typeof import('undici').fetch
  calls: Agent
  streams: Agent
}

/** The connections of one client to one server. */
export class Transport {
  readonly #address: ServerAddress
  readonly #open = new Map<Exchange, Call>()
  #loading: Promise<Loaded> | null = null
  #isClosed = false

  constructor(address: ServerAddress) {
    this.#address = address
  }

  get origin(): string {
    return this.#address.origin
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Asks, and reads the answer to its end. */
  async json(given: Call): Promise<Answer> {
    const call = prepared(given)
    const exchange = this.#begin(call)
    try {
      return await this.#repeat(call, exchange, async (response) => {
        const text = await response.text()
        return { header: (name) => response.headers.get(name), body: this.#parse(call, text) }
      })
    } finally {
      exchange.release()
    }
  }

  /** Asks, and leaves the answer to be read. `idleMs`: how long it may stay silent in between. */
  async stream(given: Call, idleMs: number | null = null): Promise<OpenAnswer> {
    const call = prepared(given)
    const exchange = this.#begin(call)
    try {
      const response = await this.#repeat(call, exchange, async (answer) => answer, 'streams')
      exchange.limit(null, () => undefined)
      return {
        header: (name) => response.headers.get(name),
        chunks: this.#chunks(response, exchange, idleMs),
      }
    } catch (error) {
      exchange.release()
      throw error
    }
  }

  /** Ends what is under way with `store_closed`, and lets go of the connections; idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const [exchange, { isWrite = false }] of this.#open)
      exchange.end(clientClosed(isWrite ? 'indeterminate' : 'not_written'))
    const loaded = await this.#loading?.catch(() => null)
    if (loaded == null) return
    await Promise.all([loaded.calls.destroy(), loaded.streams.destroy()])
  }

  #begin(call: Call): Exchange {
    if (this.#isClosed) throw clientClosed()
    const exchange = new Exchange(call.signal, (released) => this.#open.delete(released))
    this.#open.set(exchange, call)
    return exchange
  }

  async #repeat<T>(
    call: Prepared,
    exchange: Exchange,
    consume: (response: Response) => Promise<T>,
    pool: 'calls' | 'streams' = 'calls',
  ): Promise<T> {
    let mayBeDone = false
    for (let attempt = 1; ; attempt++) {
      const outcome = await this.#attempt(call, exchange, consume, pool)
      if ('value' in outcome) return outcome.value
      const { error, retryAfterMs } = outcome.failure
      const delayMs = this.#mayRepeat(call, outcome.failure, attempt)
        ? retryDelayMs(attempt, Math.random(), retryAfterMs)
        : null
      mayBeDone ||= outcome.failure.mayBeDone
      if (delayMs === null) throw call.isWrite === true ? asWrite(error, mayBeDone) : error
      await exchange.pause(delayMs)
    }
  }

  #mayRepeat({ isRepeatable = true }: Call, { isPassing, mayBeDone }: Failure, attempt: number): boolean {
    return isPassing && attempt <= this.#address.retries && (isRepeatable || !mayBeDone)
  }

  async #attempt<T>(
    call: Prepared,
    exchange: Exchange,
    consume: (response: Response) => Promise<T>,
    pool: 'calls' | 'streams',
  ): Promise<{ value: T } | { failure: Failure }> {
    const { fetch, ...agents } = await this.#load()
    exchange.signal.throwIfAborted()
    const { origin } = this.#address
    const { timeoutMs = this.#address.timeoutMs } = call
    exchange.limit(timeoutMs, () => tooSlow(call, timeoutMs))
    try {
      const response = await fetch(origin + call.path, {
        method: call.method,
        headers: this.#headers(call),
        body: call.text,
        // A header with a secret must not follow to another host.
        redirect: 'manual',
        signal: exchange.signal,
        dispatcher: agents[pool],
      })
      if (response.ok) return { value: await consume(response) }
      const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'), Date.now())
      const answer = { status: response.status, text: await response.text(), retryAfterMs }
      return { failure: refused(answer, nameOf(call)) }
    } catch (thrown) {
      if (exchange.signal.aborted) throw exchange.signal.reason
      // Its own words for an answer that makes no sense: it was an answer, and there will be no better one.
      if (thrown instanceof AnnalsError)
        return { failure: { error: thrown, mayBeDone: true, isPassing: false, retryAfterMs: null } }
      return { failure: unanswered(thrown, origin) }
    }
  }

  async *#chunks(
    response: Response,
    exchange: Exchange,
    idleMs: number | null,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const reader = response.body?.getReader()
    const silence = () => connectionLost(this.origin, new Error(`nothing came for ${idleMs} ms`))
    try {
      while (reader !== undefined) {
        exchange.limit(idleMs, silence)
        const { done, value } = await reader.read()
        // However long the reader of this takes: that is not the server's silence.
        exchange.limit(null, silence)
        if (done) return
        yield value
      }
    } catch (error) {
      throw exchange.signal.aborted ? exchange.signal.reason : connectionLost(this.origin, error)
    } finally {
      exchange.release()
      await reader?.cancel().catch(() => undefined)
    }
  }

  #headers({ body, headers }: Call): Record<string, string> {
    return {
      accept: 'application/json, application/x-ndjson, text/event-stream, application/octet-stream',
      ...this.#address.headers,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    }
  }

  #parse(call: Call, text: string): unknown {
    try {
      return parsePlainJson(text)
    } catch (cause) {
      throw answerInvalid(nameOf(call), 'is not JSON', cause)
    }
  }

  #load(): Promise<Loaded> {
    this.#loading ??= load(this.#address).catch((error: unknown) => {
      this.#loading = null
      throw error
    })
    return this.#loading
  }
}

async function load({ ca }: ServerAddress): Promise<Loaded> {
  const { Agent, fetch } = await import('undici')
  const options = {
    connect: { timeout: connectTimeoutMs, ...(ca !== null && { ca }) },
    // Time is limited call by call.
    headersTimeout: 0,
    bodyTimeout: 0,
  }
  return {
    fetch,
    calls: new Agent({ ...options, connections: connectionsMax }),
    streams: new Agent(options),
  }
}

/** A call with its body as text, as it was when the call was made. */
interface Prepared extends Call {
  text: string | null
}

function prepared(call: Call): Prepared {
  return { ...call, text: call.body === undefined ? null : writeJson(call.body) }
}

/** How messages name a call; the query may be long, and may hold what is private. */
function nameOf({ method, path }: Call): string {
  return `${method} ${path.split('?', 1)[0]}`
}

function tooSlow(call: Call, timeoutMs: number | null): AnnalsError {
  return new AnnalsError('timed_out', `${nameOf(call)} had no answer within ${timeoutMs} ms.`, {
    hint: 'Raise timeoutMs, or ask for less at once.',
    ...(call.isWrite === true && { fate: 'indeterminate' }),
  })
}

/** What calls of a closed client are refused with. */
export function clientClosed(fate: Fate = 'not_written'): AnnalsError {
  return new AnnalsError('store_closed', 'This client is closed.', {
    fate,
    hint: 'Make a new client.',
  })
}
