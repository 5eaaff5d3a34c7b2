import { limits } from '../limits.ts'

interface Range {
  firstLabel: number
  nextLabel: number
}

/**
 * Which neighbouring segments to build again as one. Pure.
 *
 * `mergeAll`: every segment is in a group, as large as a segment may be. Otherwise only segments that have a
 * neighbour to merge with: one no more than twice as large as all that were gathered before it, so that a
 * vector is built again a few times at most, however many small segments come after it.
 */
export function mergePlan<S extends Range>(
  segments: readonly S[],
  { mergeAll }: { mergeAll: boolean },
): S[][] {
  const groups: S[][] = []
  let size = 0
  // From the newest backwards: those are the small ones.
  for (const segment of [...segments].reverse()) {
    const vectors = segment.nextLabel - segment.firstLabel
    const group = groups.at(-1)
    const adjacent = group?.[0]?.firstLabel === segment.nextLabel
    const fits = size + vectors <= limits.segmentVectorsMax && (mergeAll || vectors <= 2 * size)
    if (group !== undefined && adjacent && fits) {
      group.unshift(segment)
      size += vectors
    } else {
      groups.push([segment])
      size = vectors
    }
  }
  return groups.filter((group) => mergeAll || group.length > 1).reverse()
}
