import type { ChangeFeed, ChangeOptions } from '../../readers/changes.ts'
import type { Identity } from '../access/access.ts'
import { describeError, wrongValue } from './http-error.ts'
import type { Call } from './route.ts'
import { isVisibleTo } from './store-wide.ts'
import { eventOf } from './streams.ts'

/** Tells the client, and whatever stands between, that the connection lives. */
const heartbeat = ': \n\n'

/**
 * A change feed as server-sent events. A client that comes back with `Last-Event-ID` goes on behind the change
 * that it saw last. The next change is read when the one before was taken, so a slow client holds no memory here.
 */
export function changeEvents(
  { query, request, server, signal }: Call,
  open: (options: ChangeOptions) => ChangeFeed,
): AsyncGenerator<string, void, undefined> {
  const live = query.flag('live') ?? true
  const after = lastEventId(request.headers['last-event-id']) ?? query.integer('after') ?? 0
  const { identity } = request
  return told(open({ after, live, signal }), { identity, live, heartbeatMs: server.heartbeatMs, signal })
}

interface Telling {
  identity: Identity | null
  live: boolean
  heartbeatMs: number
  signal: AbortSignal
}

async function* told(
  feed: ChangeFeed,
  { identity, live, heartbeatMs, signal }: Telling,
): AsyncGenerator<string, void, undefined> {
  const changes = feed[Symbol.asyncIterator]()
  // At once, so that the client knows that it is connected.
  yield heartbeat
  try {
    for (let next = changes.next(); ; ) {
      const item = await within(next, heartbeatMs)
      if (item === null) {
        yield heartbeat
        continue
      }
      if (item.done === true) break
      if (isVisibleTo(identity, item.value)) yield eventOf('change', item.value, item.value.position)
      next = changes.next()
    }
    if (!live && !signal.aborted) yield eventOf('end', {})
  } catch (error) {
    yield eventOf('error', describeError(error).body)
  } finally {
    await changes.return()
  }
}

/** What is awaited, or `null` when it takes longer than `ms`. */
async function within<T>(awaited: Promise<T>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, ms, null)
  })
  try {
    return await Promise.race([awaited, late])
  } finally {
    clearTimeout(timer)
  }
}

function lastEventId(value: unknown): number | undefined {
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string' && /^\d{1,16}$/.test(value)) return Number(value)
  throw wrongValue('Last-Event-ID: must be a position, a whole number')
}
