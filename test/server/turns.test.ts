import { expect, test } from 'vitest'
import { Turns } from '../../src/server/operation/turns.ts'

test('turns are given in order, one in each turn of the event loop, and timers get theirs in between', async () => {
  const turns = new Turns()
  const order: number[] = []
  let loops = 0
  const counting = setInterval(() => loops++, 1)
  const busy = () => {
    for (const start = performance.now(); performance.now() - start < 3; );
  }
  let longestMs = 0
  let last = performance.now()
  const watch = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - last)
    last = performance.now()
  }, 1)
  await Promise.all(
    Array.from({ length: 50 }, async (_, at) => {
      await turns.next()
      busy()
      order.push(at)
    }),
  )
  clearInterval(counting)
  clearInterval(watch)
  expect(order).toEqual(Array.from({ length: 50 }, (_, at) => at))
  // Together they take 150 ms: in one turn no timer would have come between.
  expect(loops).toBeGreaterThan(10)
  expect(longestMs).toBeLessThan(140)
})

test('a turn that is asked for later is given, too', async () => {
  const turns = new Turns()
  await turns.next()
  await turns.next()
  await Promise.all([turns.next(), turns.next()])
})
