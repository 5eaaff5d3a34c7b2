/**
 * Random operations on a real store, each answer judged by a plain model. A failure prints the seed and a short
 * list of operations that shows it; run it again with ANNALS_MODEL_SEED, and it looks longer for a shorter one.
 */
import fc from 'fast-check'
import { test } from 'vitest'
import type { Space } from '../../src/index.ts'
import { type Operation, operation } from './operations.ts'
import { Run } from './run.ts'
import { shortened } from './shorten.ts'

const operations = Number(process.env.ANNALS_MODEL_OPERATIONS ?? 2_000)
const given = process.env.ANNALS_MODEL_SEED
const seed = Number(given ?? Date.now() % 2 ** 31)
/** Of one run: a store of its own, judged as a whole at its end. */
const perRun = Math.min(100, operations)
/** A run takes a second; one that takes so long hangs. */
const runMsMax = 120_000
/** How long to look for fewer operations that fail too. */
const shorteningMs = given === undefined ? 20_000 : 120_000

async function judge(space: Space, steps: readonly Operation[], points: readonly number[]): Promise<void> {
  const run = new Run(space)
  try {
    for (const step of steps) await run.step(step)
    await run.end(points)
  } finally {
    await run.stop()
  }
}

test(`${operations} random operations answer as the model does (seed ${seed})`, {
  timeout: operations * 500 + runMsMax + shorteningMs,
}, async () => {
  process.stdout.write(`model: ${operations} operations, ANNALS_MODEL_SEED=${seed}\n`)
  const space = fc.constantFrom<Space>('l2', 'cosine', 'ip')
  const list = fc.array(operation, { minLength: perRun, maxLength: perRun, size: 'max' })
  const points = fc.array(fc.nat(100_000), { minLength: 8, maxLength: 8 })
  const property = fc.asyncProperty(space, list, points, judge)
  const numRuns = Math.ceil(operations / perRun)
  // fast-check cannot make a list of fixed length shorter, and makes what is in it smaller for very long.
  const how = { seed, numRuns, timeout: runMsMax, endOnFailure: true }
  const { counterexample, errorInstance } = await fc.check(property, how)
  if (counterexample === null) return
  const [inSpace, steps, at] = counterexample
  const short = await shortened(steps, (fewer) => judge(inSpace, fewer, at), shorteningMs)
  const told = short.steps.map((step) => `  ${JSON.stringify(step)}`).join('\n')
  const message = `ANNALS_MODEL_SEED=${seed}, ${inSpace}, points ${at}:\n${told}`
  throw new Error(message, { cause: short.error ?? errorInstance })
})
