import type { Difference, OpenDiff } from '../../audit/diff.ts'
import { decodeDifference } from '../../wire/results.ts'
import { diffHeaders, wholeNumber } from '../../wire/write-headers.ts'
import { answerInvalid } from './failure.ts'
import { lines } from './streams.ts'
import type { Transport } from './transport.ts'

/** The differences that a route answers; of one collection they are all about records. */
export async function openRemoteDiff<D extends Difference>(
  transport: Transport,
  path: string,
): Promise<OpenDiff<D>> {
  const opened = await transport.stream({ method: 'GET', path, timeoutMs: null })
  const from = wholeNumber(opened.header(diffHeaders.from))
  const to = wholeNumber(opened.header(diffHeaders.to))
  if (from !== null && to !== null) return { from, to, differences: decoded<D>(lines(opened)) }
  await opened.chunks.return()
  throw answerInvalid('the diff', 'does not say between which positions it is')
}

async function* decoded<D extends Difference>(items: AsyncIterable<unknown>): AsyncGenerator<D> {
  for await (const item of items) yield decodeDifference(item) as D
}
