import { setImmediate as nextTurn } from 'node:timers/promises'
import type { SealedSegment } from '../projections/vectors/sealed-segment.ts'
import { TopK } from '../projections/vectors/top-k.ts'
import type { VectorIndex } from '../projections/vectors/vector-index.ts'

/** Live vectors of each segment whose neighbours are looked up both ways. */
const sampleSize = 100
const sampleNeighbors = 10
/** Values that are compared before the event loop gets its turn: about 5 ms. */
const valuesPerTurn = 2_000_000

/**
 * How much of the truth graphs find that are to join an index: the share of the 10 nearest, for live vectors
 * spread evenly over each; 1 where there is nothing to find. The dead of the index become dead in them.
 * Throws the reason of whichever signal ends it.
 */
export async function sampledRecall(
  index: VectorIndex,
  segments: readonly SealedSegment[],
  ef: number,
  ends: readonly AbortSignal[],
): Promise<number> {
  let found = 0
  let sought = 0
  for (const segment of segments) {
    index.buryDead(segment)
    const live = liveLabels(index, segment)
    const step = Math.max(1, Math.floor(live.length / sampleSize))
    for (let at = 0; at < live.length; at += step) {
      const query = segment.vectorAt(live[at]!)!
      const worst = await farthest(segment, query, live)
      for (const end of ends) end.throwIfAborted()
      const near = segment.search(query, sampleNeighbors, ef)
      found += near.filter(({ distance }) => distance <= worst).length
      sought += Math.min(sampleNeighbors, live.length)
    }
  }
  return sought === 0 ? 1 : found / sought
}

function liveLabels(index: VectorIndex, { firstLabel, nextLabel }: SealedSegment): Uint32Array {
  const labels = Uint32Array.from({ length: nextLabel - firstLabel }, (_, at) => firstLabel + at)
  return labels.filter((label) => index.labels.isLive(label))
}

/** Distance of the last of the nearest, found by looking at every one of the labels. */
async function farthest(segment: SealedSegment, query: Float32Array, labels: Uint32Array): Promise<number> {
  const nearest = new TopK(sampleNeighbors)
  const perTurn = Math.max(1, Math.floor(valuesPerTurn / query.length))
  for (let from = 0; from < labels.length; from += perTurn) {
    segment.scan(query, nearest, { labels: labels.subarray(from, from + perTurn) })
    await nextTurn()
  }
  return nearest.sorted().at(-1)?.distance ?? 0
}
