import { setTimeout as pause } from 'node:timers/promises'

/** Long enough for a machine ten times slower, and short enough that a test that waits in vain says so itself. */
const patienceMs = 60_000

/** Waits until something is so; throws when it never comes to be. Whatever `what` throws is thrown at once. */
export async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + patienceMs
  while (!(await what())) {
    if (performance.now() > end) throw new Error(`waited ${patienceMs} ms in vain for: ${what}`)
    await pause(5)
  }
}

/** Counts turns of the event loop of this thread, as many as it can have, until `stop`. */
export function countTurns(): { readonly turns: number; stop: () => void } {
  const counter = {
    turns: 0,
    stop: () => clearImmediate(next),
  }
  const count = () => {
    counter.turns += 1
    next = setImmediate(count)
  }
  let next = setImmediate(count)
  return counter
}
