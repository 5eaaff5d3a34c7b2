import { expect, test } from 'vitest'
import { Turns } from '../src/turns.ts'

test('turns are given in order, one in each turn of the event loop, and timers get theirs in between', async () => {
  const turns = new Turns()
  const order: number[] = []
  let timers = 0
  const counting = setInterval(() => timers++, 1)
  // Longer than the timer waits: it is due after every turn.
  const busy = () => {
    for (const start = performance.now(); performance.now() - start < 3; );
  }
  const timersBefore = new Set<number>()
  await Promise.all(
    Array.from({ length: 50 }, async (_, at) => {
      await turns.next()
      timersBefore.add(timers)
      busy()
      order.push(at)
    }),
  )
  clearInterval(counting)
  expect(order).toEqual(Array.from({ length: 50 }, (_, at) => at))
  // In one turn of the event loop no timer would have come between.
  expect(timersBefore.size).toBe(50)
})

test('a turn that is asked for later is given, too', async () => {
  const turns = new Turns()
  await turns.next()
  await turns.next()
  await Promise.all([turns.next(), turns.next()])
})
