import { setImmediate as nextTurn } from 'node:timers/promises'

/** Runs long work in the steps that it yields after, with a turn of the event loop between them. */
export async function inTurns<Result>(steps: Generator<void, Result>): Promise<Result> {
  for (;;) {
    const step = steps.next()
    if (step.done) return step.value
    await nextTurn()
  }
}
