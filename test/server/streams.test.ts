import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { AnnalsError } from '../../src/errors.ts'
import { bytes, job, lines } from '../../src/server/http/streams.ts'
import { until } from '../support/until.ts'

/** Calls of jobs that need not tell that they live, and of those that must. */
const quiet = { server: { heartbeatMs: 60_000 }, request: { place: null } }
const talkative = { server: { heartbeatMs: 20 }, request: { place: null } }

/** Items without an end, of a length; tells how many were taken, and whether it was let go. */
function endless(length: number) {
  const state = { taken: 0, released: false }
  const items = async function* () {
    try {
      for (;;) {
        await nextTurn()
        state.taken += 1
        yield { text: 'x'.repeat(length) }
      }
    } finally {
      state.released = true
    }
  }
  return { state, items }
}

async function textOf(body: unknown): Promise<string> {
  let text = ''
  for await (const piece of body as Readable) text += String(piece)
  return text
}

test('what the client does not read is not read from the source', async () => {
  const { state, items } = endless(10_000)
  const { body } = await lines(items())
  const stream = body as Readable
  await once(stream, 'readable')
  // Whoever reads on takes an item in a turn: who has taken none in a thousand has stopped.
  let taken = -1
  while (state.taken > taken) {
    taken = state.taken
    for (let turn = 0; turn < 1_000; turn++) await nextTurn()
  }
  expect(taken).toBeLessThan(50)
  stream.destroy()
  await until(() => state.released)
})

test('a stream that nobody ever read lets go of its source', async () => {
  const { state, items } = endless(10)
  const { body } = await lines(items())
  ;(body as Readable).destroy()
  await until(() => state.released)
  expect(state.taken).toBe(1)
})

test('an error before the first line is thrown, a later one is the last line', async () => {
  const refused = async function* (): AsyncGenerator<object> {
    yield* []
    throw new AnnalsError('invalid_argument', 'no')
  }
  await expect(lines(refused())).rejects.toMatchObject({ code: 'invalid_argument' })
  const torn = async function* (): AsyncGenerator<object> {
    yield { n: 1 }
    throw new AnnalsError('log_damaged', 'torn', { position: 7 })
  }
  const text = await textOf((await lines(torn())).body)
  expect(
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object),
  ).toEqual([
    { n: 1 },
    { $error: { error: 'InternalError', message: 'torn', code: 'log_damaged', position: 7 } },
  ])
})

test('a slow reader is told the newest progress, and the result', async () => {
  const { body } = await job(quiet, async (tell) => {
    for (let done = 1; done <= 1_000; done++) {
      tell({ done })
      if (done % 100 === 0) await nextTurn()
    }
    return { ok: true }
  })
  const told = (await textOf(body))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, object>)
  expect(told.length).toBeLessThan(20)
  expect(told.slice(-2)).toEqual([{ progress: { done: 1_000 } }, { result: { ok: true } }])
})

test('work that fails at once is thrown; later it is the last line', async () => {
  await expect(job(quiet, () => Promise.reject(new AnnalsError('invalid_filter', 'no')))).rejects.toThrow(
    'no',
  )
  const late = await job(quiet, async (tell) => {
    tell(1)
    await nextTurn()
    throw new Error('a secret of the server')
  })
  const text = await textOf(late.body)
  expect(text).toContain('"$error":{"error":"InternalError"')
  expect(text).not.toContain('secret')
})

test('silent work tells by empty lines that it lives', async () => {
  let text = ''
  const { body } = await job(talkative, async (tell) => {
    tell(1)
    await until(() => text.endsWith('\n\n\n\n'))
    return 2
  })
  for await (const piece of body as Readable) text += String(piece)
  expect(text).toMatch(/^\{"progress":1\}\n\n\n\n+\{"result":2\}\n$/)
})

test('work that is silent from the start is answered all the same, and its failure is the last line', async () => {
  let fail = (_: Error): void => undefined
  const { body } = await job(talkative, () => new Promise((_, reject) => (fail = reject)))
  fail(new AnnalsError('log_damaged', 'torn'))
  expect(await textOf(body)).toMatch(/^\n+\{"\$error":\{.*"code":"log_damaged"\}\}\n$/)
})

test('bytes go out as they come', async () => {
  const chunks = async function* () {
    yield Buffer.from([1, 2])
    yield Buffer.from([3])
  }
  const received: Buffer[] = []
  for await (const chunk of bytes(chunks()).body as Readable) received.push(chunk as Buffer)
  expect(Buffer.concat(received)).toEqual(Buffer.from([1, 2, 3]))
})
