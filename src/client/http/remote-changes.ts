import { AnnalsError } from '../../errors.ts'
import type { Change, ChangeOptions } from '../../readers/changes.ts'
import { parsePlainJson } from '../../wire/json.ts'
import { decodeChange } from '../../wire/results.ts'
import { Exchange } from './exchange.ts'
import { connectionLost } from './failure.ts'
import { type Parameters, withQuery } from './paths.ts'
import { retryDelayMs } from './retry.ts'
import { eventError, events, silenceMs } from './streams.ts'
import type { Transport } from './transport.ts'

/** A live feed that was connected once looks for its server for so long before it gives up. */
const outageMsMax = 600_000
/** Attempts of a feed that has not been connected, or that ends. */
const attemptsMax = 3

/**
 * Changes from a server, in order, each once: a lost connection is made again, behind the last change that came.
 * A live feed outlasts restarts of the server; it ends with the signal and with the client's close.
 */
export async function* remoteChanges(
  connect: () => Transport,
  path: string,
  parameters: Parameters,
  options: ChangeOptions,
  signal: AbortSignal,
): AsyncGenerator<Change, void, undefined> {
  const { live = false } = options
  const transport = connect()
  const reader = new Reader(transport, signal, options)
  for (;;) {
    try {
      for await (const change of reader.connected(path, parameters)) yield change
      return
    } catch (error) {
      if (signal.aborted) return
      // The client's close is the end of a feed that has none of its own.
      if (transport.isClosed && live) return
      await reader.recover(error)
      if (signal.aborted) return
    }
  }
}

class Reader {
  readonly #transport: Transport
  readonly #signal: AbortSignal
  readonly #live: boolean
  readonly #tell: NonNullable<ChangeOptions['onConnection']>
  #after: number
  #wasConnected = false
  #attempts = 0
  #lostAt = 0
  /** Whether the loss of a connection was told, and its return was not. */
  #isLost = false

  constructor(transport: Transport, signal: AbortSignal, options: ChangeOptions) {
    const { after = 0, live = false, onConnection = () => undefined } = options
    this.#transport = transport
    this.#signal = signal
    this.#after = after
    this.#live = live
    this.#tell = onConnection
  }

  /** One connection, to its end. Returns when there is nothing more to come, ever. */
  async *connected(path: string, parameters: Parameters): AsyncGenerator<Change, void, undefined> {
    const idleMs = this.#live ? silenceMs : null
    const call = {
      method: 'GET' as const,
      path: withQuery(path, { ...parameters, after: this.#after, live: this.#live }),
      headers: {
        accept: 'text/event-stream',
        ...(this.#wasConnected && { 'last-event-id': `${this.#after}` }),
      },
      signal: this.#signal,
      timeoutMs: idleMs,
    }
    const opened = await this.#transport.stream(call, idleMs)
    this.#wasConnected = true
    this.#attempts = 0
    if (this.#isLost) this.#tell({ connected: true, error: null })
    this.#isLost = false
    for await (const event of events(opened)) {
      if (event.event === 'error') throw eventError(event)
      if (event.event === 'end') {
        if (!this.#live) return
        break
      }
      if (event.event !== 'change') continue
      const change = decodeChange(parsePlainJson(event.data))
      this.#after = change.position
      yield change
    }
    throw connectionLost(this.#transport.origin, new Error('the feed ended'))
  }

  /** Waits before the next connection, or throws what there is no way around. */
  async recover(error: unknown): Promise<void> {
    if (this.#attempts === 0) this.#lostAt = Date.now()
    this.#attempts += 1
    const isPatient = this.#live && this.#wasConnected
    const isOver = isPatient ? Date.now() - this.#lostAt > outageMsMax : this.#attempts > attemptsMax
    if (isOver || !isOutage(error, isPatient)) throw error
    if (this.#wasConnected && !this.#isLost) this.#tell({ connected: false, error })
    this.#isLost = this.#wasConnected
    const exchange = new Exchange(this.#signal, () => undefined)
    try {
      await exchange.pause(retryDelayMs(this.#attempts, Math.random(), null) ?? 0)
    } catch {
      // The signal: the feed looks at it next.
    } finally {
      exchange.release()
    }
  }
}

/** Whether the server may be back in a while. Before the first connection, calls have been repeated already. */
function isOutage(error: unknown, isPatient: boolean): error is AnnalsError {
  if (!(error instanceof AnnalsError)) return false
  if (error.code === 'connection_lost') return true
  const { code, status } = error
  return isPatient && (code === 'connection_failed' || code === 'timed_out' || status === 503)
}
