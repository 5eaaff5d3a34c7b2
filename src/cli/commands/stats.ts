import type { Command } from 'commander'
import type { StoreStats } from '../../index.ts'
import { run, storeCommand } from '../command.ts'
import type { Interrupt } from '../interrupt.ts'
import type { Output } from '../output.ts'
import { bytesText, countText, timeText } from '../units.ts'

/** `annals stats`: figures of an open store. */
export function stats(interrupt: Interrupt): Command {
  return storeCommand('stats', {
    description:
      'Shows figures of the store: head and root of the log, bytes on disk and in memory, and what every collection has.',
    examples: [
      ['stats', 'of the store in ./annals-data'],
      ['stats --url http://localhost:8000', 'of a running server'],
      ['stats --json | jq .head', 'for machines'],
    ],
  }).action(
    run<object, []>(interrupt, async (session) => {
      const { out } = session
      const figures = await (await session.client()).stats()
      if (out.json) return out.record(figures)
      await out.lines(storeLines(out, figures))
      if (figures.collections.length > 0) await out.lines(['', ...(await collectionLines(out, figures))])
    }),
  )
}

function storeLines(out: Output, figures: StoreStats): string[] {
  const { disk, recovery } = figures
  const { metadataReplaced, lost, truncatedTo } = recovery
  return out.fields([
    ['store', figures.path ?? 'in memory'],
    ['id', figures.storeId],
    ['epoch', figures.epoch],
    ['head', `position ${countText(figures.head)}, ${timeText(figures.committedAt)}`],
    ['root', figures.root],
    [
      'on disk',
      `log ${bytesText(disk.log)}, tables ${bytesText(disk.metadata)}, graphs ${bytesText(disk.segments)}`,
    ],
    [
      'in memory',
      `${bytesText(figures.vectorMemoryBytes)} of ${bytesText(figures.memoryBudgetBytes)} for vectors`,
    ],
    ['building', figures.sealing > 0 ? countText(figures.sealing) : null],
    ['derived anew', metadataReplaced],
    ['lost', lost.length > 0 ? `${countText(lost.length)} operation records, given up by recovery` : null],
    ['cut off', truncatedTo === null ? null : `behind position ${truncatedTo}, never acknowledged`],
  ])
}

async function collectionLines(out: Output, { collections }: StoreStats): Promise<string[]> {
  const { cyan, bold, dim } = out.style
  const table = await out.table([
    { head: 'COLLECTION', cuttable: true, style: cyan },
    { head: 'RECORDS', align: 'right', style: bold },
    { head: 'DIM', align: 'right' },
    { head: 'SEGMENTS', align: 'right' },
    { head: 'SEALED', align: 'right' },
    { head: 'GROWING', align: 'right' },
    { head: 'MEMORY', align: 'right' },
    { head: 'LAST', align: 'right', style: dim },
  ])
  return table.lines(
    collections.map((one) => [
      one.tenant === 'default_tenant' && one.database === 'default_database'
        ? one.name
        : `${one.tenant}/${one.database}/${one.name}`,
      countText(one.records),
      one.dimension === null ? '–' : String(one.dimension),
      countText(one.sealedSegments),
      countText(one.sealedVectors),
      countText(one.growingVectors),
      bytesText(one.memoryBytes),
      String(one.lastPosition),
    ]),
  )
}
