// Reads folders from stdin, one path per line, asks each twice, and prints what came of it, one line of JSON each.
import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { AnnalsError } from '../../../dist/index.js'
import { answersOf } from './answers.js'

process.removeAllListeners('warning')
process.on('warning', () => undefined)
const path = process.stdin
for await (const folder of createInterface({ input: path })) {
  const outcomes = []
  for (let round = 0; round < 2; round++) outcomes.push(await outcomeOf(folder))
  process.stdout.write(`${JSON.stringify({ folder, outcomes })}\n`)
}

async function outcomeOf(folder) {
  try {
    const answers = await answersOf(folder)
    return { answers: createHash('sha256').update(JSON.stringify(answers)).digest('hex') }
  } catch (error) {
    if (error instanceof AnnalsError) return { code: error.code, message: error.message }
    return { unnamed: `${error?.stack ?? error}` }
  }
}
